"""What was found beside gold relations: scores, where they meet, and the confusions that cost most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.discovery import Discovery
from relscout.errors import InputError
from relscout.metrics import ClusteringScores, Interval, bootstrap_intervals, score, trivial_baselines

_RESAMPLES = 200
_CONFUSIONS = 8
_EXAMPLES = 2
#: Gold and found relations in the heat map; the other gold ones stand together, the other found ones are left out.
_MOST = 40
OTHERS = "(others)"


@dataclass(frozen=True)
class Confusion:
    """Instances of one gold relation in a found relation that is mostly another's.

    Args:
        relation: Id of the found relation; -1 for none.
        gold: Gold relation of these instances.
        majority: Gold relation that most instances of the found one have.
        count: How many they are.
        examples: Rows of the most certain of them.
    """

    relation: int
    gold: str
    majority: str
    count: int
    examples: Sequence[int]


@dataclass(frozen=True)
class Gold:
    """The comparison.

    Args:
        scores: Scores of what was found.
        intervals: Their bootstrap intervals of 95 %, by name.
        baselines: Scores of what needs no learning, by name.
        gold: Gold relations, the largest first; the smallest stand together as :data:`OTHERS`.
        found: Ids of the largest found relations, the largest first; -1 for none.
        table: Instances of each gold relation in each of these (G, F), int64.
        totals: Instances of each gold relation in all (G,), int64.
        labels: Gold relation of each row of the corpus that has one.
        confusions: Those that cost most, the largest first.
        unknown: Instances without a gold relation, which are not counted.
    """

    scores: ClusteringScores
    intervals: Mapping[str, Interval]
    baselines: Mapping[str, ClusteringScores]
    gold: Sequence[str]
    found: Sequence[int]
    table: NDArray[np.int64]
    totals: NDArray[np.int64]
    labels: Mapping[int, str]
    confusions: Sequence[Confusion]
    unknown: int


def gold_of(discovery: Discovery, gold: Mapping[str, str]) -> Gold:
    """Compare a discovery with gold relations.

    Args:
        discovery: The discovery.
        gold: Id of an instance → its gold relation.

    Raises:
        InputError: No instance has a gold relation.
    """
    given = discovery.assignments
    rows = [row for row, instance in enumerate(given.instances) if instance.id in gold]
    if not rows:
        raise InputError(
            f"none of the {len(given.instances)} instances of the run has a gold relation under its id; is it the file "
            "that the run was made from?"
        )
    truth = [gold[given.instances[row].id] for row in rows]
    found = given.relation_ids[rows].tolist()
    pairs = [given.instances[row].type_pair for row in rows]
    typed = any(one is not None for pair in pairs for one in pair)
    counts = Counter(zip(found, truth, strict=True))
    by_gold, by_found = Counter(truth), Counter(found)
    names = sorted(by_gold, key=lambda name: (-by_gold[name], name))
    kept = names if len(names) <= _MOST else [*names[: _MOST - 1], OTHERS]
    row_of = {name: min(place, len(kept) - 1) for place, name in enumerate(names)}
    ids = sorted(by_found, key=lambda one: (one < 0, -by_found[one], one))
    ids = ids[:_MOST]
    column_of = {id: place for place, id in enumerate(ids)}
    table = np.zeros((len(kept), len(ids)), dtype=np.int64)
    totals = np.zeros(len(kept), dtype=np.int64)
    for (id, name), count in counts.items():
        totals[row_of[name]] += count
        if id in column_of:
            table[row_of[name], column_of[id]] += count
    return Gold(
        scores=score(found, truth),
        intervals=bootstrap_intervals(found, truth, n_resamples=_RESAMPLES),
        baselines=trivial_baselines(truth, type_pairs=pairs if typed else None),
        gold=kept,
        found=ids,
        table=table,
        totals=totals,
        labels=dict(zip(rows, truth, strict=True)),
        confusions=_confusions(counts, rows, found, truth, given.confidences),
        unknown=len(given.instances) - len(rows),
    )


def _confusions(
    counts: Mapping[tuple[int, str], int],
    rows: Sequence[int],
    found: Sequence[int],
    truth: Sequence[str],
    confidences: NDArray[np.float32],
) -> list[Confusion]:
    majority: dict[int, str] = {}
    for id, name in sorted(counts, key=lambda key: (-counts[key], key[1])):
        majority.setdefault(id, name)
    wrong = sorted((key for key in counts if majority[key[0]] != key[1]), key=lambda key: (-counts[key], key))
    kept = []
    for id, name in wrong[:_CONFUSIONS]:
        members = [
            row for row, one, other in zip(rows, found, truth, strict=True) if (one, other) == (id, name)
        ]
        members.sort(key=lambda row: (-float(confidences[row]), row))
        kept.append(Confusion(id, name, majority[id], counts[id, name], members[:_EXAMPLES]))
    return kept
