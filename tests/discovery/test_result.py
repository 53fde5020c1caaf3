from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery

Instances = list[RelationInstance]


def names(found: Discovery) -> dict[int, str]:
    return {relation.id: relation.name for relation in found.relations}


def test_a_relation_is_found_by_its_id(found: Discovery) -> None:
    assert found.relation(3) is found.relations[3]


def test_a_missing_relation_is_told_with_those_that_are_there(found: Discovery) -> None:
    with pytest.raises(InputError, match="there is no relation 9; the ids are 0, 1, 2, 3, 4"):
        found.relation(9)


def test_triples_come_in_input_order_with_their_provenance(found: Discovery, instances: Instances) -> None:
    triples = list(found.triples())
    assert [triple.instance.id for triple in triples] == [instance.id for instance in instances]
    for triple, relation_id in zip(triples, found.assignments.relation_ids.tolist(), strict=True):
        assert triple.relation_id == relation_id
        assert triple.relation == found.relation(relation_id).name
        assert 0 <= triple.confidence <= 1
        assert triple.instance.relation is None


def test_an_instance_without_a_relation_has_no_triple(found: Discovery) -> None:
    ids = found.assignments.relation_ids.copy()
    ids[:4] = -1
    some = replace(found, assignments=replace(found.assignments, relation_ids=ids))
    assert len(list(some.triples())) == len(ids) - 4


def test_examples_are_instances_of_the_relation(found: Discovery) -> None:
    relation_of = dict(
        zip(
            [instance.id for instance in found.assignments.instances],
            found.assignments.relation_ids.tolist(),
            strict=True,
        )
    )
    for relation in found.relations:
        examples = found.examples(relation.id, limit=4)
        assert len(examples) == 4
        assert {relation_of[example.id] for example in examples} == {relation.id}


def test_unseen_instances_are_assigned_without_a_look_at_their_gold_relation(
    found: Discovery, unseen: Instances
) -> None:
    assigned = found.predict(unseen)
    assert [one.relation for one in assigned.instances] == [None] * len(unseen)
    bare = found.predict([one.without_relation() for one in unseen])
    np.testing.assert_array_equal(assigned.relation_ids, bare.relation_ids)
    assert ((assigned.confidences > 0) & (assigned.confidences <= 1)).all()


def test_nothing_to_predict_gives_nothing(found: Discovery) -> None:
    assert len(found.predict([]).relation_ids) == 0
    assert list(found.extract([])) == []


def test_extracting_gives_the_triples_of_the_prediction(found: Discovery, unseen: Instances) -> None:
    extracted = [(triple.instance.id, triple.relation_id) for triple in found.extract(unseen)]
    ids = found.predict(unseen).relation_ids.tolist()
    assert extracted == [(one.id, id) for one, id in zip(unseen, ids, strict=True)]


def test_extracting_leaves_out_what_is_below_the_minimum_of_its_relation(
    found: Discovery, unseen: Instances
) -> None:
    everything = list(found.extract(unseen))
    name = everything[0].relation
    some = list(found.extract(unseen, min_confidence={name: 0.0, "*": 1.0}))
    assert some == [one for one in everything if one.relation == name or one.confidence == 1]
    assert list(found.extract(unseen, min_confidence=1.0)) != everything
    with pytest.raises(UnknownNameError, match="unknown relation 'nonsense'"):
        found.extract(unseen, min_confidence={"nonsense": 0.5})
    with pytest.raises(SettingError, match=r"is 1\.5; expected a number from 0 to 1"):
        found.extract(unseen, min_confidence=1.5)


def test_renaming_changes_one_name_and_no_id(found: Discovery) -> None:
    renamed = found.rename(2, "is the capital of")
    assert names(renamed) == {**names(found), 2: "is the capital of"}
    assert renamed.relation(2).pattern == "HEAD is the capital of TAIL"
    assert {triple.relation for triple in renamed.triples() if triple.relation_id == 2} == {
        "is the capital of"
    }


def test_renaming_leaves_the_original_as_it_was(found: Discovery) -> None:
    before = names(found)
    found.rename(2, "is the capital of")
    assert names(found) == before


def test_a_relation_may_be_given_the_name_it_has(found: Discovery) -> None:
    assert names(found.rename(1, found.relation(1).name)) == names(found)


@pytest.mark.parametrize("blank", ["", " \t"])
def test_a_blank_name_is_refused(found: Discovery, blank: str) -> None:
    with pytest.raises(InputError, match="the new name of relation 1 is blank"):
        found.rename(1, blank)


def test_the_name_of_another_relation_is_refused(found: Discovery) -> None:
    with pytest.raises(InputError, match="another relation is already called"):
        found.rename(1, found.relation(2).name)


def test_merging_keeps_the_id_and_name_of_the_largest(found: Discovery) -> None:
    merged = found.merge([4, 1, 2])
    assert names(merged) == {id: names(found)[id] for id in (0, 1, 3)}
    joined = merged.relation(1)
    parts = [found.relation(id) for id in (1, 2, 4)]
    assert joined.size == sum(part.size for part in parts)
    weighted = sum(part.confidence * part.size for part in parts) / joined.size
    assert joined.confidence == pytest.approx(weighted, abs=1e-4)


def test_merging_moves_the_assignments(found: Discovery) -> None:
    ids = found.merge([1, 3]).assignments.relation_ids
    before = found.assignments.relation_ids
    np.testing.assert_array_equal(ids, np.where(before == 3, 1, before))


def test_merging_leaves_the_original_as_it_was(found: Discovery) -> None:
    before = found.assignments.relation_ids.copy()
    found.merge([0, 1])
    np.testing.assert_array_equal(found.assignments.relation_ids, before)
    assert len(found.relations) == 5


def test_predictions_go_through_merges(found: Discovery, unseen: Instances) -> None:
    plain = found.predict(unseen).relation_ids
    merged = found.merge([1, 3])
    np.testing.assert_array_equal(merged.predict(unseen).relation_ids, np.where(plain == 3, 1, plain))
    assert {triple.relation for triple in merged.extract(unseen)} <= set(names(merged).values())


def test_a_merged_relation_is_as_sure_as_its_parts_together(found: Discovery, unseen: Instances) -> None:
    probabilities = found.model.predict_proba(unseen)
    merged = found.merge([1, 3]).predict(unseen)
    for row, (id, sure) in enumerate(zip(merged.relation_ids, merged.confidences, strict=True)):
        parts = [1, 3] if id == 1 else [id]
        assert sure == pytest.approx(probabilities[row, parts].sum(), abs=1e-6)


def test_merges_follow_each_other(found: Discovery, instances: Instances) -> None:
    # 3 and 4 together are larger than 1, which they then take over
    twice = found.merge([3, 4]).merge([1, 3])
    assert set(names(twice)) == {0, 2, 3}
    np.testing.assert_array_equal(twice.predict(instances).relation_ids, twice.assignments.relation_ids)
    assert dict(twice.merged) == {4: 3, 1: 3}


def test_a_merged_relation_can_be_taken_over_itself(found: Discovery, instances: Instances) -> None:
    all_in_one = found.merge([3, 4]).merge([0, 1, 2]).merge([0, 3])
    assert len(all_in_one.relations) == 1
    assert all_in_one.relations[0].size == len(instances)
    assert set(all_in_one.predict(instances).relation_ids.tolist()) == {all_in_one.relations[0].id}


def test_a_merged_relation_can_be_renamed(found: Discovery, instances: Instances) -> None:
    merged = found.merge([1, 3]).rename(1, "something else")
    ours = {triple.instance.id for triple in merged.triples() if triple.relation == "something else"}
    ids = found.assignments.relation_ids.tolist()
    assert ours == {one.id for one, id in zip(instances, ids, strict=True) if id in (1, 3)}


def test_a_merge_survives_saving(found: Discovery, instances: Instances, tmp_path: Path) -> None:
    merged = found.merge([3, 4]).merge([1, 3]).rename(3, "something else")
    merged.save(tmp_path / "run")
    loaded = Discovery.load(tmp_path / "run")
    assert loaded.relations == merged.relations
    np.testing.assert_array_equal(
        loaded.predict(instances).relation_ids, merged.predict(instances).relation_ids
    )


def with_inverses(found: Discovery, **inverses: int) -> Discovery:
    pairs = {int(key[1:]): value for key, value in inverses.items()}
    return replace(found, relations=tuple(replace(one, inverse=pairs.get(one.id)) for one in found.relations))


def inverses(found: Discovery) -> dict[int, int | None]:
    return {one.id: one.inverse for one in found.relations if one.inverse is not None}


def test_merging_inverses_leaves_none(found: Discovery) -> None:
    assert inverses(with_inverses(found, r0=1, r1=0).merge([0, 1])) == {}


def test_the_inverse_of_a_part_is_the_inverse_of_the_whole(found: Discovery) -> None:
    assert inverses(with_inverses(found, r2=3, r3=2).merge([1, 2])) == {1: 3, 3: 1}


@pytest.mark.parametrize("ids", [[], [1], [1, 1]])
def test_fewer_than_two_relations_cannot_be_merged(found: Discovery, ids: list[int]) -> None:
    with pytest.raises(InputError, match="merging needs at least two different relations"):
        found.merge(ids)


def test_a_relation_that_is_gone_cannot_be_merged(found: Discovery) -> None:
    with pytest.raises(InputError, match="there is no relation 3"):
        found.merge([1, 3]).merge([0, 3])


def test_a_discovery_is_equal_to_itself_only(found: Discovery) -> None:
    assert found == found
    assert found != found.rename(0, "something else")
    assert len({found, found}) == 1
