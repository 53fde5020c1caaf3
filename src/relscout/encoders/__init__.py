"""Encoders turn relation instances into vectors.

Any object with ``encode`` and ``fingerprint`` is one. Methods take it as it is, or as a :class:`Precomputed`, which
knows vectors that it returned before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.settings import to_mapping
from relscout.encoders.cache import VectorCache, empty_vectors, instance_key
from relscout.encoders.settings import EncoderSettings
from relscout.encoders.transformer import OnLoss, TransformerEncoder

__all__ = [
    "Encoder",
    "EncoderSettings",
    "OnLoss",
    "Precomputed",
    "TransformerEncoder",
    "VectorCache",
    "WrappingEncoder",
    "loss_warnings",
]


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


class Precomputed(WrappingEncoder):
    """An encoder that returns given vectors for the instances that it knows, and encodes others.

    It stands for the wrapped encoder everywhere: methods that train take that one, and what is saved is that one.
    Without an encoder it is a table of vectors, which knows no other instances.

    Args:
        encoder: Encodes whatever is not known; :attr:`encoder`. ``None`` where nobody can.
        instances: What is known; an instance with the same text, offsets and types counts as the same one.
        vectors: Their vectors (N, D), float32, as ``encoder`` returned them. They are not copied.
        lost: What of each instance did not fit into the encoder's length (N,), see
            :func:`relscout.encoders.marking.fit`; nothing where left out.

    Raises:
        InputError: There are more or fewer vectors than instances, or equal instances have different vectors.
    """

    def __init__(
        self,
        encoder: Encoder | None,
        instances: Sequence[RelationInstance],
        vectors: NDArray[np.float32],
        *,
        lost: Sequence[str] | None = None,
    ) -> None:
        if len(instances) != len(vectors) or (lost is not None and len(lost) != len(instances)):
            raise InputError(
                f"{len(vectors)} vectors were given for {len(instances)} instances, expected one for each"
            )
        self.encoder = encoder
        self._rows: dict[bytes, int] = {}
        for row, instance in enumerate(instances):
            first = self._rows.setdefault(instance_key(instance), row)
            if first != row and not np.array_equal(vectors[first], vectors[row]):
                raise InputError(
                    f"the vectors in rows {first} and {row} (from 0) differ, but the instances there are the same "
                    f"({instance.text[:60]!r}); give equal instances equal vectors"
                )
        self._vectors = vectors
        self._lost = lost

    @property
    def settings(self) -> EncoderSettings:
        """What rebuilds the encoder, where it is a transformer."""
        return self._transformer.settings

    @property
    def fingerprint(self) -> str:
        """Hash of everything but the instance that decides a vector; of the vectors where there is no encoder."""
        return self._own_fingerprint if self.encoder is None else self.encoder.fingerprint

    @cached_property
    def _own_fingerprint(self) -> str:
        found = blake2b(digest_size=16)
        for key, row in sorted(self._rows.items()):
            found.update(key + np.ascontiguousarray(self._vectors[row]).tobytes())
        return found.hexdigest()

    @property
    def cache(self) -> VectorCache | None:
        """The cache of the wrapped encoder, where it is a transformer."""
        return self._transformer.cache

    @cache.setter
    def cache(self, cache: VectorCache | None) -> None:
        self._transformer.cache = cache

    @property
    def _transformer(self) -> TransformerEncoder:
        if not isinstance(self.encoder, TransformerEncoder):
            raise AttributeError("the wrapped encoder is no TransformerEncoder")
        return self.encoder

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances; errors are those of the wrapped encoder.

        Args:
            instances: What to encode.
            progress: Called with the number of instances done of those that are not known, stage ``"encode"``.
            on_loss: Called with each instance that did not fit whole, and what was lost.

        Raises:
            SettingError: An instance is not known, and there is no encoder.
        """
        known = [self._rows.get(instance_key(instance), -1) for instance in instances]
        new = [place for place, row in enumerate(known) if row < 0]
        if new and self.encoder is None:
            raise SettingError(
                f"{len(new)} of {len(instances)} instances have no vector, and there is no encoder to compute any (the "
                f"first of them: {instances[new[0]].text[:60]!r}); give the encoder of the vectors, too: "
                "discover(…, vectors=…, encoder=…)"
            )
        if new and self.encoder is not None and len(new) == len(instances):
            return encoded(self.encoder, instances, progress=progress, on_loss=on_loss)
        # a copy: whoever asks may change the vectors in place
        vectors = empty_vectors(len(instances), self._vectors.shape[1])
        for place, row in enumerate(known):
            if row >= 0:
                vectors[place] = self._vectors[row]
                if on_loss is not None and self._lost is not None and self._lost[row]:
                    on_loss(instances[place], self._lost[row])
        if new and self.encoder is not None:
            others = [instances[place] for place in new]
            vectors[new] = encoded(self.encoder, others, progress=progress, on_loss=on_loss)
        return vectors


def underlying(encoder: object) -> TransformerEncoder | None:
    """Return the transformer that an encoder is or wraps; ``None`` where there is none."""
    if isinstance(encoder, Precomputed):
        encoder = encoder.encoder
    return encoder if isinstance(encoder, TransformerEncoder) else None


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


_SENTENCES = {
    "context": "words before or after both entities were left out: the input exceeds the maximum length",
    "between": "words between the entities were left out: the entities are too far apart for the maximum length",
    "mention": "an entity was cut: it exceeds the maximum length",
}


def loss_warnings(lost: Counter[str]) -> list[str]:
    """Return one sentence for each kind of loss (see :func:`relscout.encoders.marking.fit`) and its count."""
    return [
        f"in {count} {'instance' if count == 1 else 'instances'}, {_SENTENCES[what]}"
        for what, count in sorted(lost.items())
    ]


#: Share of unknown tokens above which a user is warned, and above which texts are refused.
MOST_UNKNOWN, FAR_TOO_UNKNOWN = 0.05, 0.5
_MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"


def unknown_share(encoder: object, texts: Sequence[str]) -> float:
    """Return the share of the texts' tokens that an encoder does not know, in [0, 1].

    It is what the encoder's own ``unknown_share(texts)`` returns, and 0 for an encoder without this method.
    """
    if isinstance(encoder, Precomputed):
        encoder = encoder.encoder
    share = getattr(encoder, "unknown_share", None)
    return 0.0 if share is None else float(share(texts))


def known_share(encoder: object, texts: Sequence[str]) -> float:
    """Return the share of the texts' tokens that an encoder knows, in [0, 1]; 1 where next to all are known."""
    unknown = unknown_share(encoder, texts)
    return 1.0 if unknown <= MOST_UNKNOWN else 1.0 - unknown


def unknown_token_warning(share: float, model: str) -> str | None:
    """Return a warning where too many of the texts' tokens are unknown to the encoder; ``None`` where they are few.

    Args:
        share: Share of the tokens that are unknown, in [0, 1].
        model: Name of the encoder.
    """
    if share <= MOST_UNKNOWN:
        return None
    return (
        f"{share:.0%} of the tokens of these texts are unknown to the encoder {model!r}, which reads them all as the "
        f"same token; choose an encoder that was trained on their language, such as {_MULTILINGUAL} (--encoder)"
    )


def check_share(share: float, warning: str | None, *, allow_unknown_tokens: bool) -> None:
    """Refuse texts that an encoder cannot read.

    Args:
        share: Share of the tokens that are unknown, in [0, 1].
        warning: What this means.
        allow_unknown_tokens: Whether any share is allowed.

    Raises:
        InputError: Over half of the tokens are unknown.
    """
    if share > FAR_TOO_UNKNOWN and not allow_unknown_tokens:
        raise InputError(
            f"{warning}; to continue anyway, allow it with --allow-unknown-tokens (allow_unknown_tokens=True in Python)"
        )
