"""Encoders that relscout did not build: any object with ``encode`` and ``fingerprint``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.config import to_mapping
from relscout.encoders import Encoder, EncoderSettings, OnLoss, TransformerEncoder, VectorCache
from relscout.encoders.precomputed import Precomputed, underlying
from relscout.errors import InputError, SettingError
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent


def check_encoder_like(encoder: object) -> None:
    """Check that an object can be used as an encoder.

    Raises:
        SettingError: It lacks ``encode``, or a ``fingerprint`` that is a text.
    """
    if isinstance(encoder, EncoderSettings):
        raise SettingError("encoder is an EncoderSettings; build the encoder: TransformerEncoder(settings)")
    # a text has a method encode, too
    if isinstance(encoder, str | bytes) or not callable(getattr(encoder, "encode", None)):
        raise SettingError(
            f"encoder is a {type(encoder).__name__}; expected TransformerEncoder(EncoderSettings(model=NAME)), or "
            "an object with encode(instances) -> (N, D) and fingerprint"
        )
    # a transformer computes its fingerprint, which takes a moment
    if underlying(encoder) is None:
        fingerprint = getattr(encoder, "fingerprint", None)
        if not isinstance(fingerprint, str) or not fingerprint:
            raise SettingError(
                f"the encoder {type(encoder).__name__} has the fingerprint {fingerprint!r}; expected a text that "
                "changes whenever its vectors do, such as a hash of its weights and settings"
            )


def encoded(
    encoder: Encoder,
    instances: Sequence[RelationInstance],
    *,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> NDArray[np.float32]:
    """Return the vectors (N, D), float32, of any encoder, which the caller may change.

    Raises:
        InputError: The encoder returned something else than one finite vector for each instance.
    """
    if isinstance(encoder, TransformerEncoder | Precomputed):
        return encoder.encode(instances, progress=progress, on_loss=on_loss)
    progress("encode", 0, len(instances))
    vectors = checked_vectors(
        encoder.encode(instances), len(instances), f"the encoder {type(encoder).__name__} returned"
    )
    progress("encode", len(instances), len(instances))
    return vectors


def checked_vectors(vectors: Any, n_instances: int, who: str) -> NDArray[np.float32]:
    """Return vectors as an array (N, D), float32, which is a copy.

    Args:
        vectors: Anything that NumPy can turn into an array of numbers.
        n_instances: N.
        who: Begins the error, such as ``"the encoder E returned"``.

    Raises:
        InputError: They are no such array, or a value is not finite.
    """
    try:
        array = np.array(vectors)
    except (ValueError, TypeError) as error:
        raise InputError(f"{who} no array of numbers ({error}); expected ({n_instances}, D)") from error
    if array.ndim != 2 or len(array) != n_instances or not array.shape[1] or array.dtype.kind not in "fiu":
        raise InputError(
            f"{who} an array of shape {array.shape} and type {array.dtype} for {n_instances} instances; expected "
            f"({n_instances}, D) numbers, one row for each instance in their order"
        )
    if not np.isfinite(found := array.astype(np.float32)).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise InputError(f"{who} NaN or infinite values, the first of them in row {row} (from 0)")
    return found


def described(encoder: Encoder) -> dict[str, Any]:
    """Return what decides the vectors of an encoder, as JSON values: its settings, or its class and fingerprint."""
    transformer = underlying(encoder)
    if transformer is not None:
        return to_mapping(transformer.settings)
    kind = type(encoder)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "fingerprint": encoder.fingerprint}


def name_of(encoder: Encoder) -> str:
    """Return what errors call an encoder: the name of its model, or of its class."""
    transformer = underlying(encoder)
    return type(encoder).__name__ if transformer is None else transformer.settings.model


def use_cache(encoder: Encoder, cache: VectorCache | None) -> None:
    """Let an encoder keep its vectors in a cache, if it is one of relscout's; ``None`` keeps none."""
    transformer = underlying(encoder)
    if transformer is not None:
        transformer.cache = cache


def cache_of(encoder: Encoder) -> VectorCache | None:
    """Return the cache of an encoder; ``None`` where it has none."""
    transformer = underlying(encoder)
    return None if transformer is None else transformer.cache


def can_encode(encoder: Encoder) -> bool:
    """Return whether an encoder encodes any instance; a table of vectors knows its own only."""
    return not isinstance(encoder, Precomputed) or encoder.encoder is not None
