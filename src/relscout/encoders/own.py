"""Encoders that relscout did not build: any object with ``encode`` and ``fingerprint``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.transformer import OnLoss, TransformerEncoder


class Encoder(Protocol):
    """The interface of encoders: any object with these two members is one."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors do, such as a hash of weights and settings."""
        ...

    def encode(self, instances: Sequence[RelationInstance], /) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances."""
        ...


class WrappingEncoder:
    """Base class of encoders that wrap another one, and report progress and losses as it does."""

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances."""
        raise NotImplementedError


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
    if not isinstance(encoder, TransformerEncoder | WrappingEncoder):
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
    if isinstance(encoder, TransformerEncoder):
        return encoder.encode(instances, progress=progress, on_loss=on_loss)
    if isinstance(encoder, WrappingEncoder):
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
