from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.lab.protocols import check_varied, part_of


@pytest.fixture(scope="module")
def labelled(corpus: list[RelationInstance]) -> list[RelationInstance]:
    return [one for one in corpus if one.relation != "no_relation"]


def ids(instances: list[RelationInstance]) -> set[str]:
    return {one.id for one in instances}


def test_of_some_relations_all_instances_are_left(labelled: list[RelationInstance]) -> None:
    part = part_of(labelled, {"labeled.relations": 5})
    kept = {one.relation for one in part}
    assert len(kept) == 5
    assert ids(part) == ids([one for one in labelled if one.relation in kept])


def test_of_a_share_every_relation_keeps_its_share(labelled: list[RelationInstance]) -> None:
    all_of, some_of = (
        Counter(one.relation for one in part_of(labelled, {"labeled.share": s})) for s in (1, 0.1)
    )
    assert all_of == Counter(one.relation for one in labelled)
    assert some_of == {name: -(-count // 10) for name, count in all_of.items()}


@pytest.mark.parametrize(
    ("name", "smaller", "larger"), [("relations", 3, 9), ("share", 0.2, 0.6), ("instances", 30, 90)]
)
def test_a_smaller_part_is_within_a_larger_one(
    labelled: list[RelationInstance], name: str, smaller: float, larger: float
) -> None:
    few, many = (part_of(labelled, {f"labeled.{name}": amount}) for amount in (smaller, larger))
    assert ids(few) < ids(many)


def test_a_fixed_number_is_divided_evenly_whatever_the_number_of_relations(
    labelled: list[RelationInstance],
) -> None:
    for n_relations in (3, 7):
        part = part_of(labelled, {"labeled.relations": n_relations, "labeled.instances": 52})
        sizes = Counter(one.relation for one in part)
        assert (len(part), len(sizes)) == (52, n_relations)
        assert max(sizes.values()) - min(sizes.values()) <= 1
        assert len(ids(part)) == 52


def test_relations_with_few_instances_leave_theirs_to_the_others(labelled: list[RelationInstance]) -> None:
    spouse, orbits = ([one for one in labelled if one.relation == name] for name in ("spouse", "orbits"))
    part = part_of([*spouse[:2], *orbits], {"labeled.instances": 12})
    assert Counter(one.relation for one in part) == {"spouse": 2, "orbits": 10}


def test_fewer_relations_keep_the_instances_of_more(labelled: list[RelationInstance]) -> None:
    few, many = (
        part_of(labelled, {"labeled.relations": number, "labeled.instances": 40}) for number in (4, 8)
    )
    kept = {one.relation for one in few}
    assert ids([one for one in many if one.relation in kept]) < ids(few)


def test_names_of_relations_do_not_change_which_instances_are_drawn(
    labelled: list[RelationInstance],
) -> None:
    renamed = [replace(one, relation=str(one.relation)[::-1]) for one in labelled]
    varied = {"labeled.instances": 50}
    assert ids(part_of(renamed[::-1], varied)) == ids(part_of(labelled, varied))


def test_more_instances_than_there_are_labelled_are_refused(labelled: list[RelationInstance]) -> None:
    with pytest.raises(InputError, match=r"labeled\.instances is 9999, but only \d+ instances are labelled"):
        part_of(labelled, {"labeled.instances": 9999})


def test_the_order_of_the_input_does_not_matter(labelled: list[RelationInstance]) -> None:
    varied = {"labeled.relations": 4}
    assert part_of(labelled[::-1], varied) == part_of(labelled, varied)


def test_settings_of_a_method_leave_the_labels_alone(labelled: list[RelationInstance]) -> None:
    assert part_of(labelled, {"margin": 1.0}) is labelled


def test_more_relations_than_there_are_labelled_are_refused(labelled: list[RelationInstance]) -> None:
    with pytest.raises(InputError, match=r"labeled\.relations is 99, but only 14 relations are labelled"):
        part_of(labelled, {"labeled.relations": 99})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("labeled.relations", 1, "labeled.relations is 1, expected a whole number from 2"),
        ("labeled.relations", 2.5, "labeled.relations is 2.5, expected a whole number from 2"),
        ("labeled.relations", True, "labeled.relations is True, expected a whole number from 2"),
        ("labeled.instances", 1, "labeled.instances is 1, expected a whole number from 2"),
        ("labeled.share", 0, "labeled.share is 0, expected a share above 0"),
        ("labeled.share", 1.5, "labeled.share is 1.5, expected a share above 0"),
        ("labeled.share", "half", "labeled.share is 'half', expected a share above 0"),
    ],
)
def test_values_that_cannot_work_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        check_varied({name: value})
    check_varied({"labeled.relations": 2, "labeled.share": 1, "margin": "anything"})
