"""Hierarchical agglomerative clustering of the vectors of a frozen encoder: no training and no labels.

This is the clustering of Elsahar et al., "Unsupervised Open Relation Extraction" (ESWC 2017), which other papers call
RW-HAC, on vectors of a transformer instead of re-weighted word embeddings.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.hierarchy import Distance, Linkage, agglomerate
from relscout.clustering.kmeans import Clusters
from relscout.core.errors import SettingError
from relscout.core.progress import Progress
from relscout.core.settings import AtLeast0, AtLeast1, AtLeast2, NotNegative, settings_class
from relscout.encoders import Encoder
from relscout.methods.estimator import NRelations
from relscout.methods.nearest_mean import FrozenClusters


@settings_class
class HACSettings:
    """Settings of the method ``hac``."""

    linkage: Linkage = "ward"
    """How the distance of two clusters is defined: ``ward`` (increase of the inertia), ``average`` or ``complete``."""
    distance: Distance = "euclidean"
    """Distance of two vectors of unit length: ``euclidean`` or ``cosine``. ``ward`` needs ``euclidean``."""
    apart: NotNegative = 0.0
    """Distance at which merging stops if the number of relations is estimated; at least 0. It depends on the encoder
    and the pooling. 0 estimates the number from the neighbour graph, as ``kmeans`` does."""
    smallest: AtLeast0 = 1
    """Smallest size of a relation; at least 0. Instances of smaller clusters are assigned to the nearest other cluster.
    0 means a tenth of the square root of the number of instances, at least 2."""
    directions: AtLeast0 = 128
    """Number of principal components in which distances are computed; 0 uses the whole vectors, which is slower."""
    max_instances: AtLeast2 = 10_000
    """Largest number of instances that are clustered; at least 2. Of more, a sample is clustered, and the others are
    assigned to the nearest mean."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered if it is estimated; at least 1."""

    def __post_init__(self) -> None:
        if self.linkage == "ward" and self.distance != "euclidean":
            raise SettingError(
                f"linkage 'ward' needs distance 'euclidean', not {self.distance!r}; "
                "use linkage 'average' or 'complete', or leave the distance out"
            )


class HAC(FrozenClusters):
    """Cluster the vectors of a frozen encoder hierarchically.

    Args:
        encoder: Computes the vectors; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Random seed of the sample, if not all instances are clustered.

    The other parameters are the fields of :class:`HACSettings`.
    """

    NAME: ClassVar[str] = "hac"
    CITATION: ClassVar[str] = (
        "Elsahar, Demidova, Gottschalk, Gravier, Laforest: Unsupervised Open Relation Extraction. ESWC 2017"
    )
    SETTINGS: ClassVar[type[HACSettings]] = HACSettings

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        linkage: Linkage = HACSettings.linkage,
        distance: Distance = HACSettings.distance,
        apart: float = HACSettings.apart,
        smallest: int = HACSettings.smallest,
        directions: int = HACSettings.directions,
        max_instances: int = HACSettings.max_instances,
        max_relations: int = HACSettings.max_relations,
    ) -> None:
        self._store(locals())

    def _cluster(
        self,
        vectors: NDArray[np.float32],
        n_relations: int,
        progress: Progress,  # noqa: ARG002 - nothing inside reports progress
    ) -> Clusters:
        options: HACSettings = self._settings
        if len(vectors) > (most := max(options.max_instances, n_relations)):
            self.report_["warnings"].append(
                f"{most} of {len(vectors)} instances were clustered, drawn at random; the others got the relation with "
                "the nearest mean (setting max_instances)"
            )
        sampled = min(len(vectors), most)
        return agglomerate(
            vectors,
            n_relations or None,
            linkage=options.linkage,
            distance=options.distance,
            apart=options.apart,
            smallest=options.smallest or max(2, round(sampled**0.5 / 10)),
            directions=options.directions,
            max_vectors=options.max_instances,
            seed=self.seed,
        )

    def _number(self, vectors: NDArray[np.float32], n_relations: NRelations, progress: Progress) -> int:
        if n_relations == "auto" and self._settings.apart:
            return 0  # merging stops by itself
        return super()._number(vectors, n_relations, progress)
