"""Relation instances in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.cache import VectorCache
from relscout.encoders.losses import loss_warnings
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.transformer import OnLoss, TransformerEncoder
from relscout.instances import RelationInstance

__all__ = ["Encoder", "EncoderSettings", "OnLoss", "TransformerEncoder", "VectorCache", "loss_warnings"]


class Encoder(Protocol):
    """What a method needs of an encoder; any object with these two is one."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors do, such as a hash of weights and settings."""
        ...

    def encode(self, instances: Sequence[RelationInstance], /) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances."""
        ...
