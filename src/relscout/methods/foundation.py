"""What the methods have in common, so that each of them tells only what is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.config import from_mapping, to_mapping
from relscout.encoders import Encoder, EncoderSettings, OnLoss, TransformerEncoder
from relscout.errors import SettingError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.estimator import NRelations, checked_n_relations
from relscout.methods.labelled import Labels
from relscout.methods.vectors import encode, scattered, transformed
from relscout.progress import Progress, silent


class Method(ABC):
    """A method that finds relations: how it is set up, and what it tells of itself.

    Args:
        encoder: Gives the representations; that of ``ENCODER`` when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Draws everything random.
        **settings: Fields of ``SETTINGS``.
    """

    NAME: ClassVar[str]
    CITATION: ClassVar[str]
    SETTINGS: ClassVar[type[Any]]
    LABELS: ClassVar[Labels] = "none"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()
    #: Attribute that ``fit`` and ``load`` set.
    _FITTED: ClassVar[str]

    n_relations_: int
    none_: int | None = None
    labels_: NDArray[np.int64]
    probabilities_: NDArray[np.float32]
    vectors_: NDArray[np.float32]
    report_: dict[str, Any]

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self.encoder: Encoder = encoder if encoder is not None else TransformerEncoder(self.ENCODER)
        self.n_relations = n_relations
        self.seed = seed
        self._settings = from_mapping(self.SETTINGS, settings)

    def predict(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.int64]:
        """Return the relation of each instance (N,), int64; -1 for none."""
        return self._likeliest(self.predict_proba(instances, progress=progress))

    @abstractmethod
    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1; with ``none_`` (N, K + 1)."""

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        return {
            "n_relations": checked_n_relations(self.n_relations),
            "seed": int(self.seed),
            **to_mapping(self._settings),
            "encoder": to_mapping(self.encoder.settings),
        }

    def _likeliest(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the relation of the highest probability (N,), int64; -1 for none."""
        labels = probabilities.argmax(axis=1).astype(np.int64)
        return labels if self.none_ is None else np.where(labels == self.none_, -1, labels)

    def _check_fitted(self) -> None:
        if not hasattr(self, self._FITTED):
            raise SettingError(
                f"this {type(self).__name__} has found no relations yet; call fit, or load one"
            )

    def _fewer(self, asked: int, why: str = "the others have no instances", *, given: int = 0) -> list[str]:
        """Return a warning where fewer relations were found than were asked for, beside those that were given."""
        if (found := self.n_relations_ - given) == asked:
            return []
        return [f"{found} {'novel ' if given else ''}relations were found instead of {asked}: {why}"]


class VectorMethod(Method):
    """A method that tells relations by one vector of each instance."""

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, rows summing to 1.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        encoder, order = self._ready_encoder(), canonical_order(instances)
        ordered = [instances[place] for place in order]
        vectors = encode(encoder, ordered, progress=progress, on_loss=on_loss)
        return scattered(self.probabilities_of(vectors), order)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32, of unit length; of the encoder as it was trained, if any."""
        return transformed(self._vector_encoder(), instances, progress=progress)

    @abstractmethod
    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors as ``transform`` gives them (N, D)."""

    @abstractmethod
    def _ready_encoder(self) -> Encoder:
        """Return the encoder with the weights that were trained, if any; an error where nothing was fitted."""

    def _vector_encoder(self) -> Encoder:
        """Return the encoder that ``transform`` reads."""
        return self._ready_encoder()
