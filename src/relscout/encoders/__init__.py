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
from relscout.progress import Progress, silent

__all__ = ["Encoder", "EncoderSettings", "OnLoss", "TransformerEncoder", "VectorCache", "loss_warnings"]


class Encoder(Protocol):
    """What a method needs of an encoder."""

    cache: VectorCache | None

    @property
    def settings(self) -> EncoderSettings:
        """What rebuilds the encoder."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything but the instance that decides a vector."""
        ...

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances."""
        ...
