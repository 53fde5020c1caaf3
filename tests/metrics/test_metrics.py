from __future__ import annotations

from relscout import metrics


def test_the_public_surface_is_sorted_and_complete() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert metrics.__all__ == [
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
    assert all(hasattr(metrics, name) for name in metrics.__all__)
