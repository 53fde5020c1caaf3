"""What all that is fitted has in common on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from relscout.artifacts import Artifact, load_artifact
from relscout.config import from_mapping, to_mapping
from relscout.encoders import Encoder, EncoderSettings, TransformerEncoder
from relscout.encoders.model_files import absolute
from relscout.encoders.precomputed import underlying
from relscout.errors import ArtifactError

#: In front of the names of weights that an encoder had before anything was fitted, in place of its model's.
_OWN = "own."


def portable(settings: EncoderSettings) -> dict[str, Any]:
    """Return the settings with which the encoder can be built on another machine or from another folder."""
    return {**to_mapping(settings), "model": absolute(settings.model), "device": "auto"}


def own_weights(encoder: Encoder) -> dict[str, NDArray[Any]]:
    """Return the weights that an encoder has in place of those of its model's files, to be saved beside a fit."""
    transformer = underlying(encoder)
    weights = transformer.weights if transformer is not None else {}
    return {f"{_OWN}{name}": array for name, array in weights.items()}


def stored_encoder(values: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> TransformerEncoder:
    """Return the encoder of which :func:`portable` and :func:`own_weights` were saved."""
    return TransformerEncoder(encoder_settings(values), weights=below(_OWN, tensors))


def load_kind(folder: Path, kind: str) -> Artifact:
    """Read the artifact of one method.

    Raises:
        ArtifactError: The folder does not hold one, or that of another method.
    """
    artifact = load_artifact(folder)
    if artifact.kind != kind:
        raise ArtifactError(f"{folder} holds a {artifact.kind!r}, expected {kind!r}")
    return artifact


def below(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


@contextmanager
def whole(folder: Path, kind: str) -> Iterator[None]:
    """Tell whatever is missing in, or wrong with, what is read inside as an error about the folder.

    Raises:
        ArtifactError: Something was.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtifactError(f"{folder} is not a whole {kind!r} ({error}); save the model again") from error


def encoder_settings(values: Mapping[str, Any]) -> EncoderSettings:
    """Return the settings of an encoder as :func:`portable` gave them."""
    return from_mapping(EncoderSettings, values)


def check_encoder(encoder: Encoder, expected: str) -> None:
    """Check that an encoder is the one that was fitted with.

    Raises:
        ArtifactError: Its fingerprint is another one.
    """
    if encoder.fingerprint != expected:
        raise ArtifactError(
            f"the encoder {encoder.settings.model!r} is not the one this model was fitted with: its weights "
            f"or vocabulary have fingerprint {encoder.fingerprint}, expected {expected}"
        )
