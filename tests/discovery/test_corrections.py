"""Sentences confirmed and rejected, and relations split, by decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.discovery.decisions import Decisions


def ids_of(run: Discovery, relation: int) -> list[str]:
    rows = np.flatnonzero(run.assignments.relation_ids == relation)
    return [run.assignments.instances[row].id for row in rows.tolist()]


def relation_of(run: Discovery, instance: str) -> int:
    ids = [each.id for each in run.assignments.instances]
    return int(run.assignments.relation_ids[ids.index(instance)])


def saved(run: Discovery, folder: Path) -> Discovery:
    run.save(folder)
    return Discovery.load(folder)


def test_judged_sentences_keep_their_relation_in_corpus_and_new_text(
    found: Discovery, tmp_path: Path
) -> None:
    first, second = found.relations[:2]
    moved, wrong, *_ = ids_of(found, first.id)
    steps: list[dict[str, Any]] = [
        {"confirm": [moved], "relation": second.id},
        {"reject": [wrong], "relation": first.id},
    ]
    run = saved(found.apply(Decisions("", steps)), tmp_path / "run")
    assert (relation_of(run, moved), relation_of(run, wrong)) == (second.id, -1)
    assert run.relation(first.id).size == first.size - 2
    assert run.relation(second.id).size == second.size + 1
    assert moved not in run.relation(first.id).examples
    corpus = run.assignments.instances
    np.testing.assert_array_equal(run.predict(corpus).relation_ids, run.assignments.relation_ids)
    certain = run.assignments.confidences[[each.id for each in corpus].index(moved)]
    assert certain == 1


def test_a_confirmed_fact_is_certain_and_a_rejected_fact_is_gone(found: Discovery) -> None:
    surest, other = found.facts()[:2]
    run = found.confirm(surest.evidence, surest.relation_id).reject(other.evidence, other.relation_id)
    names = {(fact.head.id, fact.relation, fact.tail.id): fact.confidence for fact in run.facts()}
    assert names[surest.head.id, surest.relation, surest.tail.id] == 0.999
    assert (other.head.id, other.relation, other.tail.id) not in names


def test_a_sentence_can_express_a_new_relation(found: Discovery, tmp_path: Path) -> None:
    first, new = found.relations[0], found.next_number
    mine = ids_of(found, first.id)[:2]
    step = {"confirm": mine, "relation": new, "name": "plays for"}
    run = saved(found.apply(Decisions("", [step])), tmp_path / "run")
    made = run.relation(new)
    assert (made.name, made.size, made.pattern, sorted(made.examples)) == (
        "plays for", 2, "HEAD plays for TAIL", sorted(mine),
    )  # fmt: skip
    assert run.relation(first.id).size == first.size - 2
    assert run.next_number == new + 1
    with pytest.raises(InputError, match="another relation is already called"):
        found.confirm(mine, new, first.name)
    with pytest.raises(InputError, match="the id 0 of a new relation"):
        found.confirm(mine, 0, "x")


def test_judgements_follow_later_merges_and_drops(found: Discovery) -> None:
    first, second, third = (relation.id for relation in found.relations[:3])
    mine = ids_of(found, third)[0]
    merged = found.confirm([mine], second).merge([first, second])
    assert relation_of(merged, mine) in (first, second)
    assert merged.run["corrections"]["judged"] == {mine: relation_of(merged, mine)}
    dropped = merged.drop(relation_of(merged, mine))
    assert dropped.run["corrections"]["judged"] == {mine: -1}


def test_what_cannot_be_judged_is_reported(found: Discovery) -> None:
    first, second = (relation.id for relation in found.relations[:2])
    mine = ids_of(found, first)[0]
    with pytest.raises(InputError, match=f"'{mine}' is not in relation {second}"):
        found.reject([mine], second)
    with pytest.raises(InputError, match="there is no instance 'x'"):
        found.confirm(["x"], first)
    with pytest.raises(InputError, match="there is no relation 99"):
        found.confirm([mine], 99)
    with pytest.raises(InputError, match="no instance is named"):
        found.confirm([], first)


def test_a_relation_whose_sentences_are_all_rejected_is_empty(found: Discovery, tmp_path: Path) -> None:
    first, second = (relation.id for relation in found.relations[:2])
    run = saved(found.reject(ids_of(found, first), first), tmp_path / "run")
    assert (run.relation(first).size, run.relation(first).examples) == (0, ())
    assert run.merge([first, second]).relation(second).size == found.relation(second).size


def two_in_one(found: Discovery) -> tuple[Discovery, int, list[str]]:
    """Return a run in which two relations were merged, the merged one, and the instances of the smaller."""
    first, second = found.relations[:2]
    return found.merge([first.id, second.id]), first.id, ids_of(found, second.id)


def test_a_split_undoes_a_merge_in_corpus_and_new_text(
    found: Discovery, unseen: list[RelationInstance], tmp_path: Path
) -> None:
    merged, whole, leaving = two_in_one(found)
    new = merged.next_number
    step = {"split": whole, "parts": [{"id": new, "name": "left", "instances": leaving}]}
    run = saved(merged.apply(Decisions("", [step])), tmp_path / "run")
    assert run.relation(new).name == "left"
    before = found.assignments.relation_ids
    expected = np.where(before == found.relations[1].id, new, before)
    np.testing.assert_array_equal(run.assignments.relation_ids, expected)
    assert [relation.size for relation in run.relations if relation.id in (whole, new)] == [
        relation.size for relation in found.relations[:2]
    ]
    of_new = found.predict(unseen).relation_ids
    np.testing.assert_array_equal(
        run.predict(unseen).relation_ids, np.where(of_new == found.relations[1].id, new, of_new)
    )


def test_parts_are_merged_and_dropped_like_other_relations(
    found: Discovery, unseen: list[RelationInstance], tmp_path: Path
) -> None:
    merged, whole, leaving = two_in_one(found)
    new, third = merged.next_number, found.relations[2].id
    apart = merged.split(whole, [{"id": new, "name": "left", "instances": leaving}])
    of_new = apart.predict(unseen).relation_ids
    # the rest is dropped, and the part joins another relation
    run = apart.drop(whole).merge([new, third])
    both = next(relation.id for relation in run.relations if relation.id in (new, third))
    run = saved(run, tmp_path / "run")
    expected = np.where(np.isin(of_new, [new, third]), both, np.where(of_new == whole, -1, of_new))
    np.testing.assert_array_equal(run.predict(unseen).relation_ids, expected)
    assert run.next_number == new + 1


def test_similar_sentences_take_over_judgements_in_corpus_and_new_text(
    found: Discovery, tmp_path: Path
) -> None:
    first, second = found.relations[:2]
    mine, *others = ids_of(found, first.id)
    judged = found.confirm([mine], second.id)
    by_id = {each.id: each for each in found.assignments.instances}
    vectors = found.model.transform([by_id[id] for id in (mine, *others)])
    likeness = (vectors @ vectors[0]) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[0])
    least = float(np.sort(likeness)[len(likeness) // 2])
    run = saved(judged.apply(Decisions("", [{"transfer": least}])), tmp_path / "run")
    moved = [id for id, value in zip((mine, *others), likeness, strict=True) if value >= least]
    assert 1 < len(moved) < len(likeness)
    assert {relation_of(run, id) for id in moved} == {second.id}
    assert {relation_of(run, id) for id in others if id not in moved} == {first.id}
    assert run.relation(first.id).size == first.size - len(moved)
    corpus = run.assignments.instances
    np.testing.assert_array_equal(run.predict(corpus).relation_ids, run.assignments.relation_ids)
    assert set(judged.transfer(1.0).assignments.relation_ids.tolist()) == set(
        judged.assignments.relation_ids.tolist()
    )


def test_a_transfer_needs_judgements(found: Discovery) -> None:
    with pytest.raises(InputError, match="no sentence has been judged yet"):
        found.transfer(0.7)
    with pytest.raises(SettingError, match="the least cosine of a transfer is 0"):
        found.transfer(0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": 0}, "the id 0 of a new relation is or was in use"),
        ({"name": " "}, "is blank"),
        ({"name": "taken"}, "another relation is already called 'taken'"),
        ({"instances": ["other"]}, "is not in relation"),
        ({"instances": "all"}, "all instances of relation"),
        ({"instances": []}, "no instance is named"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(found: Discovery, change: Any, complaint: str) -> None:
    first, second = found.relations[:2]
    run = found.rename(second.id, "taken")
    mine, others = ids_of(run, first.id), ids_of(run, second.id)
    part: dict[str, Any] = {"id": run.next_number, "name": "left", "instances": mine[:2], **change}
    part["instances"] = {"all": mine, "other": others[:1]}.get(
        str(part["instances"]).strip("[']"), part["instances"]
    )
    with pytest.raises(InputError, match=complaint):
        run.split(first.id, [part])


@pytest.mark.parametrize(
    "step",
    [
        {"confirm": ["a"]},
        {"confirm": "a", "relation": 1},
        {"reject": [1], "relation": 1},
        {"reject": ["a"], "relation": "1"},
        {"confirm": ["a"], "relation": 1, "drop": 2},
        {"transfer": 2.0},
        {"split": 1, "parts": []},
        {"split": 1, "parts": [{"id": 2, "name": "x"}]},
        {"split": 1, "parts": [{"id": 2, "name": "x", "instances": [1]}]},
    ],
)
def test_a_step_of_another_form_is_refused(step: Any) -> None:
    with pytest.raises(InputError, match=r"decision 1 is .*, expected"):
        Decisions("", [step])
