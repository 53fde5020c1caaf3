"""Two runs on one corpus, side by side: which relations are the same, what moved, and which run is nearer to gold."""

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
from relscout.core.wording import counted
from relscout.discovery import Discovery
from relscout.metrics import bootstrap_intervals, score
from relscout.report import SCORES, score_cells, shown_name, write_page
from relscout.report.content import pieces

_RESAMPLES = 200
#: A relation counts as the same where at least this share of both runs' instances of it is common.
_SAME = 0.7
_MOVES = 10
_EXAMPLES = 2
#: Relations of each run in the heat map.
_MOST = 40


@dataclass(frozen=True)
class Match:
    """A relation of the first run and the one of the second that it shares the most with.

    Args:
        first: Id in the first run.
        second: Id in the second; -1 where most of its instances have no relation there.
        common: Instances that both have.
        size: Instances in the first run, among those that both runs have.
        share: Instances that both have, as a share of those that either has (Jaccard), in [0, 1].
    """

    first: int
    second: int
    common: int
    size: int
    share: float


@dataclass(frozen=True)
class Move:
    """Instances that have left the relation which most of their fellows are still in.

    Args:
        first: Id in the first run.
        second: Id in the second, which is not the match of ``first``.
        count: How many they are.
        examples: Some of them.
    """

    first: int
    second: int
    count: int
    examples: Sequence[RelationInstance]


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common.

    Args:
        common: Instances of both.
        only: Instances of the first run alone, and of the second alone.
        matches: One for each relation of the first run that has common instances, the largest first.
        new: Ids of the second run that match no relation of the first.
        moves: The largest moves, the largest first.
        table: Common instances of each relation of the first (rows) in each of the second (columns).
        rows: Ids of the rows.
        sizes: Common instances of each row, in all columns, be they shown or not.
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
    """Write a page that sets two runs side by side: one file that works from disk, without a network.

    Args:
        first: A run.
        second: Another one on the same instances, or some of them.
        path: The file.
        names: What the runs are called.
        gold: Id of an instance → its gold relation; adds scores with intervals.

    Raises:
        InputError: The runs have no instance in common, or none of these has a gold relation.
        OutputError: The file cannot be written.
    """
    found = compare(first, second)
    shown, data = _described(first, second, found, names)
    shown["score_rows"], shown["score_caption"] = _scores((first, second), names, gold)
    return write_page(Path(path), "comparison.html.j2", shown, data, ("comparison",))


def compare(first: Discovery, second: Discovery) -> Comparison:
    """Compare two runs on the instances that both have, by their ids.

    Raises:
        InputError: They have none in common.
    """
    ids = [dict(_ids(one)) for one in (first, second)]
    instances = {one.id: one for one in first.assignments.instances}
    common = [id for id in instances if id in ids[1]]
    if not common:
        raise InputError("the two runs have no instance id in common; were they made from the same corpus?")
    pairs = [(ids[0][id], ids[1][id]) for id in common]
    counts = Counter(pairs)
    sizes = [Counter(pair[side] for pair in pairs) for side in (0, 1)]
    order = [sorted(one, key=lambda id, one=one: (id < 0, -one[id], id)) for one in sizes]  # type: ignore[misc]  # noqa: A006
    matches = []
    for id in order[0]:
        best = max(
            (other for one, other in counts if one == id),
            key=lambda other: (counts[id, other], other >= 0, -other),
        )
        joint = counts[id, best]
        matches.append(Match(id, best, joint, sizes[0][id], joint / (sizes[0][id] + sizes[1][best] - joint)))
    match_of = {one.first: one.second for one in matches}
    matched = {one.second for one in matches if one.first >= 0}
    moved = sorted(
        (pair for pair in counts if match_of[pair[0]] != pair[1]), key=lambda pair: (-counts[pair], pair)
    )
    moves = [
        Move(
            *pair,
            counts[pair],
            [instances[id] for id, one in zip(common, pairs, strict=True) if one == pair][:_EXAMPLES],
        )
        for pair in moved[:_MOVES]
    ]
    kept = [one[:_MOST] for one in order]
    table = np.array([[counts[one, other] for other in kept[1]] for one in kept[0]], dtype=np.int64)
    return Comparison(
        common=len(common),
        only=(len(ids[0]) - len(common), len(ids[1]) - len(common)),
        matches=[one for one in matches if one.first >= 0],
        new=[id for id in order[1] if id >= 0 and id not in matched],
        moves=moves,
        table=table,
        rows=kept[0],
        sizes=[sizes[0][id] for id in kept[0]],
        columns=kept[1],
    )


def _ids(discovery: Discovery) -> zip[tuple[str, int]]:
    given = discovery.assignments
    return zip((one.id for one in given.instances), given.relation_ids.tolist(), strict=True)


def _described(
    first: Discovery, second: Discovery, found: Comparison, names: tuple[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    called = [
        {one.id: shown_name(one.name) for one in run.relations} | {-1: "(no relation)"}
        for run in (first, second)
    ]
    same = sum(one.share >= _SAME for one in found.matches)
    shared_names = [shown_name(name) for name in names]
    lead = [
        f"{shared_names[0]} has {counted(len(first.relations), 'relation')}, {shared_names[1]} "
        f"{counted(len(second.relations), 'relation')}, in {counted(found.common, 'common instance')}. {same} of the "
        f"first are nearly the same in the second (an overlap of at least {_SAME:.0%})."
    ]
    if any(found.only):
        lead.append(f"Only in the first: {found.only[0]:,} instances; only in the second: {found.only[1]:,}.")
    shown: dict[str, Any] = {
        "title": f"{shared_names[0]} and {shared_names[1]}",
        "lead": lead,
        "found": found,
        "first": called[0],
        "second": called[1],
        "names": shared_names,
        "same": _SAME,
        "pieces": pieces,
    }
    data = {
        "rows": [called[0][id] for id in found.rows],
        "columns": [called[1][id] for id in found.columns],
        "table": found.table.tolist(),
        "sizes": found.sizes,
        "names": shared_names,
    }
    return shown, data


def _scores(
    runs: tuple[Discovery, Discovery], names: tuple[str, str], gold: Mapping[str, str] | None
) -> tuple[list[dict[str, Any]], str]:
    """Return rows and column titles of a table of scores: both runs against gold, or against each other."""
    ids = [dict(_ids(one)) for one in runs]
    common = [id for id in ids[0] if id in ids[1]]
    if gold is None:
        agreement = score([ids[0][id] for id in common], [ids[1][id] for id in common])
        row = {"name": "agreement", "cells": score_cells(agreement), "strong": True}
        return [row], f"{shown_name(names[0])}, with {shown_name(names[1])} used as gold relations"
    known = [id for id in common if id in gold]
    if not known:
        raise InputError("none of the common instances has a gold relation under its id")
    truth = [gold[id] for id in known]
    rows = []
    for name, one in zip(names, ids, strict=True):
        labels = [one[id] for id in known]
        bounds = bootstrap_intervals(labels, truth, n_resamples=_RESAMPLES)
        rows.append({"name": shown_name(name), "cells": score_cells(score(labels, truth)), "strong": True})
        intervals = ["", *(f"{bounds[score].low:.3f} to {bounds[score].high:.3f}" for score in SCORES)]
        rows.append({"name": "95 % interval", "cells": intervals, "strong": False})
    return rows, f"{counted(len(known), 'common instance')} of {counted(len(set(truth)), 'gold relation')}"
