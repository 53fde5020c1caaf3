"""The rows that look at no text, scored in both ways."""

from __future__ import annotations

from collections.abc import Sequence

from relscout.instances import RelationInstance
from relscout.metrics import ClusteringScores, majority_mapped, trivial_baselines
from relscout.metrics.baselines import ENTITY_TYPE_PAIR, ONE_CLUSTER, SINGLETONS
from relscout.metrics.labels import Labels


def trivial_scores(
    scored: Sequence[RelationInstance],
) -> dict[str, tuple[ClusteringScores, ClusteringScores]]:
    """Return the scores of the trivial rows on the clusters as they are, and majority-mapped.

    The entity-type pair is among them where at least one type is known.
    """
    gold = [instance.relation for instance in scored]
    pairs = [instance.type_pair for instance in scored]
    labels: dict[str, Labels] = {
        ONE_CLUSTER: [0] * len(scored),
        SINGLETONS: range(len(scored)),
        ENTITY_TYPE_PAIR: pairs,
    }
    raw = trivial_baselines(gold, type_pairs=pairs)
    return {name: (scores, majority_mapped(labels[name], gold)) for name, scores in raw.items()}
