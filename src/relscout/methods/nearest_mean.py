"""Base classes of methods that assign each instance to the nearest cluster mean."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import (
    Clusters,
    DistantVectors,
    Vectors,
    check_count,
    means,
    nearest,
    soft_assignment,
    spread,
)
from relscout.core.errors import ArtifactError, InputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.encoders import Encoder, OnLoss, loss_warnings
from relscout.methods.estimator import (
    NRelations,
    VectorMethod,
    check_enough,
    check_labels,
    checked_n_relations,
)
from relscout.methods.vectors import drawn, encode, sorted_clusters
from relscout.training.stored import Checkpoints, Trained, below, check_encoder


class NearestMean(VectorMethod):
    """A method that clusters vectors; subclasses define how these are computed and clustered.

    Every instance, fitted or new, belongs to the relation with the nearest mean.

    Args:
        encoder: Computes the vectors; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Random seed.
        **settings: Fields of ``SETTINGS``, which must have a field ``max_relations``.
    """

    _FITTED: ClassVar[str] = "_centroids"

    #: Checkpoints of the training in ``_represent``.
    _work = Checkpoints(None)

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: The instances.
            labeled: Must be ``None``, because the method cannot use labels.
            progress: Progress callback.
            checkpoints: Folder for the state of a training, so that an interrupted fit resumes with the same result.

        Raises:
            InputError: There are no instances, or fewer distinct ones than relations.
            SettingError: ``labeled`` is given, or ``n_relations`` or ``seed`` is invalid.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        instances, order, n_relations = self._check_input(unlabeled)
        lost: Counter[str] = Counter()
        self.report_ = {"warnings": []}
        vectors, n_clusters = self._represent(
            instances,
            n_relations,
            progress=progress,
            on_loss=lambda _, what: lost.update([what]),
            checkpoints=checkpoints,
        )
        self.report_["warnings"] += loss_warnings(lost)
        self._fit_vectors(vectors, n_clusters, progress)
        self._set_results(self.probabilities_of(vectors), vectors, order)
        self._work.clear()
        return self

    def _fit_vectors(self, vectors: Vectors, n_clusters: int, progress: Progress) -> Clusters:
        """Cluster the vectors, and set what the method has to know of the clusters."""
        progress("cluster", 0, None)
        clusters = sorted_clusters(self._cluster(vectors, n_clusters, progress))
        self._centroids = clusters.centroids
        sample = drawn(vectors, generator(self.seed, "spread"))
        self._variance = spread(sample, clusters.inertia / len(vectors))
        self.n_relations_ = len(clusters.centroids)
        return clusters

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, D) that ``transform`` returned."""
        self._check_fitted()
        return soft_assignment(vectors, self._centroids, self._variance)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the variance and the encoder's fingerprint, and the centroids and trained weights."""
        weights = {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        values = {"variance": self._variance, "trained_from": self._trained.fingerprint}
        return values, {"centroids": self._centroids, **weights}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned.

        Raises:
            ArtifactError: The centroids do not have the shape (K, D), or the variance is not above 0.
        """
        variance, centroids = float(values["variance"]), arrays["centroids"]
        if centroids.ndim != 2 or not len(centroids) or not variance > 0:
            raise ArtifactError(
                f"this model has centroids of shape {centroids.shape} and variance {variance}, expected (K, D) and a "
                "number above 0; save the model again"
            )
        self._centroids = centroids
        self._variance = variance
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self.n_relations_ = len(centroids)

    @abstractmethod
    def _cluster(self, vectors: Any, n_relations: int, progress: Progress) -> Clusters:
        """Return K clusters, none of them empty, in which each vector has the nearest centroid."""

    @abstractmethod
    def _represent(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,
        checkpoints: Path | None,
    ) -> tuple[NDArray[np.float32], int]:
        """Return vectors (N, D) of unit length, equal to those of ``transform``, and K. Set ``_trained``."""

    def _number(self, vectors: Any, n_relations: NRelations, progress: Progress) -> int:
        if n_relations != "auto":
            return n_relations
        return self.estimated_number(vectors, largest=self._settings.max_relations, progress=progress)

    _trained: Trained


class FrozenClusters(NearestMean):
    """A method that clusters the vectors of a frozen encoder; a subclass implements ``_cluster``."""

    def _represent(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,
        checkpoints: Path | None,  # noqa: ARG002 - nothing trains, and the encoder has a cache
    ) -> tuple[NDArray[np.float32], int]:
        vectors = encode(self.encoder, instances, progress=progress, on_loss=on_loss)
        self._trained = Trained(self.encoder.fingerprint, {})
        return vectors, self._number(vectors, n_relations, progress)

    def fit_distant(
        self, vectors: DistantVectors, fingerprint: str, *, progress: Progress = silent
    ) -> Clusters:
        """Fit to vectors that are elsewhere; results by instance, such as ``labels_``, are not set.

        The clusters are those of :meth:`fit` on the same vectors, given in canonical order and of unit length, apart
        from rounding.

        Args:
            vectors: The vectors.
            fingerprint: Fingerprint of the encoder that made them.
            progress: Progress callback.

        Returns:
            The clusters, the largest first.

        Raises:
            InputError: There are fewer vectors (or fewer different ones) than relations, or some are not finite.
            SettingError: ``n_relations`` or ``seed`` is invalid.
        """
        n_relations = checked_n_relations(self.n_relations)
        check_enough(n_relations, len(vectors))
        self.report_ = {"warnings": []}
        self._trained = Trained(fingerprint, {})
        return self._fit_vectors(vectors, self._number(vectors, n_relations, progress), progress)

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder


class ClusteringMethod(FrozenClusters):
    """A clustering of frozen vectors; a subclass sets ``NAME`` and implements :meth:`cluster`.

    This class does the rest: it assigns every instance to the relation with the nearest mean, numbers relations by
    size, and saves and loads fitted methods.
    """

    @abstractmethod
    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        """Return a cluster for each vector.

        Args:
            vectors: Vectors (N, D), float32, of unit length.
            n_relations: Number of clusters K, from 1 to N, given or estimated.

        Returns:
            Numbers of the clusters (N,), any integers. A vector with a negative number does not count in any mean.
        """

    def _cluster(
        self,
        vectors: NDArray[np.float32],
        n_relations: int,
        progress: Progress,  # noqa: ARG002 - ``cluster`` reports no progress
    ) -> Clusters:
        check_count(len(vectors), n_relations)
        labels = np.asarray(self.cluster(vectors.copy(), n_relations))
        if labels.shape != (len(vectors),) or labels.dtype.kind not in "iu":
            raise InputError(
                f"cluster of {type(self).__name__} returned an array of shape {labels.shape} and type {labels.dtype}; "
                f"expected ({len(vectors)},) integers, the cluster of each vector"
            )
        kept = labels >= 0
        if not kept.any():
            raise InputError(
                f"cluster of {type(self).__name__} left out every vector; expected some to be kept"
            )
        _, numbers = np.unique(labels[kept], return_inverse=True)
        centroids = means(vectors[kept], numbers, int(numbers.max()) + 1)
        # a mean that is nearest to no vector is dropped; no vector changes its cluster by this
        near, _ = nearest(vectors, centroids)
        left = np.unique(near)
        near, distances = nearest(vectors, centroids[left])
        return Clusters(centroids[left], near, float(distances.sum()))

    def _number(self, vectors: Any, n_relations: NRelations, progress: Progress) -> int:
        if n_relations != "auto":
            return n_relations
        return self.estimated_number(vectors, progress=progress)
