"""From hidden states to one vector per instance.

A pooling is written as parts joined by ``+``: ``span-mean@4+sentence`` reads the mean of each mention's tokens
after layer 4 and the mean of all tokens after the last layer. Each part is scaled to unit length (times its weight,
where one is given: ``sentence*0.5``), so that no part drowns another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relscout.encoders.type_directions import codes_read, directions_of
from relscout.errors import SettingError, UnknownNameError

if TYPE_CHECKING:
    from torch import Tensor

#: Part → what it reads.
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
#: Parts that read no hidden state.
_OF_NO_LAYER = frozenset({"types", "coarse-types"})
_PART = re.compile(r"(?P<name>[a-z-]+)(@(?P<layer>[0-9]{1,4}))?(\*(?P<weight>[0-9]{0,9}\.?[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class PoolingPart:
    """One part of a pooling.

    Args:
        name: A name of :data:`POOLINGS`.
        layer: Hidden state it reads: 0 is the embeddings (or none, for ``types``), ``None`` the last layer.
        weight: Length of the part in the joined vector, > 0.
    """

    name: str
    layer: int | None = None
    weight: float = 1.0

    def width(self, hidden: int) -> int:
        """Return the number of dimensions it gives for hidden states of ``hidden`` dimensions."""
        return 2 * hidden if self.name in _TWO_SIDED else hidden


def parse_pooling(text: str) -> tuple[PoolingPart, ...]:
    """Read a pooling such as ``span-mean@4+sentence*0.5``.

    Raises:
        SettingError: The text is not of that form, a weight is zero, or all parts are ``types``.
        UnknownNameError: A part has no known name.
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
        # without types, which not every instance has, nothing would be left
        raise SettingError(f"pooling {text!r} reads no text; add a part that does, such as 'span-mean@4'")
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of each sentence of a batch lie; every field an int64 tensor.

    Args:
        length: Number of tokens, padding not counted, (B,).
        starts: Tokens where head and tail begin, (B, 2).
        spans: Tokens of head and tail, (B, 2, 2) as ``[start, end)``.
        mask: Place of the ``[MASK]`` token, (B,); -1 where there is none.
        types: Entity types of head and tail and their coarse types, (B, 4), as
            :func:`relscout.encoders.type_directions.type_codes` returns them.
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
    """Read one part of a pooling from the hidden states of its layer, so that gradients flow.

    :func:`relscout.encoders.pieces.pool` gives the same, to rounding, where none are needed.

    Args:
        states: (B, T, D).
        places: Where each sentence's parts lie.
        part: What is read.
        sampled: Of the tokens between the mentions, ``between`` reads this many, drawn anew in every call, or as many
            as there are; 0 reads all.
        of_unit_length: Whether the part is scaled to unit length, or is what the states say.

    Returns:
        (B, the part's width), float32.
    """
    from torch.nn.functional import normalize

    if part.name in _OF_NO_LAYER:
        # not of unit length where a type is missing: it would count more beside one that is known
        return part.weight * directions_of(codes_read(part.name, places.types), states.shape[2])
    found = _read(part.name, states.float(), places, sampled)
    return part.weight * (normalize(found, dim=1) if of_unit_length else found)


def is_two_sided(part: PoolingPart) -> bool:
    """Return whether a part reads head and tail apart, one next to the other."""
    return part.name in _TWO_SIDED


def reads_states(part: PoolingPart) -> bool:
    """Return whether a part reads hidden states."""
    return part.name not in _OF_NO_LAYER


def tells_direction(parts: Sequence[PoolingPart]) -> bool:
    """Tell whether a part reads head and tail apart."""
    return any(part.name in _TWO_SIDED for part in parts)


def turned(vectors: Tensor, parts: Sequence[PoolingPart], hidden: int) -> Tensor:
    """Return the vectors (B, D) that the same sentences have with head and tail exchanged.

    Exact where the encoder is not shown which mention is the head, as with the marking ``none``.

    Args:
        vectors: As :func:`pool` gives them.
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
    """Return ``count`` of the tokens that are True in each row (B, T), at random, or all where there are fewer."""
    import torch

    keys = torch.rand(tokens.shape, device=tokens.device).masked_fill(~tokens, -1)
    count = min(count, tokens.shape[1])
    return tokens & (keys >= keys.topk(count, dim=1).values[:, -1:])


def _mean(states: Tensor, chosen: Tensor) -> Tensor:
    # masked, not multiplied by 0: whatever stands in the padding, were it NaN, must not reach the sum
    return states.masked_fill(~chosen[:, :, None], 0).sum(dim=1) / chosen.sum(dim=1, keepdim=True)
