"""What all that is fitted has in common on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relscout.artifacts import Artifact, load_artifact
from relscout.config import from_mapping, to_mapping
from relscout.encoders import Encoder, EncoderSettings
from relscout.encoders.model_files import absolute
from relscout.errors import ArtifactError


def portable(settings: EncoderSettings) -> dict[str, Any]:
    """Return the settings with which the encoder can be built on another machine or from another folder."""
    return {**to_mapping(settings), "model": absolute(settings.model), "device": "auto"}


def load_kind(folder: Path, kind: str) -> Artifact:
    """Read the artifact of one method.

    Raises:
        ArtifactError: The folder does not hold one, or that of another method.
    """
    artifact = load_artifact(folder)
    if artifact.kind != kind:
        raise ArtifactError(f"{folder} holds a {artifact.kind!r}, expected {kind!r}")
    return artifact


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
