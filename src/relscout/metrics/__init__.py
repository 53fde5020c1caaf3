"""Scores against gold labels, the same ones for every method."""

from relscout.metrics.classification import (
    ClassificationScores,
    Confusion,
    RelationScore,
    classification_scores,
    confusions,
    directed_macro_f1,
    has_directions,
    relation_scores,
)
from relscout.metrics.clustering import (
    Alignment,
    ClusteringScores,
    align,
    majority_mapped,
    score,
    trivial_baselines,
)
from relscout.metrics.open_world import OpenWorldScores, open_world_scores
from relscout.metrics.uncertainty import (
    Interval,
    MeanStd,
    bootstrap_intervals,
    mean_std,
    over_seeds,
    percentile_interval,
    resampled_shares,
)

__all__ = [
    "Alignment",
    "ClassificationScores",
    "ClusteringScores",
    "Confusion",
    "Interval",
    "MeanStd",
    "OpenWorldScores",
    "RelationScore",
    "align",
    "bootstrap_intervals",
    "classification_scores",
    "confusions",
    "directed_macro_f1",
    "has_directions",
    "majority_mapped",
    "mean_std",
    "open_world_scores",
    "over_seeds",
    "percentile_interval",
    "relation_scores",
    "resampled_shares",
    "score",
    "trivial_baselines",
]
