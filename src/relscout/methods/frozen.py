"""A frozen encoder and clusters around their means: what ``kmeans`` and ``hac`` have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.choose_k import choose_k
from relscout.clustering.lloyd import Clusters, check_count, means, nearest
from relscout.encoders import Encoder, OnLoss
from relscout.errors import InputError
from relscout.instances import RelationInstance
from relscout.methods.estimator import NRelations
from relscout.methods.nearest_mean import NearestMean
from relscout.methods.vectors import encode
from relscout.progress import Progress
from relscout.training.stored import check_encoder
from relscout.training.trained import Trained


class FrozenClusters(NearestMean):
    """A method that clusters frozen relation representations; a subclass implements ``_cluster``."""

    def _represent(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,
        checkpoints: Path | None,  # noqa: ARG002 - the encoder's cache keeps all that takes long
    ) -> tuple[NDArray[np.float32], int]:
        vectors = encode(self.encoder, instances, progress=progress, on_loss=on_loss)
        self._trained = Trained(self.encoder.fingerprint, {})
        return vectors, self._number(vectors, n_relations, progress)

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder


class ClusteringMethod(FrozenClusters):
    """A method that is one clustering of frozen vectors; a subclass sets ``NAME`` and implements :meth:`cluster`.

    All else is done here: every instance belongs to the relation with the nearest mean, relations are numbered by their
    size, and fitted methods are saved and loaded.
    """

    @abstractmethod
    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        """Return a cluster for each vector.

        Args:
            vectors: Representations (N, D), float32, of unit length.
            n_relations: Number of clusters K, from 1 to N, as it was asked for or estimated.

        Returns:
            Numbers of the clusters (N,), any integers; a negative number leaves a vector out of the means.
        """

    def _cluster(
        self,
        vectors: NDArray[np.float32],
        n_relations: int,
        progress: Progress,  # noqa: ARG002 - the clustering does not report how far it is
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
        # a mean that is nearest to no vector is no relation; without it, no other vector moves
        near, _ = nearest(vectors, centroids)
        left = np.unique(near)
        near, distances = nearest(vectors, centroids[left])
        return Clusters(centroids[left], near, float(distances.sum()))

    def _number(self, vectors: NDArray[np.float32], n_relations: NRelations, progress: Progress) -> int:
        if n_relations != "auto":
            return n_relations
        choice = choose_k(vectors, seed=self.seed, progress=progress)
        self.report_["k_curve"] = choice.as_dict()
        return choice.k
