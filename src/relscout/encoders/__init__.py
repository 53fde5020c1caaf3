"""Encoders turn relation instances into vectors.

Any object with ``encode`` and ``fingerprint`` is an encoder. Methods use it directly, or through a
:class:`Precomputed`, which holds vectors that it returned before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.parameters import Parameters
from relscout.core.progress import Progress, silent
from relscout.core.settings import to_mapping
from relscout.encoders.cache import VectorCache, empty_vectors, instance_key
from relscout.encoders.settings import Backend, Dtype, EncoderSettings
from relscout.encoders.transformer import OnLoss, TransformerEncoder

__all__ = [
    "Encoder",
    "EncoderParameter",
    "EncoderSettings",
    "OnLoss",
    "Precomputed",
    "TransformerEncoder",
    "VectorCache",
    "WrappingEncoder",
    "loss_warnings",
]


class Encoder(Protocol):
    """The interface of encoders: any object with these two members is an encoder."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors change, such as a hash of weights and settings."""
        ...

    def encode(self, instances: Sequence[RelationInstance], /) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances."""
        ...


class WrappingEncoder:
    """Base class of encoders that wrap another encoder and report progress and cuts as it does."""

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
        SettingError: It has no ``encode``, or no ``fingerprint`` that is a text.
    """
    if isinstance(encoder, EncoderSettings):
        raise SettingError("encoder is an EncoderSettings; build the encoder: TransformerEncoder(settings)")
    # str has a method encode, too
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
    """Return the vectors (N, D), float32, of any encoder. The caller may change them.

    Raises:
        InputError: The encoder did not return one finite vector for each instance.
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
    """Return a copy of vectors as an array (N, D), float32.

    Args:
        vectors: Anything that NumPy can turn into an array of numbers.
        n_instances: N.
        who: First words of the error, such as ``"the encoder E returned"``.

    Raises:
        InputError: They do not form such an array, or a value is not finite.
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
    if not np.isfinite(checked := array.astype(np.float32)).all():
        row = int(np.flatnonzero(~np.isfinite(checked).all(axis=1))[0])
        raise InputError(f"{who} NaN or infinite values, the first of them in row {row} (from 0)")
    return checked


class Precomputed(WrappingEncoder):
    """An encoder that returns given vectors for known instances, and encodes the others.

    It represents the wrapped encoder: methods that train use the wrapped encoder, and saving saves it. Without an
    encoder it is a table of vectors that knows no other instances.

    Args:
        encoder: Encodes unknown instances; :attr:`encoder`. ``None`` if there is no encoder.
        instances: The known instances. Instances with the same text, offsets and types are the same.
        vectors: Their vectors (N, D), float32, as ``encoder`` returned them. They are not copied.
        lost: What was cut from each instance (N,), see :func:`relscout.encoders.marking.fit`; ``None`` if nothing was.

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
        """Settings of the wrapped encoder, which must be a transformer."""
        return self._transformer.settings

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the wrapped encoder; without an encoder, a hash of the vectors."""
        return self._own_fingerprint if self.encoder is None else self.encoder.fingerprint

    @cached_property
    def _own_fingerprint(self) -> str:
        digest = blake2b(digest_size=16)
        for key, row in sorted(self._rows.items()):
            digest.update(key + np.ascontiguousarray(self._vectors[row]).tobytes())
        return digest.hexdigest()

    @property
    def cache(self) -> VectorCache | None:
        """Cache of the wrapped encoder, which must be a transformer."""
        return self._transformer.cache

    @cache.setter
    def cache(self, cache: VectorCache | None) -> None:
        self._transformer.cache = cache

    @property
    def _transformer(self) -> TransformerEncoder:
        if not isinstance(self.encoder, TransformerEncoder):
            raise AttributeError("the wrapped encoder is not a TransformerEncoder")
        return self.encoder

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, in the order of the instances. Errors of the wrapped encoder are passed on.

        Args:
            instances: The instances to encode.
            progress: Called with the number of unknown instances that are done, stage ``"encode"``.
            on_loss: Called with each instance that was cut, and what was cut.

        Raises:
            SettingError: An instance is unknown, and there is no encoder.
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
        # a copy, because callers may change the vectors in place
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
    """Return the transformer that an encoder is or wraps; ``None`` if there is none."""
    if isinstance(encoder, Precomputed):
        encoder = encoder.encoder
    return encoder if isinstance(encoder, TransformerEncoder) else None


def described(encoder: Encoder) -> dict[str, Any]:
    """Return what determines the vectors of an encoder, as JSON values: its settings, or its class and fingerprint."""
    transformer = underlying(encoder)
    if transformer is not None:
        settings = to_mapping(transformer.settings)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    kind = type(encoder)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "fingerprint": encoder.fingerprint}


def name_of(encoder: Encoder) -> str:
    """Return the name of an encoder in errors: that of its model, or of its class."""
    transformer = underlying(encoder)
    return type(encoder).__name__ if transformer is None else transformer.settings.model


def use_cache(encoder: Encoder, cache: VectorCache | None) -> None:
    """Set the cache of an encoder if it is one of relscout's; ``None`` removes the cache."""
    transformer = underlying(encoder)
    if transformer is not None:
        transformer.cache = cache


def compute_with(
    encoder: Encoder, *, backend: Backend | None = None, dtype: Dtype | None = None
) -> str | None:
    """Let a fitted encoder compute otherwise; see :meth:`TransformerEncoder.compute_with`.

    Returns:
        A warning that relations may change, or ``None`` if nothing changes.

    Raises:
        SettingError: The backend does not compute in the data type, or the encoder is of another package.
    """
    if backend is None and dtype is None:
        return None
    transformer = underlying(encoder)
    if transformer is None:
        raise SettingError(
            f"backend and dtype are for encoders of relscout, and this one is {name_of(encoder)}; leave them out"
        )
    from relscout.encoders.backends import arithmetic_warning

    fitted = transformer.settings
    transformer.compute_with(backend=backend, dtype=dtype)
    return arithmetic_warning(fitted, transformer.settings)


def cache_of(encoder: Encoder) -> VectorCache | None:
    """Return the cache of an encoder; ``None`` if it has none."""
    transformer = underlying(encoder)
    return None if transformer is None else transformer.cache


def can_encode(encoder: Encoder) -> bool:
    """Return whether an encoder can encode any instance; a table of vectors cannot."""
    return not isinstance(encoder, Precomputed) or encoder.encoder is not None


_SENTENCES = {
    "context": "words before or after both entities were left out: the input exceeds the maximum length",
    "between": "words between the entities were left out: the entities are too far apart for the maximum length",
    "mention": "an entity was cut: it exceeds the maximum length",
    "type": "an entity type has no marker token, and is read as 'entity'; list it in the encoder's setting types",
}


def loss_warnings(lost: Counter[str]) -> list[str]:
    """Return a sentence for each kind of cut (see :func:`relscout.encoders.marking.fit`), with its count."""
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
    return readable_share(unknown_share(encoder, texts))


def readable_share(unknown: float) -> float:
    """Return the share of known tokens, in [0, 1], given that of unknown ones; 1 where next to all are known."""
    return 1.0 if unknown <= MOST_UNKNOWN else 1.0 - unknown


def unknown_token_warning(share: float, model: str) -> str | None:
    """Return a warning if too many of the texts' tokens are unknown to the encoder, else ``None``.

    Args:
        share: Share of unknown tokens, in [0, 1].
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


E = TypeVar("E", bound=Encoder)


class EncoderParameter(Parameters, Generic[E]):
    """Base class of estimators with a parameter ``encoder``."""

    #: The encoder that is used where none is given.
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()

    _given_encoder: E | None = None
    _default_encoder: TransformerEncoder | None = None

    @property
    def encoder(self) -> E:
        """The encoder of the representations."""
        if self._given_encoder is not None:
            return self._given_encoder
        if self._default_encoder is None:
            self._default_encoder = TransformerEncoder(self.ENCODER)
        return cast(E, self._default_encoder)

    @encoder.setter
    def encoder(self, encoder: E | None) -> None:
        self._given_encoder = encoder

    def _parameter(self, name: str) -> Any:
        return self._given_encoder if name == "encoder" else getattr(self, name)
