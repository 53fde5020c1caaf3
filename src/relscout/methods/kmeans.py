"""K-means on the vectors of a frozen encoder, scaled to unit length: no training and no labels.

Clustering of frozen vectors has been the baseline of the field since Elsahar et al., "Unsupervised Open Relation
Extraction" (ESWC 2017). Here the vectors are those of a transformer instead of re-weighted word embeddings.
"""

from __future__ import annotations

from typing import ClassVar

from relscout.clustering.kmeans import Clusters, Start, Vectors, started_kmeans
from relscout.core.progress import Progress
from relscout.core.settings import AtLeast1, settings_class
from relscout.encoders import Encoder
from relscout.methods.estimator import NRelations
from relscout.methods.nearest_mean import FrozenClusters


@settings_class
class KMeansSettings:
    """Settings of the method ``kmeans``."""

    start: Start = "consensus"
    """Starting centres: ``consensus`` (clusters of three UMAP projections), ``neighbours`` (one), ``spectral``
    (clusters of eigenvectors of the neighbour graph) or ``k-means++``."""
    n_init: AtLeast1 = 10
    """Number of starts by k-means++, of which that with the lowest inertia is kept; at least 1."""
    max_iterations: AtLeast1 = 100
    """Largest number of iterations of each start; at least 1."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered if it is estimated; at least 1."""


class KMeans(FrozenClusters):
    """Cluster the vectors of a frozen encoder by k-means.

    Args:
        encoder: Computes the vectors; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Random seed of the starts.

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

    def _cluster(self, vectors: Vectors, n_relations: int, progress: Progress) -> Clusters:
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
