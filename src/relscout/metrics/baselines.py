"""What needs no learning at all: the rows that every table of results has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relscout.metrics.clustering import ClusteringScores, score, score_table
from relscout.metrics.contingency import tabulate
from relscout.metrics.labels import Labels, code, paired

ONE_CLUSTER = "one cluster"
SINGLETONS = "singletons"
ENTITY_TYPE_PAIR = "entity-type pair"


def trivial_baselines(
    gold: Labels, *, type_pairs: Sequence[tuple[str | None, str | None]] | None = None
) -> dict[str, ClusteringScores]:
    """Score clusterings that look at no text.

    Args:
        gold: (N,) gold relations.
        type_pairs: (N,) entity types of head and tail, in the order of ``gold``. An unknown type (``None``)
            counts as a type of its own.

    Returns:
        The scores of ``"one cluster"`` with everything, of ``"singletons"`` and, where at least one type is
        known, of ``"entity-type pair"``: all instances with the same types of head and tail in one cluster.

    Raises:
        InputError: Nothing is given, a gold label is missing, or the lengths differ.
    """
    gold_codes = code(gold, "gold").codes
    n = len(gold_codes)
    rows = {
        ONE_CLUSTER: score(np.zeros(n, dtype=np.int64), gold_codes),
        SINGLETONS: score(np.arange(n), gold_codes),
    }
    if type_pairs is not None:
        pairs = [(head, tail) for head, tail in type_pairs]
        by_type = score_table(tabulate(*paired(pairs, gold, roles=(ENTITY_TYPE_PAIR, "gold"))))
        if any(head is not None or tail is not None for head, tail in pairs):
            rows[ENTITY_TYPE_PAIR] = by_type
    return rows
