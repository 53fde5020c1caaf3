"""What the vectors of a sentence's pairs share: means and maxima of hidden states over tokens, each computed once.

Apart from ``types``, which reads no hidden state, every part of a pooling is the mean or the maximum of one layer's
states over a range of tokens, or two of them side by side. All pairs of a sentence share the ranges of their mentions
and of the whole sentence. :func:`pieces_of` computes the different ranges of a batch, and :func:`joined` puts the
vectors together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.pooling import Places, PoolingPart, is_two_sided, reads_states
from relscout.encoders.type_directions import codes_read, directions_of

if TYPE_CHECKING:
    from torch import Tensor

#: Rows that are computed at a time.
_CHUNK = 4096
#: Tokens of which the maximum is taken at a time.
_TOKENS = 1 << 14


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pooled states, and which of them the vector of each pair consists of.

    Args:
        states: Means and maxima (P, D), float32, not of unit length.
        uses: Rows of ``states`` that each pair uses (N, S), int32: two for a part that reads head and tail, one for
            another, none for ``types``; in the order of the parts.
    """

    states: NDArray[np.float32]
    uses: NDArray[np.int32]

    def of(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> Pieces:
        """Return the pieces of some pairs, in the order of ``rows``, without those that none of them uses."""
        used, places = np.unique(self.uses[rows], return_inverse=True)
        return Pieces(self.states[used], places.reshape(len(rows), -1).astype(np.int32))


def n_slots(parts: Sequence[PoolingPart]) -> int:
    """Return S, the number of pooled states that a vector consists of."""
    return sum(2 if is_two_sided(part) else 1 for part in parts if reads_states(part))


def side_by_side(several: Sequence[Pieces]) -> Pieces:
    """Return pieces one after the other, as pieces of all their pairs; there is at least one."""
    begins = np.cumsum([0, *(len(one.states) for one in several[:-1])])
    uses = [one.uses + np.int32(begin) for one, begin in zip(several, begins, strict=True)]
    return Pieces(np.concatenate([one.states for one in several]), np.concatenate(uses))


def pieces_of(
    hidden_states: Sequence[Tensor],
    places: Places,
    parts: Sequence[PoolingPart],
    *,
    sentences: NDArray[np.int64] | None = None,
) -> Pieces:
    """Read what a pooling needs from the hidden states of a batch, every range of tokens once.

    Sums are taken in float64, so that a mean does not depend on which other ranges are read, and nothing that stands in
    the padding reaches it.

    Args:
        hidden_states: Hidden states (B, T, D) from the embeddings (0) to the last layer that was computed.
        places: Where the parts of each of N pairs lie; ``length`` is that of the pair's sentence.
        parts: The pooling.
        sentences: Sentence of each pair (N,); pair i lies in sentence i where left out.
    """
    import torch

    length, starts, spans, mask = (
        getattr(places, name).cpu().numpy() for name in ("length", "starts", "spans", "mask")
    )
    if sentences is None:
        sentences = np.arange(len(length))
    operations: dict[tuple[int, bool], int] = {}
    slots: list[tuple[int, NDArray[np.int64], NDArray[np.int64]]] = []
    for part in filter(reads_states, parts):
        what = (-1 if part.layer is None else part.layer, part.name == "span-max")
        operation = operations.setdefault(what, len(operations))
        for begins, ends in _ranges(part.name, length, starts, spans, mask):
            slots.append((operation, begins, ends))
    if not slots:
        return Pieces(
            np.empty((0, hidden_states[0].shape[2]), np.float32), np.empty((len(length), 0), np.int32)
        )
    base, n_operations = hidden_states[0].shape[1] + 1, len(operations)
    # the sentence first, so that the pieces of a sentence lie next to each other
    codes = np.stack(
        [
            ((sentences * n_operations + operation) * base + begins) * base + ends
            for operation, begins, ends in slots
        ],
        axis=1,
    )
    different, uses = np.unique(codes, return_inverse=True)
    rest, ends = np.divmod(different, base)
    rest, begins = np.divmod(rest, base)
    of_sentence, of_operation = np.divmod(rest, n_operations)
    states = np.empty((len(different), hidden_states[0].shape[2]), dtype=np.float32)
    for (layer, maximum), operation in operations.items():
        chosen = np.flatnonzero(of_operation == operation)
        read = _maxima if maximum else _means
        ranges = tuple(torch.from_numpy(one[chosen]) for one in (of_sentence, begins, ends))
        done = 0
        for found in read(hidden_states[layer], *ranges):
            states[chosen[done : done + len(found)]] = found.cpu().numpy()
            done += len(found)
    return Pieces(states, uses.reshape(codes.shape).astype(np.int32))


def joined(
    pieces: Pieces,
    types: NDArray[np.int64] | None,
    parts: Sequence[PoolingPart],
    *,
    chosen: Sequence[int] | NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.float32]:
    """Return vectors (N, sum of the parts' widths), float32, each part of the length of its weight.

    The vector of a pair depends on its own pieces only, bit for bit.

    Args:
        pieces: As :func:`pieces_of` gives them.
        types: Entity types of head and tail and their coarse types (N, 4), as
            :func:`relscout.encoders.type_directions.type_codes` returns them; read only where a part reads types.
        parts: The pooling.
        chosen: Rows of the pairs that are wanted; all where left out.
    """
    import torch

    uses = pieces.uses if chosen is None else pieces.uses[chosen]
    width = pieces.states.shape[1]
    squares = np.empty(len(pieces.states))
    vectors = np.empty((len(uses), sum(part.width(width) for part in parts)), dtype=np.float32)
    # states that are not finite give vectors that are not, which whoever uses them reports
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(squares), _CHUNK):
            wide = pieces.states[start : start + _CHUNK].astype(np.float64)
            squares[start : start + _CHUNK] = (wide * wide).sum(axis=1)
        begin = slot = 0
        for part in parts:
            end = begin + part.width(width)
            if not reads_states(part):
                codes = torch.from_numpy(
                    np.asarray(types if chosen is None or types is None else types[chosen])
                )
                vectors[:, begin:end] = (
                    part.weight * directions_of(codes_read(part.name, codes), width).numpy()
                )
                begin = end
                continue
            used = uses[:, slot : slot + (end - begin) // width]
            lengths = np.sqrt(squares[used].sum(axis=1))
            scales = (part.weight / np.maximum(lengths, 1e-12)).astype(np.float32)
            for side in range(used.shape[1]):
                into = vectors[:, begin + side * width : begin + (side + 1) * width]
                np.multiply(pieces.states[used[:, side]], scales[:, None], out=into)
            begin, slot = end, slot + used.shape[1]
    return vectors


def pool(hidden_states: Sequence[Tensor], places: Places, parts: Sequence[PoolingPart]) -> Tensor:
    """Read a pooling from the hidden states of a batch in which each sentence has one pair; no gradients flow.

    Args:
        hidden_states: Hidden states (B, T, D) from the embeddings (0) to the last layer that was computed.
        places: Where each sentence's parts lie.
        parts: The pooling.

    Returns:
        Vectors (B, sum of the parts' widths), float32, where the hidden states are.
    """
    import torch

    with torch.no_grad():
        pieces = pieces_of(hidden_states, places, parts)
    vectors = joined(pieces, places.types.cpu().numpy(), parts)
    return torch.from_numpy(vectors).to(hidden_states[0].device)


def _ranges(
    name: str,
    length: NDArray[np.int64],
    starts: NDArray[np.int64],
    spans: NDArray[np.int64],
    mask: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield begins and ends (N,) of the tokens that a part reads of each pair, head before tail."""
    zero = np.zeros_like(length)
    if name == "sentence":
        yield zero, length
    elif name == "cls":
        yield zero, zero + 1
    elif name == "mask":
        yield mask, mask + 1
    elif name == "between":
        begins, ends = spans[:, :, 1].min(axis=1), spans[:, :, 0].max(axis=1)
        between = begins < ends
        yield np.where(between, begins, 0), np.where(between, ends, length)
    elif name == "start":
        for side in (0, 1):
            yield starts[:, side], starts[:, side] + 1
    else:
        for side in (0, 1):
            yield spans[:, side, 0], spans[:, side, 1]


def _means(states: Tensor, sentences: Tensor, begins: Tensor, ends: Tensor) -> Iterator[Tensor]:
    """Yield the means over ranges of tokens, some (R, D) at a time, float32."""
    import torch

    if states.device.type == "mps":
        states = states.cpu()  # which has no float64
    device = states.device
    sums = torch.zeros(
        (states.shape[0], states.shape[1] + 1, states.shape[2]), dtype=torch.float64, device=device
    )
    torch.cumsum(states, dim=1, dtype=torch.float64, out=sums[:, 1:])
    for start in range(0, len(sentences), _CHUNK):
        rows, first, last = (one[start : start + _CHUNK].to(device) for one in (sentences, begins, ends))
        yield ((sums[rows, last] - sums[rows, first]) / (last - first)[:, None]).float()


def _maxima(states: Tensor, sentences: Tensor, begins: Tensor, ends: Tensor) -> Iterator[Tensor]:
    """Yield the maxima over ranges of tokens, some (R, D) at a time, float32."""
    import torch

    device = states.device
    start = 0
    while start < len(sentences):
        # as many as fit, each taken to be as long as the longest that may be among them
        longest = int((ends - begins)[start : start + _CHUNK].max())
        end = min(start + max(1, min(_CHUNK, _TOKENS // longest)), len(sentences))
        rows, first, last = (one[start:end].to(device) for one in (sentences, begins, ends))
        tokens = first[:, None] + torch.arange(longest, device=device)  # (R, W)
        tokens = torch.minimum(tokens, last[:, None] - 1)  # the last token again: it changes no maximum
        yield states[rows[:, None], tokens].amax(dim=1).float()
        start = end
