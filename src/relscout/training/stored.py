"""Fitted models on disk, their trained encoders, and checkpoints of a fit in progress."""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, InputWarning, OutputError, SettingError
from relscout.core.files import Artifact, load_artifact, save_artifact
from relscout.core.instances import RelationInstance
from relscout.core.settings import from_mapping, to_mapping
from relscout.encoders import (
    Encoder,
    EncoderSettings,
    Precomputed,
    TransformerEncoder,
    check_encoder_like,
    described,
    name_of,
    underlying,
)
from relscout.encoders.cache import instance_key
from relscout.encoders.settings import absolute

#: Prefix of the names of weights that an encoder had before the fit, and that differ from its model's files.
_OWN = "own."


def portable(encoder: Encoder) -> dict[str, Any]:
    """Return what rebuilds an encoder on another machine or in another folder, as JSON values.

    For an encoder of another package, these are its class and its fingerprint.

    Raises:
        SettingError: It is a table of vectors without the encoder that computed them.
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
    """Return the weights of an encoder that differ from its model's files, to be saved with a fit."""
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
    """Return a saved encoder, or the one that is given.

    Args:
        values: Values that :func:`portable` returned.
        tensors: Saved arrays, including those of :func:`own_weights`.
        fingerprint: Fingerprint of the encoder of the fit.
        given: The encoder itself; required if it is of another package.

    Raises:
        ArtifactError: It is required and not given, or has another fingerprint.
    """
    if given is not None:
        check_encoder_like(given)
        check_encoder(given, fingerprint)
        _warn_of_other_arithmetic(values, given)
        return given
    if "class" in values:
        raise ArtifactError(
            f"this was fitted with an encoder of yours, {values['class']}, which is not saved with it; give the one "
            f"with the fingerprint {fingerprint!r}: load(folder, encoder=…)"
        )
    return stored_transformer(values, tensors)


def _warn_of_other_arithmetic(values: Mapping[str, Any], given: Encoder) -> None:
    """Warn if an encoder computes otherwise than that of the fit, whose weights it has."""
    transformer = underlying(given)
    if transformer is None or "class" in values:
        return
    from relscout.encoders.backends import arithmetic_warning

    if warning := arithmetic_warning(encoder_settings(values), transformer.settings):
        warnings.warn(warning, InputWarning, stacklevel=4)


def stored_transformer(values: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> TransformerEncoder:
    """Return the transformer that :func:`portable` and :func:`own_weights` saved."""
    return TransformerEncoder(encoder_settings(values), weights=below(_OWN, tensors))


def load_kind(folder: Path, kind: str) -> Artifact:
    """Read the artifact of a method.

    Raises:
        ArtifactError: The folder holds no artifact, or one of another method.
    """
    artifact = load_artifact(folder)
    if artifact.kind != kind:
        raise ArtifactError(f"{folder} holds a {artifact.kind!r}, expected {kind!r}")
    return artifact


def below(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


@contextmanager
def whole(folder: Path, kind: str) -> Iterator[None]:
    """Turn an error about missing or wrong data, raised within the block, into an error about the folder.

    Raises:
        ArtifactError: Data are missing or wrong.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtifactError(
            f"{folder} is not a whole {kind!r} of this version of relscout ({error}); fit and save the model again"
        ) from error


def encoder_settings(values: Mapping[str, Any]) -> EncoderSettings:
    """Return the settings of an encoder from the values that :func:`portable` returned."""
    return from_mapping(EncoderSettings, values)


def check_encoder(encoder: Encoder, expected: str) -> None:
    """Check that an encoder is that of the fit.

    Raises:
        ArtifactError: It has another fingerprint.
    """
    if encoder.fingerprint != expected:
        raise ArtifactError(
            f"the encoder {name_of(encoder)!r} is not the one this model was fitted with: its weights "
            f"or vocabulary have fingerprint {encoder.fingerprint}, expected {expected}"
        )


def trainable(name: str, encoder: Encoder) -> TransformerEncoder:
    """Return the encoder if a method can train it.

    Raises:
        SettingError: It is not a transformer.
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
    """Trained weights, and the encoder that has them.

    Args:
        fingerprint: Fingerprint of the encoder before training.
        weights: Trained weights by their names in the model; empty if nothing was trained.
    """

    def __init__(self, fingerprint: str, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.fingerprint = fingerprint
        self.weights = weights
        self._encoder: TransformerEncoder | None = None

    def on(self, base: TransformerEncoder) -> TransformerEncoder:
        """Return the encoder with these weights; those that were not trained stay the same.

        Raises:
            ArtifactError: The weights were trained from another encoder.
        """
        check_encoder(base, self.fingerprint)
        if not self.weights:
            return base
        if self._encoder is None:
            trained = TransformerEncoder(base.settings, weights={**base.weights, **self.weights})
            self._encoder = trained if base.of_unit_length else trained.as_states()
        self._encoder.cache = base.cache
        return self._encoder


_KIND = "work in progress"
#: Increase it whenever the checkpoints of older versions cannot be resumed.
_SCHEME = 5


class Checkpoints:
    """The checkpoint of one fit.

    Args:
        folder: A folder for this checkpoint only; ``None`` saves nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def of(
        cls,
        folder: Path | None,
        *,
        settings: Mapping[str, Any],
        fingerprint: str,
        instances: Sequence[RelationInstance],
    ) -> Checkpoints:
        """Return the checkpoint of a fit, in a folder that may hold those of many fits.

        A fit with the same settings, encoder and instances has the same checkpoint.

        Raises:
            OutputError: The folder cannot be created.
        """
        if folder is None:
            return cls(None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot keep work in progress in {folder}: {error.strerror or error}"
            ) from error
        identity = json.dumps([_SCHEME, fingerprint, settings], sort_keys=True)
        digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=12)
        for instance in instances:
            digest.update(instance_key(instance))
        return cls(folder / digest.hexdigest())

    @property
    def enabled(self) -> bool:
        """Whether checkpoints are saved."""
        return self._folder is not None

    def load(self) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]] | None:
        """Return the values and arrays of the last checkpoint, or ``None``.

        Raises:
            ArtifactError: The checkpoint is damaged.
        """
        if self._folder is None or not self._folder.is_dir():
            return None
        kept = load_artifact(self._folder)
        return dict(kept.settings), kept.tensors

    def keep(self, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Save a checkpoint, and remove the one before it only when this one is complete.

        Raises:
            OutputError: The folder cannot be written.
        """
        if self._folder is not None:
            save_artifact(self._folder, Artifact(_KIND, state, arrays))

    def clear(self) -> None:
        """Remove the checkpoint: the fit is complete."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
