"""What all that train an encoder have in common: the encoder that comes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import Encoder, TransformerEncoder
from relscout.encoders.precomputed import Precomputed, underlying
from relscout.errors import SettingError
from relscout.training.stored import check_encoder


def trainable(name: str, encoder: Encoder) -> TransformerEncoder:
    """Return the encoder, if a method can train it.

    Raises:
        SettingError: It is no transformer.
    """
    transformer = underlying(encoder)
    if isinstance(encoder, Precomputed) and transformer is None:
        raise SettingError(
            f"method {name!r} trains its encoder, and vectors cannot be trained; kmeans and hac work on vectors alone"
        )
    if transformer is None:
        raise SettingError(
            f"method {name!r} trains its encoder, and a {type(encoder).__name__} cannot be trained; "
            "give a TransformerEncoder"
        )
    return transformer


class Trained:
    """Weights that were trained, and the encoder that has them.

    Args:
        fingerprint: Of the encoder that they were trained from.
        weights: By their names in the model; none where nothing was trained.
    """

    def __init__(self, fingerprint: str, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.fingerprint = fingerprint
        self.weights = weights
        self._encoder: TransformerEncoder | None = None

    def on(self, base: TransformerEncoder) -> TransformerEncoder:
        """Return the encoder with these weights in place of its own; what was not trained stays as the encoder has it.

        Raises:
            ArtifactError: It is not the one that they were trained from.
        """
        check_encoder(base, self.fingerprint)
        if not self.weights:
            return base
        if self._encoder is None:
            self._encoder = TransformerEncoder(base.settings, weights={**base.weights, **self.weights})
        self._encoder.cache = base.cache
        return self._encoder
