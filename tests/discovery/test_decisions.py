from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions
from relscout.discovery.relation import fingerprint


def test_decisions_are_carried_out_in_their_order(found: Discovery) -> None:
    first, second, third, *_ = (one.id for one in found.relations)
    here = fingerprint(found.relations)
    steps = [{"merge": [first, second]}, {"rename": first, "to": "both"}, {"drop": third}]
    done = found.apply(Decisions(here, steps))
    by_hand = found.merge([first, second]).rename(first, "both").drop(third)
    assert done.relations == by_hand.relations
    np.testing.assert_array_equal(done.assignments.relation_ids, by_hand.assignments.relation_ids)
    assert done.run["decisions"] == [{"run": here, "decisions": steps}]
    # a second round is told behind the first
    again = done.apply(Decisions("", [{"rename": first, "to": "one"}]))
    assert [len(one["decisions"]) for one in again.run["decisions"]] == [3, 1]
    assert found.run.get("decisions") is None


def test_what_was_dropped_has_no_relation_in_corpus_and_new_text(
    found: Discovery, unseen: list[RelationInstance], tmp_path: Path
) -> None:
    gone = found.relations[1].id
    less = found.drop(gone)
    before, after = found.assignments.relation_ids, less.assignments.relation_ids
    np.testing.assert_array_equal(after, np.where(before == gone, -1, before))
    assert gone not in [one.id for one in less.relations]
    assert len(list(less.triples())) == (after >= 0).sum()
    new_before, new_after = found.predict(unseen).relation_ids, less.predict(unseen).relation_ids
    assert (new_before == gone).any()
    np.testing.assert_array_equal(new_after, np.where(new_before == gone, -1, new_before))
    less.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.relations == less.relations
    np.testing.assert_array_equal(loaded.predict(unseen).relation_ids, new_after)
    # and what is merged later does not bring it back
    merged = less.merge([one.id for one in less.relations[:2]])
    assert (merged.predict(unseen).relation_ids == -1).sum() == (new_after == -1).sum()


def test_an_inverse_that_was_dropped_is_none(found: Discovery) -> None:
    one, other = found.relations[:2]
    from dataclasses import replace

    paired = replace(found, relations=(replace(one, inverse=other.id), *found.relations[1:]))
    assert paired.drop(other.id).relation(one.id).inverse is None


def test_the_only_relation_stays(found: Discovery) -> None:
    one = found.merge([relation.id for relation in found.relations])
    with pytest.raises(InputError, match="is the only one, so it cannot be dropped"):
        one.drop(one.relations[0].id)
    with pytest.raises(InputError, match="there is no relation 99"):
        found.drop(99)


def test_decisions_about_another_run_are_refused(found: Discovery) -> None:
    with pytest.raises(SettingError, match="these decisions are about the run abc, and this is the run"):
        found.apply(Decisions("abc", []))


def test_a_decision_that_cannot_be_carried_out_is_told_with_its_number(found: Discovery) -> None:
    first = found.relations[0].id
    steps: list[dict[str, Any]] = [{"drop": first}, {"rename": first, "to": "x"}]
    with pytest.raises(
        InputError, match=r'decision 2 \(\{"rename": \d+, "to": "x"\}\): there is no relation'
    ):
        found.apply(Decisions("", steps))


@pytest.mark.parametrize(
    "step",
    [
        {"rename": 1},
        {"rename": "1", "to": "x"},
        {"rename": 1, "to": 2},
        {"merge": 1},
        {"merge": [1, True]},
        {"drop": 1.0},
        {"drop": 1, "rename": 2},
        {"split": 1},
        {"merge_entities": [1, 2]},
        {"merge_entities": "ab"},
        {"split_entity": "a"},
        {"split_entity": "a", "names": "b"},
        {"split_entity": 1, "names": ["b"]},
        [],
        None,
    ],
)
def test_a_step_of_another_form_is_refused(step: Any) -> None:
    with pytest.raises(InputError, match=r"decision 1 is .*, expected \{\"rename\""):
        Decisions("", [step])


def test_entities_are_merged_and_split(found: Discovery, tmp_path: Path) -> None:
    first, second = (one.id for one in found.entities()[:2])
    names = {one.id: one.name for one in found.entities()}
    merged = found.apply(Decisions("", [{"merge_entities": [second, first]}]))
    (both,) = [one for one in merged.entities() if names[second] in one.aliases]
    assert (both.id, len(merged.entities())) == (first, len(found.entities()) - 1)
    ends = {end.id for fact in merged.facts() for end in (fact.head, fact.tail)}
    assert first in ends
    assert second not in ends
    apart = merged.apply(Decisions("", [{"split_entity": first, "names": [names[second]]}]))
    assert sorted(one.name for one in apart.entities()) == sorted(names.values())
    apart.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.entities() == apart.entities()
    assert loaded.facts() == apart.facts()
    assert [len(one["decisions"]) for one in loaded.run["decisions"]] == [1, 1]


def test_decisions_about_entities_outlive_decisions_about_relations(found: Discovery) -> None:
    first, second = (one.id for one in found.entities()[:2])
    relation = found.relations[0].id
    before = found.drop(relation).merge_entities([first, second])
    after = found.merge_entities([first, second]).drop(relation)
    assert before.facts() == after.facts()
    assert all(fact.relation_id != relation for fact in after.facts())


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ({"merge_entities": ["nobody", "none"]}, "there is no entity 'nobody'"),
        ({"merge_entities": []}, "at least two different entities"),
        ({"split_entity": "nobody", "names": ["x"]}, "there is no entity 'nobody'"),
    ],
)
def test_an_entity_that_is_not_there_is_reported(found: Discovery, step: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=f"decision 1 .*: .*{complaint}"):
        found.apply(Decisions("", [step]))


def test_decisions_are_written_and_read(tmp_path: Path) -> None:
    told = Decisions("abc", [{"rename": 1, "to": "é"}, {"drop": 2}])
    told.write(tmp_path / "decisions.json")
    assert Decisions.read(tmp_path / "decisions.json") == told


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", 'expected a JSON object with "format"'),
        ("{}", 'expected a JSON object with "format"'),
        ({"format": "relscout-decisions", "version": 2}, "version 2 of decisions, this relscout reads 1"),
        ({"format": "relscout-decisions", "version": 1, "decisions": {}}, 'a list "decisions"'),
        ({"format": "relscout-decisions", "version": 1, "run": 3, "decisions": []}, 'a text "run"'),
        ({"format": "relscout-decisions", "version": 1, "decisions": [{"drop": "x"}]}, "decision 1 is"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_name(
    content: Any, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "decisions.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=f"decisions.json: .*{complaint}"):
        Decisions.read(path)
    with pytest.raises(InputError, match=r"nothing\.json: No such file"):
        Decisions.read(tmp_path / "nothing.json")
