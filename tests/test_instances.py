from __future__ import annotations

import random
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError
from relscout.core.instances import Mention, RelationInstance, canonical_order

TEXT = "Marie Curie was born in Warsaw."
HEAD, TAIL = Mention(0, 11, "PERSON", "Q7186"), Mention(24, 30, "CITY", "Q270")


@pytest.fixture
def instance() -> RelationInstance:
    return RelationInstance(TEXT, HEAD, TAIL, relation="place of birth", source="births.txt, line 3")


def test_an_instance_knows_how_its_entities_are_written(instance: RelationInstance) -> None:
    assert (instance.head_text, instance.tail_text) == ("Marie Curie", "Warsaw")
    assert instance.type_pair == ("PERSON", "CITY")


def test_offsets_count_characters_and_not_bytes() -> None:
    emoji = RelationInstance("👩‍🔬 Zoë — Köln", Mention(4, 7), Mention(10, 14))
    assert (emoji.head_text, emoji.tail_text) == ("Zoë", "Köln")


def test_an_instance_cannot_be_changed(instance: RelationInstance) -> None:
    with pytest.raises(FrozenInstanceError):
        instance.text = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 5), (5, 5), (6, 5), (0, len(TEXT) + 1), (len(TEXT), len(TEXT) + 2), (-5, -1)]
)
@pytest.mark.parametrize("role", ["head", "tail"])
def test_a_span_outside_the_text_is_refused(role: str, start: int, end: int) -> None:
    spans = {"head": HEAD, "tail": TAIL, role: Mention(start, end)}
    with pytest.raises(InputError, match=rf"{role} span \[{start}, {end}\) does not fit the text of 31"):
        RelationInstance(TEXT, spans["head"], spans["tail"])


def test_a_span_of_white_space_is_refused() -> None:
    with pytest.raises(InputError, match=r"tail span .* covers only white space"):
        RelationInstance(TEXT, HEAD, Mention(11, 12))


def test_one_span_cannot_be_both_entities() -> None:
    with pytest.raises(InputError, match="head and tail are the same span"):
        RelationInstance(TEXT, HEAD, Mention(0, 11, "OTHER"))


@pytest.mark.parametrize(("head", "tail"), [((0, 11), (6, 15)), ((6, 15), (0, 11))])
def test_entities_that_cross_are_refused(head: tuple[int, int], tail: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="cross; one may lie inside the other"):
        RelationInstance(TEXT, Mention(*head), Mention(*tail))


@pytest.mark.parametrize(("head", "tail"), [((0, 11), (6, 11)), ((0, 5), (0, 11)), ((0, 5), (5, 11))])
def test_entities_may_touch_or_lie_inside_each_other(head: tuple[int, int], tail: tuple[int, int]) -> None:
    RelationInstance(TEXT, Mention(*head), Mention(*tail))
    RelationInstance(TEXT, Mention(*tail), Mention(*head))


def test_the_id_is_decided_by_text_and_offsets_alone(instance: RelationInstance) -> None:
    bare = RelationInstance(TEXT, Mention(0, 11), Mention(24, 30), source="elsewhere")
    assert bare.id == instance.id
    assert instance.id != RelationInstance(TEXT, TAIL, HEAD).id
    assert instance.id != RelationInstance(TEXT + " ", HEAD, TAIL).id


def test_the_id_is_the_same_in_every_process(instance: RelationInstance) -> None:
    assert instance.id == "4db5944a52020dde"


def test_an_own_id_is_kept() -> None:
    assert RelationInstance(TEXT, HEAD, TAIL, id="7").id == "7"


def test_half_a_surrogate_pair_does_not_break_the_id() -> None:
    assert RelationInstance("Ann \ud83d Bo", Mention(0, 3), Mention(6, 8)).id


def test_without_its_relation_an_instance_keeps_everything_else(instance: RelationInstance) -> None:
    bare = instance.without_relation()
    assert bare.relation is None
    assert replace(bare, relation="place of birth") == instance
    assert bare.without_relation() is bare


def test_swapped_an_instance_is_another_one(instance: RelationInstance) -> None:
    swapped = instance.swapped()
    assert (swapped.head, swapped.tail, swapped.relation) == (TAIL, HEAD, None)
    assert swapped.id != instance.id
    assert swapped.swapped() == instance.without_relation()


def test_the_canonical_order_does_not_depend_on_the_given_one() -> None:
    instances = [
        RelationInstance(TEXT, head, tail, id=id)
        for id in ("b", "a", "")
        for head, tail in ((HEAD, TAIL), (TAIL, HEAD), (replace(HEAD, type=None), TAIL))
    ]
    shuffled = random.Random(1).sample(instances, len(instances))
    ordered = [instances[place] for place in canonical_order(instances)]
    assert [shuffled[place] for place in canonical_order(shuffled)] == ordered


@given(st.text(min_size=1, max_size=20), *[st.integers(-2, 22)] * 4)
def test_any_accepted_span_has_its_surface_in_the_text(text: str, a: int, b: int, c: int, d: int) -> None:
    try:
        made = RelationInstance(text, Mention(a, b), Mention(c, d))
    except InputError:
        return
    assert made.head_text == text[a:b] != ""
    assert made.tail_text == text[c:d] != ""
    assert made.head_text.strip()
    assert made.tail_text.strip()


def test_strings_are_marked_where_they_occur_first() -> None:
    found = RelationInstance.from_strings(
        "Paris is in Paris County.", "Paris", "Paris County", head_type="CITY", relation="in", id="a"
    )
    assert (found.head, found.tail) == (Mention(0, 5, "CITY"), Mention(12, 24))
    assert (found.relation, found.id) == ("in", "a")


def test_another_occurrence_of_a_string_can_be_chosen() -> None:
    found = RelationInstance.from_strings("A met B, and A left.", "A", "B", occurrence=(2, 1))
    assert found.head.start == 13


def test_an_instance_of_strings_is_that_of_its_offsets() -> None:
    text = "Ada met Bob."
    assert (
        RelationInstance.from_strings(text, "Ada", "Bob").id
        == RelationInstance(text, Mention(0, 3), Mention(8, 11)).id
    )


@pytest.mark.parametrize(
    ("head", "tail", "occurrence", "complaint"),
    [
        ("Eve", "Bob", (1, 1), "the head 'Eve' does not occur in the text 'Ada met Bob.'"),
        ("Ada", "bob", (1, 1), r"the tail 'bob' does not occur .*upper and lower case count"),
        (
            "Ada",
            "Bob",
            (1, 2),
            "the tail 'Bob' occurs 1 times in the text .*, but occurrence 2 was asked for",
        ),
        ("Ada", "", (1, 1), "the tail is empty"),
        ("Ada", "Ada", (1, 1), r"the same place of 'Ada', which occurs 1 times .*occurrence=\(1, 2\)"),
        ("Ada", "Bob", (0, 1), "occurrence of the head is 0; expected a whole number from 1"),
        ("Ada", "Bob", 2, "occurrence is 2; expected two numbers from 1"),
    ],
)
def test_strings_that_cannot_be_marked_are_refused(
    head: str, tail: str, occurrence: tuple[int, int], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        RelationInstance.from_strings("Ada met Bob.", head, tail, occurrence=occurrence)
