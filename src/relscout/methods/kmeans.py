"""Frozen encoder and k-means: no training, no labels. Where every other method starts from.

Representations are those of the encoder, scaled to unit length. The baseline of the field since Elsahar et al.,
"Unsupervised Open Relation Extraction" (ESWC 2017), here with a transformer in place of re-weighted word embeddings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.artifacts import Artifact, load_artifact, save_artifact
from relscout.clustering.choose_k import choose_k
from relscout.clustering.kmeans import kmeans
from relscout.clustering.lloyd import Clusters, check_finite
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.clustering.soft import soft_assignment, spread
from relscout.config import from_mapping, to_mapping
from relscout.encoders import Encoder, EncoderSettings, OnLoss, TransformerEncoder, loss_warnings
from relscout.errors import ArtifactError, InputError, SettingError, UnknownNameError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.estimator import NRelations, checked_n_relations
from relscout.progress import Progress, silent
from relscout.seeding import generator

_STARTS = ("neighbours", "k-means++")
#: Vectors that are looked at where a sample serves as well as all.
_SAMPLE = 4096


@dataclass(frozen=True)
class KMeansSettings:
    """Settings of the method ``kmeans``."""

    start: str = "neighbours"
    """Where k-means starts: ``neighbours`` (the parts of the neighbour graph, laid out by UMAP) or ``k-means++``."""
    n_init: int = 10
    """Starts drawn by k-means++, of which the one with the lowest inertia is kept; at least 1."""
    max_iterations: int = 100
    """Most iterations of each start; at least 1."""
    max_relations: int = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        if self.start not in _STARTS:
            raise UnknownNameError("start", self.start, _STARTS)
        for name in ("n_init", "max_iterations", "max_relations"):
            if (value := getattr(self, name)) < 1:
                raise SettingError(f"{name} is {value}, expected at least 1")


class KMeans:
    """Cluster frozen relation representations by k-means.

    Args:
        encoder: Gives the representations; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Draws the starts.
        **settings: Fields of :class:`KMeansSettings`.
    """

    NAME: ClassVar[str] = "kmeans"
    CITATION: ClassVar[str] = (
        "Elsahar, Demidova, Gottschalk, Gravier, Laforest: Unsupervised Open Relation Extraction. ESWC 2017"
    )
    SETTINGS: ClassVar[type[KMeansSettings]] = KMeansSettings

    n_relations_: int
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
        self.encoder: Encoder = encoder if encoder is not None else TransformerEncoder()
        self.n_relations = n_relations
        self.seed = seed
        self._settings = from_mapping(KMeansSettings, settings)

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Raises:
            InputError: There is no instance, or there are fewer (different) ones than relations.
            SettingError: ``labeled`` is given, which this method cannot use, or ``n_relations`` or ``seed`` is no
                number that can work.
        """
        if labeled is not None:
            raise SettingError("method 'kmeans' cannot learn from labelled instances; leave them out")
        if not unlabeled:
            raise InputError("there are no instances to find relations in")
        n_relations, random = checked_n_relations(self.n_relations), generator(self.seed, "spread")
        order = canonical_order(unlabeled)
        lost: Counter[str] = Counter()
        vectors = self._encode(
            [unlabeled[place] for place in order], progress, lambda _, what: lost.update([what])
        )
        self.report_ = {"warnings": loss_warnings(lost)}
        clusters = _largest_first(self._cluster(vectors, n_relations, progress))
        sample = vectors
        if len(vectors) > _SAMPLE:
            sample = vectors[np.sort(random.choice(len(vectors), _SAMPLE, replace=False))]
        self._centroids = clusters.centroids
        self._variance = spread(sample, clusters.inertia / len(vectors))
        self._encoder_fingerprint = self.encoder.fingerprint
        self.n_relations_ = len(clusters.centroids)
        self.probabilities_ = _scattered(soft_assignment(vectors, self._centroids, self._variance), order)
        self.labels_ = self.probabilities_.argmax(axis=1).astype(np.int64)
        self.vectors_ = _scattered(vectors, order)
        return self

    def predict(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.int64]:
        """Return the relation of each instance (N,), int64."""
        labels: NDArray[np.int64] = self.predict_proba(instances, progress=progress).argmax(axis=1)
        return labels

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
        self._check_ready()
        order = canonical_order(instances)
        vectors = self._encode([instances[place] for place in order], progress, on_loss)
        return _scattered(soft_assignment(vectors, self._centroids, self._variance), order)

    def transform(
        self, instances: Sequence[RelationInstance], *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Return relation representations (N, D), float32, of unit length."""
        order = canonical_order(instances)
        return _scattered(self._encode([instances[place] for place in order], progress), order)

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        return {
            "n_relations": checked_n_relations(self.n_relations),
            "seed": int(self.seed),
            **to_mapping(self._settings),
            "encoder": to_mapping(self.encoder.settings),
        }

    def save(self, folder: Path) -> None:
        """Write the fitted method to a folder.

        Raises:
            SettingError: Nothing was fitted yet.
            OutputError: The folder holds other files or cannot be written.
        """
        self._check_fitted()
        settings = {
            **self.settings(),
            "variance": self._variance,
            "encoder_fingerprint": self._encoder_fingerprint,
            "encoder": _portable(self.encoder.settings),
        }
        save_artifact(folder, Artifact(self.NAME, settings, {"centroids": self._centroids}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a fitted method from a folder.

        Raises:
            ArtifactError: The folder does not hold a fitted ``kmeans``.
        """
        artifact = load_artifact(folder)
        if artifact.kind != cls.NAME:
            raise ArtifactError(f"{folder} holds a {artifact.kind!r}, expected {cls.NAME!r}")
        try:
            values = dict(artifact.settings)
            variance, fingerprint = float(values.pop("variance")), str(values.pop("encoder_fingerprint"))
            encoder = TransformerEncoder(from_mapping(EncoderSettings, values.pop("encoder")))
            loaded = cls(encoder, **values)
            centroids = artifact.tensors["centroids"]
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"{folder} is not a whole {cls.NAME!r} ({error}); save the model again"
            ) from error
        if centroids.ndim != 2 or not len(centroids) or not variance > 0:
            raise ArtifactError(
                f"{folder} has centroids of shape {centroids.shape} and variance {variance}, expected (K, D) and a "
                "number above 0; save the model again"
            )
        loaded._centroids = centroids
        loaded._variance, loaded._encoder_fingerprint = variance, fingerprint
        loaded.n_relations_ = len(centroids)
        loaded.report_ = {"warnings": []}
        return loaded

    def _cluster(self, vectors: NDArray[np.float32], n_relations: NRelations, progress: Progress) -> Clusters:
        options = self._settings
        if n_relations == "auto":
            choice = choose_k(vectors, seed=self.seed, largest=options.max_relations, progress=progress)
            self.report_["k_curve"] = choice.as_dict()
            n_relations = choice.k
        progress("cluster", 0, None)
        starts = (
            neighbour_seeds(vectors, n_relations, seed=self.seed, n_init=options.n_init)
            if options.start == "neighbours"
            else None
        )
        return kmeans(
            vectors,
            n_relations,
            seed=self.seed,
            starts=starts,
            n_init=options.n_init,
            max_iterations=options.max_iterations,
            progress=progress,
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "_centroids"):
            raise SettingError(
                f"this {type(self).__name__} has found no relations yet; call fit, or load one"
            )

    def _check_ready(self) -> None:
        self._check_fitted()
        if self.encoder.fingerprint != self._encoder_fingerprint:
            raise ArtifactError(
                f"the encoder {self.encoder.settings.model!r} is not the one this model was fitted with: its weights "
                f"or vocabulary have fingerprint {self.encoder.fingerprint}, expected {self._encoder_fingerprint}"
            )

    def _encode(
        self, instances: Sequence[RelationInstance], progress: Progress, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        """Return vectors of unit length."""
        vectors = self.encoder.encode(instances, progress=progress, on_loss=on_loss)
        check_finite(vectors)
        return _unit_length(vectors)


def _portable(settings: EncoderSettings) -> dict[str, Any]:
    """Return the settings with which the encoder can be built on another machine or from another folder."""
    folder = Path(settings.model)
    model = str(folder.resolve()) if folder.is_dir() else settings.model
    return {**to_mapping(settings), "model": model, "device": "auto"}


def _scattered(rows: NDArray[np.float32], order: Sequence[int]) -> NDArray[np.float32]:
    """Put row i back to place ``order[i]``; rows that stand in order are not copied."""
    if all(place == row for row, place in enumerate(order)):
        return rows
    return rows[np.argsort(order)]


def _unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    for start in range(0, len(vectors), _SAMPLE):
        rows = vectors[start : start + _SAMPLE]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return vectors


def _largest_first(clusters: Clusters) -> Clusters:
    sizes = np.bincount(clusters.labels, minlength=len(clusters.centroids))
    first_member = np.full(len(sizes), len(clusters.labels))
    np.minimum.at(first_member, clusters.labels, np.arange(len(clusters.labels)))
    order = np.lexsort((first_member, -sizes))
    return Clusters(clusters.centroids[order], np.argsort(order)[clusters.labels], clusters.inertia)
