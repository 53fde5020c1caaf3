"""Scores against gold labels, the same ones for every method."""

from relscout.metrics.alignment import Alignment, align
from relscout.metrics.baselines import trivial_baselines
from relscout.metrics.classification import ClassificationScores, classification_scores
from relscout.metrics.clustering import ClusteringScores, score
from relscout.metrics.majority import majority_mapped
from relscout.metrics.open_world import OpenWorldScores, open_world_accuracy
from relscout.metrics.per_relation import (
    Confusion,
    RelationScore,
    confusions,
    directed_macro_f1,
    has_directions,
    relation_scores,
)
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
    "open_world_accuracy",
    "over_seeds",
    "percentile_interval",
    "relation_scores",
    "resampled_shares",
    "score",
    "trivial_baselines",
]
