"""Fitted models on disk, the encoders that they trained, and checkpoints of a fit in progress."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, OutputError, SettingError
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
    """Turn errors about missing or wrong data, raised within the block, into one error about the folder.

    Raises:
        ArtifactError: Something was.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtifactError(
            f"{folder} is not a whole {kind!r} of this version of relscout ({error}); fit and save the model again"
        ) from error


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


_KIND = "work in progress"
#: Increased whenever this version cannot resume the work of an older one.
_SCHEME = 5


class Checkpoints:
    """The checkpoint of one fit.

    Args:
        folder: A folder of its own; ``None`` keeps nothing.
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
        """Return the place, below a folder for many, of the fit that these settings, encoder and instances decide.

        Raises:
            OutputError: The folder for many cannot be made.
        """
        if folder is None:
            return cls(None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot keep work in progress in {folder}: {error.strerror or error}"
            ) from error
        details = json.dumps([_SCHEME, fingerprint, settings], sort_keys=True)
        digest = blake2b(details.encode("utf-8", "surrogatepass"), digest_size=12)
        for instance in instances:
            digest.update(instance_key(instance))
        return cls(folder / digest.hexdigest())

    @property
    def enabled(self) -> bool:
        """Whether anything is kept."""
        return self._folder is not None

    def load(self) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]] | None:
        """Return what was kept last, or ``None``.

        Raises:
            ArtifactError: It is damaged.
        """
        if self._folder is None or not self._folder.is_dir():
            return None
        kept = load_artifact(self._folder)
        return dict(kept.settings), kept.tensors

    def keep(self, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace what was kept; it is safe when this returns.

        Raises:
            OutputError: The folder cannot be written.
        """
        if self._folder is not None:
            save_artifact(self._folder, Artifact(_KIND, state, arrays))

    def clear(self) -> None:
        """Remove what was kept: the fit is done."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
