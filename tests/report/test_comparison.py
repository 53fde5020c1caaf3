from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relscout.core.errors import InputError
from relscout.discovery import Assignments, Discovery
from relscout.report.comparison import compare, write_comparison


def test_a_run_beside_itself_is_the_same(found: Discovery, tmp_path: Path) -> None:
    same = compare(found, found)
    assert [one.share for one in same.matches] == [1.0] * 5
    assert (same.common, same.only, same.new, same.moves) == (90, (0, 0), [], [])
    text = write_comparison(found, found, tmp_path / "same.html").read_text(encoding="utf-8")
    assert "Nothing: every relation of first is part of one relation of second" in text
    assert "1.000" in text


def test_what_was_merged_dropped_and_moved_is_told(found: Discovery) -> None:
    first, second, third, *_ = found.relations
    ids = found.assignments.relation_ids.copy()
    moved = [row for row, id in enumerate(ids.tolist()) if id == third.id][:4]
    ids[moved] = first.id
    given = Assignments(found.assignments.instances, ids, found.assignments.confidences)
    other = replace(found, assignments=given).merge([first.id, second.id])
    kept = max((first, second), key=lambda one: (one.size, -one.id))
    told = compare(found, other)
    match = {one.first: one for one in told.matches}
    assert match[first.id].second == match[second.id].second == kept.id
    joint = first.size + second.size + 4
    assert match[first.id].share == pytest.approx(first.size / joint)
    assert match[third.id].share == pytest.approx((third.size - 4) / third.size)
    (move,) = told.moves
    assert (move.first, move.second, move.count) == (third.id, kept.id, 4)
    assert {one.id for one in move.examples} <= {found.assignments.instances[row].id for row in moved}
    assert int(told.table.sum()) == 90


def test_relations_that_are_new_are_told_and_no_relation_is_nobodys_counterpart(found: Discovery) -> None:
    gone = found.relations[-1].id
    less = found.drop(gone)
    assert compare(less, found).new == [gone]
    # as many go to a relation as to none
    half = found.assignments.relation_ids.copy()
    rows = [row for row, id in enumerate(half.tolist()) if id == gone]
    half[rows[: len(rows) // 2]] = -1
    told = compare(found, replace(found, assignments=replace(found.assignments, relation_ids=half)))
    assert {one.first: one.second for one in told.matches}[gone] == gone


def test_only_common_instances_are_compared(found: Discovery, gold: dict[str, str], tmp_path: Path) -> None:
    part = Assignments(
        found.assignments.instances[10:],
        found.assignments.relation_ids[10:],
        found.assignments.confidences[10:],
    )
    told = compare(replace(found, assignments=part), found)
    assert (told.common, told.only) == (80, (0, 10))
    path = write_comparison(replace(found, assignments=part), found, tmp_path / "two.html", gold=gold)
    text = path.read_text(encoding="utf-8")
    assert "80 common instances of 5 gold relations" in text
    assert "only in the second: 10" in text


def test_runs_of_different_corpora_are_refused(found: Discovery, tmp_path: Path) -> None:
    others = [replace(one, id=f"{one.id} again") for one in found.assignments.instances]
    given = replace(found.assignments, instances=others)
    with pytest.raises(InputError, match="no instance id in common"):
        write_comparison(found, replace(found, assignments=given), tmp_path / "two.html")
    with pytest.raises(InputError, match="none of the common instances has a gold relation"):
        write_comparison(found, found, tmp_path / "two.html", gold={"x": "y"})
