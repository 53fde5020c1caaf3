from __future__ import annotations

from dataclasses import replace

import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.methods.unrelated.detector import redrawn_pairs


def marked(text: str, head: str, tail: str, **more: str) -> RelationInstance:
    def mention(name: str) -> Mention:
        start = text.index(name)
        return Mention(start, start + len(name), more.get(name.split()[0]))

    return RelationInstance(text, mention(head), mention(tail), relation="spouse")


@pytest.fixture
def instances() -> list[RelationInstance]:
    return [
        marked("Ada Hale married Jon Roe in Port Vell .", "Ada Hale", "Jon Roe"),
        marked("Port Vell lies on the Mirr .", "Port Vell", "Mirr", Port="PLACE"),
        marked("Nothing else is known of Kim Lo and Sam Do .", "Kim Lo", "Sam Do"),
    ]


def test_a_mention_is_replaced_by_another_entity_of_the_sentence(instances: list[RelationInstance]) -> None:
    found = redrawn_pairs(instances, seed=0)
    assert [one.text for one in found] == [instances[0].text]
    (one,) = found
    assert {one.head_text, one.tail_text} in ({"Ada Hale", "Port Vell"}, {"Port Vell", "Jon Roe"})
    assert one.relation is None
    assert one.id not in {two.id for two in instances}
    assert {one.head.type, one.tail.type} == {None, "PLACE"}, "types are those of the drawn entity"


def test_the_mention_that_stays_keeps_its_side(instances: list[RelationInstance]) -> None:
    sides = {
        (one.head_text, one.tail_text) for seed in range(20) for one in redrawn_pairs(instances, seed=seed)
    }
    assert sides == {("Ada Hale", "Port Vell"), ("Port Vell", "Jon Roe")}


def test_pairs_that_are_instances_are_not_drawn(instances: list[RelationInstance]) -> None:
    text = instances[0].text
    others = [marked(text, "Port Vell", "Ada Hale"), marked(text, "Jon Roe", "Port Vell")]
    assert redrawn_pairs([*instances, *others], seed=0) == []


def test_what_overlaps_a_mention_is_not_drawn() -> None:
    instances = [
        marked("The University of Orle lies in Belmar .", "University of Orle", "Belmar"),
        marked("Orle lies in Tarn .", "Orle", "Tarn"),
    ]
    assert redrawn_pairs(instances, seed=0) == []


def test_the_order_does_not_matter_and_nothing_is_drawn_twice(corpus: list[RelationInstance]) -> None:
    some = corpus[:300]
    found = redrawn_pairs(some, seed=3)
    assert len(found) > 20
    assert redrawn_pairs(some[::-1], seed=3) == found
    assert redrawn_pairs([one.without_relation() for one in some], seed=3) == found
    assert redrawn_pairs(some, seed=4) != found
    pairs = [(one.text, one.head, one.tail) for one in found]
    assert len(set(pairs)) == len(pairs)


def test_names_without_letters_are_not_looked_for() -> None:
    text = "Ada - Jon - Kim"
    odd = replace(marked(text, "Ada", "Jon"), head=Mention(4, 5))
    found = {
        (one.head_text, one.tail_text)
        for seed in range(20)
        for one in redrawn_pairs([odd, marked("- and Kim", "-", "Kim")], seed=seed)
    }
    assert found == {("-", "Kim"), ("Kim", "Jon")}, "other than the dash that is a mention of its own"


def test_what_is_not_to_be_drawn_is_not(instances: list[RelationInstance]) -> None:
    text = instances[0].text
    others = [marked(text, "Port Vell", "Ada Hale"), marked(text, "Jon Roe", "Port Vell")]
    assert redrawn_pairs(instances, but=others[:1], seed=0)
    assert redrawn_pairs(instances, but=others, seed=0) == []
