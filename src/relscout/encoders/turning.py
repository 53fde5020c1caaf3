"""Vectors of sentences read backwards: with head and tail exchanged, without another pass of the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relscout.encoders.pooling import tells_direction, turned
from relscout.encoders.transformer import TransformerEncoder

if TYPE_CHECKING:
    from torch import Tensor


def can_turn(encoder: TransformerEncoder) -> bool:
    """Tell whether :func:`turned_by` is exact: the encoder is not shown which is the head, and its vectors tell."""
    return encoder.settings.marking == "none" and tells_direction(encoder.parts)


def turned_by(encoder: TransformerEncoder, vectors: Tensor) -> Tensor:
    """Return the vectors (B, D) of the same sentences with head and tail exchanged."""
    return turned(vectors, encoder.parts, encoder.hidden_size)
