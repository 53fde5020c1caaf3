"""Frozen encoder and k-means: no training, no labels. Where every other method starts from.

Representations are those of the encoder, scaled to unit length. The baseline of the field since Elsahar et al.,
"Unsupervised Open Relation Extraction" (ESWC 2017), here with a transformer in place of re-weighted word embeddings.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Clusters, Start, started_kmeans
from relscout.core.progress import Progress
from relscout.core.settings import AtLeast1, settings_class
from relscout.encoders import Encoder
from relscout.methods.estimator import NRelations
from relscout.methods.nearest_mean import FrozenClusters


@settings_class
class KMeansSettings:
    """Settings of the method ``kmeans``."""

    start: Start = "neighbours"
    """Where k-means starts: ``neighbours`` (the parts of the neighbour graph, laid out by UMAP) or ``k-means++``."""
    n_init: AtLeast1 = 10
    """Starts drawn by k-means++, of which the one with the lowest inertia is kept; at least 1."""
    max_iterations: AtLeast1 = 100
    """Most iterations of each start; at least 1."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""


class KMeans(FrozenClusters):
    """Cluster frozen relation representations by k-means.

    Args:
        encoder: Gives the representations; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Draws the starts.

    The other parameters are the fields of :class:`KMeansSettings`.
    """

    NAME: ClassVar[str] = "kmeans"
    CITATION: ClassVar[str] = (
        "Elsahar, Demidova, Gottschalk, Gravier, Laforest: Unsupervised Open Relation Extraction. ESWC 2017"
    )
    SETTINGS: ClassVar[type[KMeansSettings]] = KMeansSettings

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        start: Start = KMeansSettings.start,
        n_init: int = KMeansSettings.n_init,
        max_iterations: int = KMeansSettings.max_iterations,
        max_relations: int = KMeansSettings.max_relations,
    ) -> None:
        self._store(locals())

    def _cluster(self, vectors: NDArray[np.float32], n_relations: int, progress: Progress) -> Clusters:
        options: KMeansSettings = self._settings
        return started_kmeans(
            vectors,
            n_relations,
            start=options.start,
            seed=self.seed,
            n_init=options.n_init,
            max_iterations=options.max_iterations,
            progress=progress,
        )
