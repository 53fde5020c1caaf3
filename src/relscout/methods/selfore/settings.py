"""Settings of SelfORE."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.clustering.adaptive_settings import AdaptiveSettings
from relscout.errors import UnknownNameError
from relscout.ranges import check_least, check_shares
from relscout.training.classification import ClassificationSettings

_HEADS = ("aligned", "fresh")


@dataclass(frozen=True)
class SelfORESettings(AdaptiveSettings, ClassificationSettings):
    """Settings of the method ``selfore``; what the paper says stands in each description."""

    adaptive: bool = True
    """Adaptive clustering; without it, k-means on the representations (Table 1, w/o Adaptive Clustering)."""
    classification: bool = True
    """Relation classification; without it, one clustering of the frozen encoder (Table 1, w/o Classification)."""
    max_loops: int = 5
    """Most clusterings, at least 1, with a classification between every two (released code: always 5)."""
    stop_change: float = 0.1
    """End when fewer than this share of the pseudo labels change, in [0, 1] (paper: 0.1); 0 never ends early."""
    head: str = "aligned"
    """Classification layer of the next loop: ``aligned`` (kept, pseudo labels renumbered to agree) or ``fresh``."""
    n_clusters: int = 0
    """Number of pseudo labels K̂, not below the number of relations, which 0 takes (paper: 10 to 1250)."""
    merge: bool = True
    """Whether K̂ clusters are merged into the number of relations, by k-means on their means (paper: centroids)."""
    restarts: int = 2
    """How often a clustering that collapsed or diverged is tried again, slower, before k-means stands in for it."""
    max_relations: int = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        AdaptiveSettings.__post_init__(self)
        ClassificationSettings.__post_init__(self)
        if self.head not in _HEADS:
            raise UnknownNameError("head", self.head, _HEADS)
        check_least(self, {"max_loops": 1, "n_clusters": 0, "restarts": 0, "max_relations": 1})
        check_shares(self, ("stop_change",))
