"""Pooling: from hidden states to one vector per instance.

A pooling is written as parts joined by ``+``: ``span-mean@4+sentence`` is the mean of each mention's tokens after layer
4, and the mean of all tokens after the last layer. Each part is scaled to unit length, or to its weight
(``sentence*0.5``), so that no part dominates another.

Except for ``types``, which uses no hidden state, every part is the mean or the maximum of a layer's states over a range
of tokens, or two of these side by side. All pairs of a sentence share the ranges of their mentions and of the whole
sentence. :func:`pieces_of` computes the distinct ranges of a batch, and :func:`joined` concatenates them to vectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, shake_256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError, UnknownNameError
from relscout.text import coarse_type

if TYPE_CHECKING:
    from torch import Tensor


#: Code of a mention without a type.
NO_TYPE = 0


def type_code(name: str | None) -> int:
    """Return the code of an entity type, from 1 to below 2⁶³; ``NO_TYPE`` for no type."""
    if name is None:
        return NO_TYPE
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % (2**63 - 1) + 1


def type_codes(head: str | None, tail: str | None) -> tuple[int, int, int, int]:
    """Return the codes of the types of head and tail, followed by those of their coarse types.

    An entity without a type has no coarse type either; see :func:`relscout.text.coarse_type`.
    """
    coarse = [None if tag is None else f"coarse {coarse_type(tag)}" for tag in (head, tail)]
    return type_code(head), type_code(tail), type_code(coarse[0]), type_code(coarse[1])


def codes_read(part: str, codes: Tensor) -> Tensor:
    """Return the codes (B, 2) that a part of a pooling uses, from those (B, 4) of :func:`type_codes`."""
    return codes[:, 2:] if part == "coarse-types" else codes[:, :2]


def directions_of(codes: Tensor, width: int) -> Tensor:
    """Return the directions of head's and tail's types side by side (B, 2 · width), float32, each of length √½.

    Directions of different types are nearly orthogonal, and the same on every machine. Without a type it is zero.

    Args:
        codes: Codes (B, 2), int64, see :func:`type_code`.
        width: Dimensions of a direction.
    """
    import torch

    known, places = np.unique(codes.cpu().numpy().ravel(), return_inverse=True)
    table = np.stack([_direction(int(code), width) for code in known])
    return torch.from_numpy(table[places].reshape(-1, 2 * width)).to(codes.device) * 2**-0.5


@lru_cache(maxsize=1024)
def _direction(code: int, width: int) -> NDArray[np.float32]:
    if code == NO_TYPE:
        return np.zeros(width, dtype=np.float32)
    # bits of a hash, because the streams of a random generator may change with its version
    content = shake_256(code.to_bytes(8, "little")).digest(-(-width // 8))
    signs = np.unpackbits(np.frombuffer(content, dtype=np.uint8))[:width].astype(np.float32) * 2 - 1
    return np.asarray(signs * np.float32(width**-0.5), dtype=np.float32)


#: Part → what it is.
POOLINGS: dict[str, str] = {
    "start": "the tokens where the head and the tail (or their markers) begin (SelfORE eq. 2)",
    "span-mean": "the mean of the tokens of the head and of the tail",
    "span-max": "the maximum over the tokens of the head and of the tail (RoCORE eq. 2)",
    "between": "the mean of the tokens between the mentions (and their markers); of all tokens where there are none",
    "cls": "the first token",
    "sentence": "the mean of all tokens",
    "mask": "the [MASK] token of the prompt (PromptORE)",
    "types": "a fixed direction for the entity type of the head and of the tail; zero where there is none",
    "coarse-types": "the same for the coarse types that the tags of all recognisers are mapped to",
}
_TWO_SIDED = frozenset({"start", "span-mean", "span-max", "types", "coarse-types"})
#: Parts that use no hidden state.
_OF_NO_LAYER = frozenset({"types", "coarse-types"})
_PART = re.compile(r"(?P<name>[a-z-]+)(@(?P<layer>[0-9]{1,4}))?(\*(?P<weight>[0-9]{0,9}\.?[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class PoolingPart:
    """One part of a pooling.

    Args:
        name: A name of :data:`POOLINGS`.
        layer: Hidden state that it uses: 0 is the embeddings (or nothing, for ``types``), ``None`` the last layer.
        weight: Length of the part in the whole vector, > 0.
    """

    name: str
    layer: int | None = None
    weight: float = 1.0

    def width(self, hidden: int) -> int:
        """Return the number of its dimensions for hidden states of ``hidden`` dimensions."""
        return 2 * hidden if self.name in _TWO_SIDED else hidden


def parse_pooling(text: str) -> tuple[PoolingPart, ...]:
    """Parse a pooling such as ``span-mean@4+sentence*0.5``.

    Raises:
        SettingError: The text does not have this form, a weight is zero, or all parts are ``types``.
        UnknownNameError: A part has an unknown name.
    """
    parts = []
    for piece in text.split("+"):
        match = _PART.fullmatch(piece.strip())
        if match is None:
            raise SettingError(
                f"pooling {text!r}: {piece!r} is not PART, PART@LAYER, PART*WEIGHT or PART@LAYER*WEIGHT, "
                "such as 'span-mean@4*0.5'"
            )
        if match["name"] not in POOLINGS:
            raise UnknownNameError("pooling", match["name"], POOLINGS)
        weight = float(match["weight"] or 1)
        if weight <= 0:
            raise SettingError(f"pooling {text!r}: the weight of {match['name']!r} must be above 0")
        layer = int(match["layer"]) if match["layer"] else None
        if match["name"] in _OF_NO_LAYER:
            if layer is not None:
                raise SettingError(
                    f"pooling {text!r}: {match['name']!r} reads no layer; leave '@{layer}' out"
                )
            layer = 0
        parts.append(PoolingPart(match["name"], layer, weight))
    if all(part.name in _OF_NO_LAYER for part in parts):
        # not every instance has types: its vector would be zero
        raise SettingError(f"pooling {text!r} reads no text; add a part that does, such as 'span-mean@4'")
    return tuple(parts)


def of_text(pooling: str) -> str:
    """Return a pooling without the parts at its end that use no hidden state, such as ``types``."""
    pieces = pooling.split("+")
    while pieces[-1].split("*")[0].strip() in _OF_NO_LAYER:
        pieces.pop()
    return "+".join(pieces)


@dataclass(frozen=True, slots=True)
class Places:
    """Positions of the parts of each sentence of a batch; every field is an int64 tensor.

    Args:
        length: Number of tokens without padding, (B,).
        starts: First tokens of head and tail, (B, 2).
        spans: Tokens of head and tail, (B, 2, 2) as ``[start, end)``.
        mask: Position of the ``[MASK]`` token, (B,); -1 if there is none.
        types: Codes of the entity types of head and tail and of their coarse types, (B, 4), see :func:`type_codes`.
    """

    length: Tensor
    starts: Tensor
    spans: Tensor
    mask: Tensor
    types: Tensor

    def __getitem__(self, rows: Tensor) -> Places:
        """Return the places of some sentences."""
        return Places(*(getattr(self, name)[rows] for name in self.__slots__))


def pool_part(
    states: Tensor, places: Places, part: PoolingPart, *, sampled: int = 0, of_unit_length: bool = True
) -> Tensor:
    """Compute a part of a pooling from the hidden states of its layer, with gradients.

    Without gradients, :func:`pool` returns the same up to rounding.

    Args:
        states: Hidden states (B, T, D).
        places: Positions of each sentence's parts.
        part: The part.
        sampled: Largest number of tokens between the mentions that ``between`` uses, drawn in every call; 0 uses all.
        of_unit_length: Whether to scale the part to unit length.

    Returns:
        (B, the part's width), float32.
    """
    from torch.nn.functional import normalize

    if part.name in _OF_NO_LAYER:
        # not scaled to unit length: if a type is missing, the other would count more
        return part.weight * directions_of(codes_read(part.name, places.types), states.shape[2])
    pooled = _read(part.name, states.float(), places, sampled)
    return part.weight * (normalize(pooled, dim=1) if of_unit_length else pooled)


def is_two_sided(part: PoolingPart) -> bool:
    """Return whether a part has separate halves for head and tail."""
    return part.name in _TWO_SIDED


def reads_states(part: PoolingPart) -> bool:
    """Return whether a part uses hidden states."""
    return part.name not in _OF_NO_LAYER


def encodes_direction(parts: Sequence[PoolingPart]) -> bool:
    """Return whether any part has separate halves for head and tail."""
    return any(part.name in _TWO_SIDED for part in parts)


def turned(vectors: Tensor, parts: Sequence[PoolingPart], hidden: int) -> Tensor:
    """Return the vectors (B, D) of the same sentences with head and tail exchanged.

    This is exact if the marking does not show which mention is the head, as with ``none``.

    Args:
        vectors: Vectors (B, D), see :func:`pool`.
        parts: The pooling.
        hidden: Dimensions of a hidden state.
    """
    import torch

    pieces: list[Tensor] = []
    begin = 0
    for part in parts:
        end = begin + part.width(hidden)
        middle = (begin + end) // 2 if part.name in _TWO_SIDED else begin
        pieces += [vectors[:, middle:end], vectors[:, begin:middle]]
        begin = end
    return torch.cat(pieces, dim=1)


def _read(name: str, states: Tensor, places: Places, sampled: int) -> Tensor:
    import torch

    rows = torch.arange(len(states), device=states.device)
    position = torch.arange(states.shape[1], device=states.device)  # (T,)
    if name == "start":
        return torch.cat([states[rows, places.starts[:, 0]], states[rows, places.starts[:, 1]]], dim=1)
    if name == "cls":
        return states[:, 0]
    if name == "mask":
        return states[rows, places.mask]
    everywhere = position < places.length[:, None]  # (B, T)
    if name == "sentence":
        return _mean(states, everywhere)
    if name == "between":
        first_end = places.spans[:, :, 1].min(dim=1).values
        second_start = places.spans[:, :, 0].max(dim=1).values
        between = (position >= first_end[:, None]) & (position < second_start[:, None])
        between = torch.where(between.any(dim=1, keepdim=True), between, everywhere)
        return _mean(states, _drawn(between, sampled) if sampled else between)
    within = [
        (position >= places.spans[:, side, :1]) & (position < places.spans[:, side, 1:]) for side in (0, 1)
    ]  # 2 × (B, T)
    if name == "span-mean":
        return torch.cat([_mean(states, inside) for inside in within], dim=1)
    lowest = torch.finfo(states.dtype).min
    return torch.cat(
        [states.masked_fill(~inside[:, :, None], lowest).amax(dim=1) for inside in within], dim=1
    )


def _drawn(tokens: Tensor, count: int) -> Tensor:
    """Return ``count`` random tokens of those that are True in each row (B, T), or all if there are fewer."""
    import torch

    keys = torch.rand(tokens.shape, device=tokens.device).masked_fill(~tokens, -1)
    count = min(count, tokens.shape[1])
    return tokens & (keys >= keys.topk(count, dim=1).values[:, -1:])


def _mean(states: Tensor, chosen: Tensor) -> Tensor:
    # masked, not multiplied by 0, because the padding may be NaN
    return states.masked_fill(~chosen[:, :, None], 0).sum(dim=1) / chosen.sum(dim=1, keepdim=True)


#: Number of rows that are computed at a time.
_CHUNK = 4096
#: Number of tokens over which maxima are computed at a time.
_TOKENS = 1 << 14


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pooled states, and the rows of them that form the vector of each pair.

    Args:
        states: Means and maxima (P, D), float32, not of unit length.
        uses: Rows of ``states`` of each pair (N, S), int32, in the order of the parts: two for a part with halves for
            head and tail, none for ``types``, one for any other part.
    """

    states: NDArray[np.float32]
    uses: NDArray[np.int32]

    def of(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> Pieces:
        """Return the pieces of some pairs, in the order of ``rows``, without the states that none of them uses."""
        used, places = np.unique(self.uses[rows], return_inverse=True)
        return Pieces(self.states[used], places.reshape(len(rows), -1).astype(np.int32))


def n_slots(parts: Sequence[PoolingPart]) -> int:
    """Return S, the number of pooled states of a vector."""
    return sum(2 if is_two_sided(part) else 1 for part in parts if reads_states(part))


def side_by_side(several: Sequence[Pieces]) -> Pieces:
    """Return at least one pieces object concatenated to a single one of all pairs."""
    begins = np.cumsum([0, *(len(pieces.states) for pieces in several[:-1])])
    uses = [pieces.uses + np.int32(begin) for pieces, begin in zip(several, begins, strict=True)]
    return Pieces(np.concatenate([pieces.states for pieces in several]), np.concatenate(uses))


def pieces_of(
    hidden_states: Sequence[Tensor],
    places: Places,
    parts: Sequence[PoolingPart],
    *,
    sentences: NDArray[np.int64] | None = None,
) -> Pieces:
    """Compute the pooled states of a batch from its hidden states, every range of tokens once.

    Sums are computed in float64, so that a mean depends neither on the other ranges nor on the padding.

    Args:
        hidden_states: Hidden states (B, T, D) from the embeddings (0) to the last layer that was computed.
        places: Positions of the parts of each of N pairs; ``length`` is that of the pair's sentence.
        parts: The pooling.
        sentences: Sentence of each pair (N,); by default, pair i is in sentence i.
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
    distinct, uses = np.unique(codes, return_inverse=True)
    rest, ends = np.divmod(distinct, base)
    rest, begins = np.divmod(rest, base)
    of_sentence, of_operation = np.divmod(rest, n_operations)
    states = np.empty((len(distinct), hidden_states[0].shape[2]), dtype=np.float32)
    for (layer, maximum), operation in operations.items():
        chosen = np.flatnonzero(of_operation == operation)
        read = _maxima if maximum else _means
        ranges = tuple(torch.from_numpy(values[chosen]) for values in (of_sentence, begins, ends))
        done = 0
        for pooled in read(hidden_states[layer], *ranges):
            states[chosen[done : done + len(pooled)]] = pooled.cpu().numpy()
            done += len(pooled)
    return Pieces(states, uses.reshape(codes.shape).astype(np.int32))


def joined(
    pieces: Pieces,
    types: NDArray[np.int64] | None,
    parts: Sequence[PoolingPart],
    *,
    chosen: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    of_unit_length: bool = True,
) -> NDArray[np.float32]:
    """Return vectors (N, sum of the parts' widths), float32, in which each part has the length of its weight.

    The vector of a pair depends on its own pieces only, to the last bit.

    Args:
        pieces: The pooled states, see :func:`pieces_of`.
        types: Codes of the entity types of head and tail and of their coarse types (N, 4), see :func:`type_codes`;
            only needed if a part uses types.
        parts: The pooling.
        chosen: Rows of the pairs to return; all by default.
        of_unit_length: Whether each part is scaled to its weight; if not, it is multiplied by the weight.
    """
    import torch

    uses = pieces.uses if chosen is None else pieces.uses[chosen]
    width = pieces.states.shape[1]
    squares = np.empty(len(pieces.states))
    vectors = np.empty((len(uses), sum(part.width(width) for part in parts)), dtype=np.float32)
    # states that are not finite make vectors that are not finite, which the caller reports
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
            if not of_unit_length:
                lengths = np.ones_like(lengths)
            scales = (part.weight / np.maximum(lengths, 1e-12)).astype(np.float32)
            for side in range(used.shape[1]):
                into = vectors[:, begin + side * width : begin + (side + 1) * width]
                np.multiply(pieces.states[used[:, side]], scales[:, None], out=into)
            begin, slot = end, slot + used.shape[1]
    return vectors


def pool(
    hidden_states: Sequence[Tensor],
    places: Places,
    parts: Sequence[PoolingPart],
    *,
    of_unit_length: bool = True,
) -> Tensor:
    """Compute a pooling from the hidden states of a batch in which each sentence has one pair, without gradients.

    Args:
        hidden_states: Hidden states (B, T, D) from the embeddings (0) to the last layer that was computed.
        places: Positions of each sentence's parts.
        parts: The pooling.
        of_unit_length: See :func:`joined`.

    Returns:
        Vectors (B, sum of the parts' widths), float32, on the device of the hidden states.
    """
    import torch

    with torch.no_grad():
        pieces = pieces_of(hidden_states, places, parts)
    vectors = joined(pieces, places.types.cpu().numpy(), parts, of_unit_length=of_unit_length)
    return torch.from_numpy(vectors).to(hidden_states[0].device)


def _ranges(
    name: str,
    length: NDArray[np.int64],
    starts: NDArray[np.int64],
    spans: NDArray[np.int64],
    mask: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the first and the end (N,) of the tokens that a part uses for each pair, head before tail."""
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
        states = states.cpu()  # MPS has no float64
    device = states.device
    sums = torch.zeros(
        (states.shape[0], states.shape[1] + 1, states.shape[2]), dtype=torch.float64, device=device
    )
    torch.cumsum(states, dim=1, dtype=torch.float64, out=sums[:, 1:])
    for start in range(0, len(sentences), _CHUNK):
        rows, first, last = (
            values[start : start + _CHUNK].to(device) for values in (sentences, begins, ends)
        )
        yield ((sums[rows, last] - sums[rows, first]) / (last - first)[:, None]).float()


def _maxima(states: Tensor, sentences: Tensor, begins: Tensor, ends: Tensor) -> Iterator[Tensor]:
    """Yield the maxima over ranges of tokens, some (R, D) at a time, float32."""
    import torch

    device = states.device
    start = 0
    while start < len(sentences):
        # as many rows as fit if each is as long as the longest of the chunk
        longest = int((ends - begins)[start : start + _CHUNK].max())
        end = min(start + max(1, min(_CHUNK, _TOKENS // longest)), len(sentences))
        rows, first, last = (values[start:end].to(device) for values in (sentences, begins, ends))
        tokens = first[:, None] + torch.arange(longest, device=device)  # (R, W)
        tokens = torch.minimum(tokens, last[:, None] - 1)  # repeats the last token, which changes no maximum
        yield states[rows[:, None], tokens].amax(dim=1).float()
        start = end
