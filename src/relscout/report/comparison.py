"""Compares two runs on one corpus: common relations, moved instances, and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.core.wording import counted, pieces
from relscout.discovery import Discovery
from relscout.metrics import bootstrap_intervals, score
from relscout.report import SCORES, score_cells, shown_name, write_page

_RESAMPLES = 200
#: Minimum overlap of two relations that count as the same.
_SAME = 0.7
_MOVES = 10
_EXAMPLES = 2
#: Maximum number of relations of each run in the heat map.
_MOST = 40


@dataclass(frozen=True)
class Match:
    """A relation of the first run and the one of the second with the largest intersection.

    Args:
        first: Id in the first run.
        second: Id in the second; -1 if most of its instances have no relation there.
        common: Number of common instances.
        size: Number of instances in the first run, among those in both runs.
        share: Jaccard index of the two, in [0, 1].
    """

    first: int
    second: int
    common: int
    size: int
    share: float


@dataclass(frozen=True)
class Move:
    """Instances that are not in the match of their relation.

    Args:
        first: Id in the first run.
        second: Id in the second run.
        count: Number of instances.
        examples: Some of them.
    """

    first: int
    second: int
    count: int
    examples: Sequence[RelationInstance]


@dataclass(frozen=True)
class Comparison:
    """Comparison of two runs.

    Args:
        common: Number of common instances.
        only: Number of instances of the first run alone, and of the second alone.
        matches: One for each relation of the first run with common instances, the largest first.
        new: Ids of the second run that match no relation of the first.
        moves: The largest moves, the largest first.
        table: Common instances of each relation of the first run (rows) and of the second (columns).
        rows: Ids of the rows.
        sizes: Common instances of each row, including columns that are not shown.
        columns: Ids of the columns.
    """

    common: int
    only: tuple[int, int]
    matches: Sequence[Match]
    new: Sequence[int]
    moves: Sequence[Move]
    table: NDArray[np.int64]
    rows: Sequence[int]
    sizes: Sequence[int]
    columns: Sequence[int]


def write_comparison(
    first: Discovery,
    second: Discovery,
    path: str | Path,
    *,
    names: tuple[str, str] = ("first", "second"),
    gold: Mapping[str, str] | None = None,
) -> Path:
    """Write a page that compares two runs: a single HTML file that works offline.

    Args:
        first: A run.
        second: Another run on at least some of the same instances.
        path: The file.
        names: Names of the runs.
        gold: Id of an instance → gold relation; adds scores with intervals.

    Raises:
        InputError: The runs have no common instance, or none with a gold relation.
        OutputError: The file cannot be written.
    """
    comparison = compare(first, second)
    values, data = _described(first, second, comparison, names)
    values["score_rows"], values["score_caption"] = _scores((first, second), names, gold)
    return write_page(Path(path), "comparison.html.j2", values, data, ("comparison",))


def compare(first: Discovery, second: Discovery) -> Comparison:
    """Compare two runs on their common instances, by ids.

    Raises:
        InputError: There are none.
    """
    ids = [dict(_ids(run)) for run in (first, second)]
    instances = {instance.id: instance for instance in first.assignments.instances}
    common = [id for id in instances if id in ids[1]]
    if not common:
        raise InputError("the two runs have no instance id in common; were they made from the same corpus?")
    pairs = [(ids[0][id], ids[1][id]) for id in common]
    counts = Counter(pairs)
    sizes = [Counter(pair[side] for pair in pairs) for side in (0, 1)]

    def largest_first(counts: Counter[int]) -> list[int]:
        return sorted(counts, key=lambda relation: (relation < 0, -counts[relation], relation))

    order = [largest_first(counts_of_run) for counts_of_run in sizes]
    matches = []
    for id in order[0]:
        best = max(
            (right for left, right in counts if left == id),
            key=lambda right: (counts[id, right], right >= 0, -right),
        )
        joint = counts[id, best]
        matches.append(Match(id, best, joint, sizes[0][id], joint / (sizes[0][id] + sizes[1][best] - joint)))
    match_of = {match.first: match.second for match in matches}
    matched = {match.second for match in matches if match.first >= 0}
    moved = sorted(
        (pair for pair in counts if match_of[pair[0]] != pair[1]), key=lambda pair: (-counts[pair], pair)
    )
    moves = [
        Move(
            *pair,
            counts[pair],
            [instances[id] for id, other in zip(common, pairs, strict=True) if other == pair][:_EXAMPLES],
        )
        for pair in moved[:_MOVES]
    ]
    kept = [ids_of[:_MOST] for ids_of in order]
    table = np.array([[counts[row, column] for column in kept[1]] for row in kept[0]], dtype=np.int64)
    return Comparison(
        common=len(common),
        only=(len(ids[0]) - len(common), len(ids[1]) - len(common)),
        matches=[match for match in matches if match.first >= 0],
        new=[id for id in order[1] if id >= 0 and id not in matched],
        moves=moves,
        table=table,
        rows=kept[0],
        sizes=[sizes[0][id] for id in kept[0]],
        columns=kept[1],
    )


def _ids(discovery: Discovery) -> zip[tuple[str, int]]:
    assignments = discovery.assignments
    return zip(
        (instance.id for instance in assignments.instances), assignments.relation_ids.tolist(), strict=True
    )


def _described(
    first: Discovery, second: Discovery, comparison: Comparison, names: tuple[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    called = [
        {relation.id: shown_name(relation.name) for relation in run.relations} | {-1: "(no relation)"}
        for run in (first, second)
    ]
    same = sum(match.share >= _SAME for match in comparison.matches)
    shared_names = [shown_name(name) for name in names]
    lead = [
        f"{shared_names[0]} has {counted(len(first.relations), 'relation')}, {shared_names[1]} "
        f"{counted(len(second.relations), 'relation')}, in {counted(comparison.common, 'common instance')}. "
        f"{same} of the first are nearly the same in the second (an overlap of at least {_SAME:.0%})."
    ]
    if any(comparison.only):
        lead.append(
            f"Only in the first: {comparison.only[0]:,} instances; only in the second: {comparison.only[1]:,}."
        )
    values: dict[str, Any] = {
        "title": f"{shared_names[0]} and {shared_names[1]}",
        "lead": lead,
        "comparison": comparison,
        "first": called[0],
        "second": called[1],
        "names": shared_names,
        "same": _SAME,
        "pieces": pieces,
    }
    data = {
        "rows": [called[0][id] for id in comparison.rows],
        "columns": [called[1][id] for id in comparison.columns],
        "table": comparison.table.tolist(),
        "sizes": comparison.sizes,
        "names": shared_names,
    }
    return values, data


def _scores(
    runs: tuple[Discovery, Discovery], names: tuple[str, str], gold: Mapping[str, str] | None
) -> tuple[list[dict[str, Any]], str]:
    """Return rows and caption of a table of scores: both runs against gold, or against each other."""
    ids = [dict(_ids(run)) for run in runs]
    common = [id for id in ids[0] if id in ids[1]]
    if gold is None:
        agreement = score([ids[0][id] for id in common], [ids[1][id] for id in common])
        row = {"name": "agreement", "cells": score_cells(agreement), "strong": True}
        return [row], f"{shown_name(names[0])}, with {shown_name(names[1])} used as gold relations"
    known = [id for id in common if id in gold]
    if not known:
        raise InputError("none of the common instances has a gold relation")
    truth = [gold[id] for id in known]
    rows = []
    for name, relation_of in zip(names, ids, strict=True):
        labels = [relation_of[id] for id in known]
        bounds = bootstrap_intervals(labels, truth, n_resamples=_RESAMPLES)
        rows.append({"name": shown_name(name), "cells": score_cells(score(labels, truth)), "strong": True})
        intervals = ["", *(f"{bounds[score].low:.3f} to {bounds[score].high:.3f}" for score in SCORES)]
        rows.append({"name": "95 % interval", "cells": intervals, "strong": False})
    return rows, f"{counted(len(known), 'common instance')} of {counted(len(set(truth)), 'gold relation')}"
