"""What else is measured of a run: its representations and clusters, next to the scores.

*Purity of neighbours*: the share of the K nearest neighbours, by cosine, with the same gold relation (Zhang and Chen
2023, figure 3 left). *Few-shot*: episodes of five relations on the representations as they are, where a query belongs
to the relation with the nearest mean of its few support instances. *Clusters*: the gold relations in the largest and
in the smallest cluster (figure 5). All look at gold relations after the fit, and choose nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.clustering.neighbours import nearest_neighbours
from relscout.core.seeding import generator
from relscout.core.settings import to_mapping
from relscout.lab.schema import Probes

#: Relations in an episode.
WAYS = 5
#: Episodes for each number of shots; they are the same for every run.
_N_EPISODES = 2_000
_CHUNK = 1024


def probe(
    probes: Probes, vectors: NDArray[np.float32], assigned: NDArray[np.int64], gold: Sequence[str]
) -> dict[str, Any]:
    """Return what is asked for, as JSON values, under the names of :class:`relscout.lab.schema.Probes`.

    Args:
        probes: What to measure; stored under ``asked``.
        vectors: Representations of the scored instances (N, D), float32, in canonical order.
        assigned: Their relations (N,), int64.
        gold: Their gold relations (N,).
    """
    unit = unit_length(vectors.copy())
    largest, smallest = composition(assigned, gold, probes.relations)
    return {
        "asked": to_mapping(probes),
        "neighbours": neighbour_purity(unit, gold, probes.neighbours),
        "shots": {str(shots): few_shot(unit, gold, shots) for shots in probes.shots},
        "clusters": {"largest": largest, "smallest": smallest} if probes.relations else {},
        "sizes": sorted(Counter(gold).values(), reverse=True) if probes.relations else [],
    }


def neighbour_purity(
    vectors: NDArray[np.float32], gold: Sequence[str], counts: Sequence[int]
) -> dict[str, float]:
    """Return the share of nearest neighbours with the same gold relation, in [0, 1], for each number of neighbours.

    Args:
        vectors: (N, D), float32, of unit length.
        gold: Gold relations (N,).
        counts: Numbers of neighbours; more than N - 1 count as N - 1.
    """
    most = min(max(counts, default=0), len(vectors) - 1)
    if most < 1:
        return {}
    _, labels = np.unique(np.asarray(gold), return_inverse=True)
    neighbours = nearest_neighbours(vectors, most)
    same = np.empty(neighbours.shape, dtype=np.bool_)  # nearest first
    for start in range(0, len(vectors), _CHUNK):
        rows = neighbours[start : start + _CHUNK]
        cosines = np.einsum("nd,nkd->nk", vectors[start : start + _CHUNK], vectors[rows])
        ranked = np.take_along_axis(rows, np.argsort(-cosines, axis=1, kind="stable"), axis=1)
        same[start : start + _CHUNK] = labels[ranked] == labels[start : start + _CHUNK, None]
    return {str(count): round(float(same[:, : min(count, most)].mean()), 6) for count in counts}


def few_shot(vectors: NDArray[np.float32], gold: Sequence[str], shots: int) -> dict[str, float]:
    """Return the accuracy in episodes of five relations, with its standard error over the episodes.

    Each episode draws relations, and of each of them ``shots`` support instances and one query.

    Args:
        vectors: (N, D), float32, of unit length, in canonical order.
        gold: Gold relations (N,).
        shots: Number of support instances of each relation, at least 1.

    Returns:
        ``accuracy`` and ``standard_error``, in [0, 1], and ``relations``, the number of relations with enough
        instances; nothing if they are fewer than :data:`WAYS`.
    """
    members: dict[str, list[int]] = {}
    for row, relation in enumerate(gold):
        members.setdefault(relation, []).append(row)
    # in the order of their first instances, so that the episodes do not depend on the names of the relations
    large = [np.array(rows) for rows in members.values() if len(rows) > shots]
    if len(large) < WAYS:
        return {}
    random = generator(0, f"probe {shots}")
    right = np.empty(_N_EPISODES)
    for episode in range(_N_EPISODES):
        chosen = random.choice(len(large), WAYS, replace=False)
        rows = np.stack([random.choice(large[place], shots + 1, replace=False) for place in chosen])
        means = unit_length(vectors[rows[:, :shots]].mean(axis=1))  # (5, D)
        nearest = (vectors[rows[:, shots]] @ means.T).argmax(axis=1)
        right[episode] = (nearest == np.arange(WAYS)).mean()
    return {
        "accuracy": round(float(right.mean()), 6),
        "standard_error": round(float(right.std(ddof=1)) / sqrt(_N_EPISODES), 6),
        "relations": len(large),
    }


def composition(
    assigned: NDArray[np.int64], gold: Sequence[str], count: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the most frequent gold relations in the largest and in the smallest cluster.

    Args:
        assigned: Cluster of each instance (N,), int64; negative for none.
        gold: Gold relations (N,).
        count: Largest number of relations of a cluster.

    Returns:
        For each cluster, its relations with ``relation``, ``in_cluster`` and ``in_all`` instances, the most frequent
        in the cluster first; ties go to the larger relation, then by name.
    """
    sizes = Counter(label for label in assigned.tolist() if label >= 0)
    if not sizes:
        return [], []
    of_all = Counter(gold)
    listed = []
    for chosen in (
        min(sizes, key=lambda label: (-sizes[label], label)),
        min(sizes, key=lambda label: (sizes[label], label)),
    ):
        within = Counter(name for name, label in zip(gold, assigned.tolist(), strict=True) if label == chosen)
        names = sorted(within, key=lambda name: (-within[name], -of_all[name], name))[:count]
        listed.append(
            [{"relation": name, "in_cluster": within[name], "in_all": of_all[name]} for name in names]
        )
    return listed[0], listed[1]
