"""Decisions of several tabs: the log, undo, and conflicts."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.discovery import Discovery
from relscout.serve.review.log import DecisionLog, Entry
from relscout.serve.review.state import ConflictError, Review
from tests.cli.conftest import call

Opening = Callable[[], Review]
KEYS = (str(number) for number in count())


def decide(review: Review, step: dict[str, Any], author: str = "a", state: int | None = None) -> Entry:
    """Decide as a tab that knows everything, unless it knows less."""
    known = review.state.number if state is None else state
    return review.decide(step, author=author, state=known, key=next(KEYS))


def names(review: Review) -> list[str]:
    return [relation.name for relation in review.state.run.relations]


def ids_of(run: Discovery, relation: int) -> list[str]:
    rows = np.flatnonzero(run.assignments.relation_ids == relation).tolist()
    return [run.assignments.instances[row].id for row in rows]


def test_decisions_outlive_the_process_and_apply_replays_them(
    reviewing: Opening, base: Discovery, five: Path, tmp_path: Path
) -> None:
    review, (first, second, third, *_) = reviewing(), (relation.id for relation in base.relations)
    mine = ids_of(base, first)
    decide(review, {"rename": first, "to": "made <b>by</b>"})
    decide(review, {"drop": third})
    decide(review, {"undo": 2})
    decide(review, {"confirm": mine[:1], "relation": second})
    decide(review, {"reject": mine[1:2], "relation": first})
    decide(review, {"merge": [first, second]})
    again = reviewing()
    assert again.state.number == 6
    assert again.state.run.relations == review.state.run.relations
    assert [entry.author for entry in again.state.entries] == ["a"] * 6
    review.export().write(tmp_path / "decisions.json")
    done = call("apply", tmp_path / "decisions.json", five, "--out", tmp_path / "better")
    assert done.code == 0, done.err
    applied = Discovery.load(tmp_path / "better")
    assert applied.relations == review.state.run.relations
    np.testing.assert_array_equal(applied.assignments.relation_ids, review.state.run.assignments.relation_ids)
    assert [next(iter(step)) for step in applied.run["decisions"][0]["decisions"]] == [
        "rename", "confirm", "reject", "merge",
    ]  # fmt: skip


def test_an_earlier_decision_is_undone_without_the_later_ones(reviewing: Opening, base: Discovery) -> None:
    review = reviewing()
    before = names(review)
    for relation in base.relations[:3]:
        decide(review, {"rename": relation.id, "to": f"new {relation.id}"})
    decide(review, {"undo": 1})
    assert names(review) == [
        before[0],
        *(f"new {relation.id}" for relation in base.relations[1:3]),
        *before[3:],
    ]
    with pytest.raises(InputError, match="there is no decision 1 that could be undone"):
        decide(review, {"undo": 1})
    with pytest.raises(InputError, match="there is no decision 9"):
        decide(review, {"undo": 9})


def test_more_decisions_than_are_kept_in_memory_are_undone(reviewing: Opening, base: Discovery) -> None:
    review, first = reviewing(), base.relations[0].id
    for number in range(40):
        decide(review, {"rename": first, "to": f"name {number}"})
    for number in range(40, 1, -1):
        decide(review, {"undo": number})
    assert names(review)[0] == "name 0"
    assert names(reviewing()) == names(review)


def test_what_another_decision_builds_on_is_not_undone(reviewing: Opening, base: Discovery) -> None:
    review, (first, second, third, *_) = reviewing(), base.relations
    decide(review, {"rename": first.id, "to": "one name"})
    decide(review, {"rename": second.id, "to": first.name})
    with pytest.raises(InputError, match="cannot be undone, since decision 2 builds on it"):
        decide(review, {"undo": 1})
    assert names(review)[:3] == ["one name", first.name, third.name]


def test_an_invalid_decision_leaves_no_trace(reviewing: Opening) -> None:
    review = reviewing()
    with pytest.raises(InputError, match="there is no relation 99"):
        decide(review, {"drop": 99})
    with pytest.raises(InputError, match="expected"):
        decide(review, {"delete": 1})
    assert review.state.number == 0
    assert reviewing().state.number == 0


def test_a_repeated_request_is_one_decision(reviewing: Opening, base: Discovery) -> None:
    review, step = reviewing(), {"drop": base.relations[0].id}
    first = review.decide(step, author="a", state=0, key="same")
    assert review.decide(step, author="a", state=0, key="same") == first
    assert reviewing().decide(step, author="a", state=0, key="same") == first
    assert len(review.state.entries) == 1


@pytest.mark.parametrize(
    ("mine", "other", "conflicts"),
    [
        ({"rename": 0, "to": "x"}, {"rename": 1, "to": "y"}, False),
        ({"rename": 0, "to": "x"}, {"rename": 0, "to": "y"}, True),
        ({"rename": 0, "to": "x"}, {"drop": 0}, True),
        ({"merge": [0, 1]}, {"merge": [1, 2]}, True),
        ({"merge": [0, 1]}, {"merge": [2, 3]}, False),
        ({"drop": 0}, {"confirm": "first", "relation": 0}, True),
        ({"drop": 1}, {"confirm": "first", "relation": 0}, False),
        ({"confirm": "first", "relation": 0}, {"confirm": "second", "relation": 0}, False),
        ({"confirm": "first", "relation": 0}, {"reject": "first", "relation": 0}, True),
        ({"reject": "first", "relation": 0}, {"rename": 0, "to": "x"}, False),
    ],
)
def test_tabs_conflict_only_where_they_decide_about_the_same(
    reviewing: Opening, base: Discovery, mine: dict[str, Any], other: dict[str, Any], conflicts: bool
) -> None:
    ids = [relation.id for relation in base.relations]
    sentences = dict(zip(("first", "second"), ([id] for id in ids_of(base, ids[0])), strict=False))

    def real(step: dict[str, Any]) -> dict[str, Any]:
        made = {}
        for name, value in step.items():
            if isinstance(value, list):
                made[name] = [ids[place] for place in value]
            else:
                made[name] = sentences.get(value, value) if isinstance(value, str) else ids[value]
        return made

    first, second = reviewing(), reviewing()
    decide(first, real(other), "b")
    if conflicts:
        with pytest.raises(ConflictError, match="decision 1 of another tab") as refused:
            decide(second, real(mine), "a", state=0)
        assert refused.value.entry.step == real(other)
    else:
        decide(second, real(mine), "a", state=0)
        assert [entry.author for entry in first.state.entries] == ["b", "a"]
    # a tab that knows the other decision may decide, if it can be applied
    assert first.state.number == (1 if conflicts else 2)


def test_an_undo_conflicts_with_what_it_undoes(reviewing: Opening, base: Discovery) -> None:
    review, first = reviewing(), base.relations[0].id
    decide(review, {"rename": first, "to": "x"}, "a")
    decide(review, {"undo": 1}, "b")
    with pytest.raises(ConflictError):
        decide(review, {"rename": first, "to": "y"}, "a", state=1)
    decide(review, {"drop": base.relations[1].id}, "a", state=1)


def test_the_log_of_another_run_or_of_something_else_is_refused(reviewing: Opening, tmp_path: Path) -> None:
    reviewing()
    with pytest.raises(SettingError, match=r"has decisions about the run [0-9a-f]+, and this is the run x"):
        DecisionLog(tmp_path / "review.sqlite", "x")
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(SettingError, match="is a database, but not the log of a review"):
        DecisionLog(tmp_path / "other.sqlite", "x")
    (tmp_path / "text").write_text("no database at all, but long enough to be read as one" * 30)
    with pytest.raises(SettingError, match="cannot be used as the log of a review"):
        DecisionLog(tmp_path / "text", "x")
    with pytest.raises(SettingError, match="choose another file with --review-log"):
        DecisionLog(tmp_path / "no" / "folder", "x")


def test_entries_cannot_be_changed(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log", "x")
    with log.writing() as writer:
        writer.append({"drop": 1}, author="a", state=0, key="k")
    log.close()
    with (
        sqlite3.connect(tmp_path / "log") as database,
        pytest.raises(sqlite3.IntegrityError, match="append only"),
    ):
        database.execute("DELETE FROM log")
    database.close()


#: Appends decisions and prints the number of each when it is on disk.
WRITER = """
import sys
from pathlib import Path
from relscout.serve.review.log import DecisionLog
log = DecisionLog(Path(sys.argv[1]), "x")
while True:
    with log.writing() as writer:
        entry = writer.append({"drop": 1}, author="a", state=0, key=str(len(log.entries()) + 1))
    sys.stdout.write(f"{entry.number}\\n")
    sys.stdout.flush()
"""


def test_what_was_acknowledged_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "log", 0
    for round in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(3 + 9 * round):
                acknowledged = int(process.stdout.readline())
            process.kill()
            rest = [line for line in process.stdout.read().split("\n")[:-1] if line]
        acknowledged = int(rest[-1]) if rest else acknowledged
        log = DecisionLog(path, "x")
        numbers = [entry.number for entry in log.entries()]
        log.close()
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged
