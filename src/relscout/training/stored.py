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
from relscout.encoders.own import check_encoder_like
from relscout.encoders.precomputed import Precomputed, described, name_of, underlying
from relscout.errors import ArtifactError, SettingError

#: In front of the names of weights that an encoder had before anything was fitted, in place of its model's.
_OWN = "own."


def portable(encoder: Encoder) -> dict[str, Any]:
    """Return how an encoder can be built on another machine or from another folder, as JSON values.

    Of one that relscout did not build, these are its class and fingerprint, by which its user knows it.

    Raises:
        SettingError: It is a table of vectors, without the encoder that computed them.
    """
    transformer = underlying(encoder)
    if transformer is not None:
        settings = transformer.settings
        return {**to_mapping(settings), "model": absolute(settings.model), "device": "auto"}
    if isinstance(encoder, Precomputed):
        if encoder.encoder is None:
            raise SettingError(
                "what was found in vectors alone cannot be saved, since nothing could encode new text; give their "
                "encoder, too (vectors=…, encoder=…), or write what was found: relscout.write(found.triples(), path)"
            )
        encoder = encoder.encoder
    return described(encoder)


def own_weights(encoder: Encoder) -> dict[str, NDArray[Any]]:
    """Return the weights that an encoder has in place of those of its model's files, to be saved beside a fit."""
    transformer = underlying(encoder)
    weights = transformer.weights if transformer is not None else {}
    return {f"{_OWN}{name}": array for name, array in weights.items()}


def stored_encoder(
    values: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    fingerprint: str,
    given: Encoder | None = None,
) -> Encoder:
    """Return the encoder of which :func:`portable` and :func:`own_weights` were saved, or the one that is given.

    Args:
        values: What :func:`portable` returned.
        tensors: Among them those of :func:`own_weights`.
        fingerprint: Of the encoder that was fitted with.
        given: The encoder itself, which is needed where relscout did not build it.

    Raises:
        ArtifactError: It is needed and not given, or has another fingerprint.
    """
    if given is not None:
        check_encoder_like(given)
        check_encoder(given, fingerprint)
        return given
    if "class" in values:
        raise ArtifactError(
            f"this was fitted with an encoder of yours, {values['class']}, which is not saved with it; give the one "
            f"with the fingerprint {fingerprint!r}: load(folder, encoder=…)"
        )
    return stored_transformer(values, tensors)


def stored_transformer(values: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> TransformerEncoder:
    """Return the transformer of which :func:`portable` and :func:`own_weights` were saved."""
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
            f"the encoder {name_of(encoder)!r} is not the one this model was fitted with: its weights "
            f"or vocabulary have fingerprint {encoder.fingerprint}, expected {expected}"
        )
