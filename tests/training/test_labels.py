from __future__ import annotations

import pytest

from relscout.core.errors import InputError
from relscout.core.instances import Mention, RelationInstance
from relscout.training.labels import check_labelled, content, unambiguous


def met(person: str, relation: str | None, *, source: str = "") -> RelationInstance:
    text = f"{person} met Bob"
    head, tail = Mention(0, len(person)), Mention(len(text) - 3, len(text))
    return RelationInstance(text, head, tail, relation=relation, source=source)


def test_a_labelled_instance_without_a_relation_is_named() -> None:
    bare = met("Ann", None, source="known.jsonl, line 3")
    with pytest.raises(
        InputError, match=r"1 of 2 labelled instances have no gold relation.*known\.jsonl, line 3"
    ):
        check_labelled([met("Cy", "friend"), bare])


def test_one_relation_is_not_enough() -> None:
    with pytest.raises(InputError, match="the 2 labelled instances have only the relation 'friend'"):
        check_labelled([met("Ann", "friend"), met("Cy", "friend")])


def test_nothing_is_not_enough() -> None:
    with pytest.raises(InputError, match="the 0 labelled instances have no relation at all"):
        check_labelled([])


def test_what_repeats_counts_once_and_is_told() -> None:
    given = [met("Ann", "friend"), met("Ann", "friend"), met("Cy", "boss")]
    kept, warnings = unambiguous(given)
    assert kept == [given[0], given[2]]
    assert warnings == ["1 of 3 labelled instances repeat another one and count once"]


def test_an_object_that_stands_there_twice_repeats_itself() -> None:
    ann, cy = met("Ann", "friend"), met("Cy", "boss")
    kept, warnings = unambiguous([ann, ann, cy])
    assert kept == [ann, cy]
    assert warnings == ["1 of 3 labelled instances repeat another one and count once"]


def test_what_contradicts_itself_is_left_out_and_told() -> None:
    given = [met("Ann", "friend"), met("Ann", "boss"), met("Cy", "boss"), met("Dee", "friend")]
    kept, warnings = unambiguous(given)
    assert kept == given[2:]
    assert warnings[0].startswith("2 of 4 labelled instances were left out: the same sentence")


def test_which_are_left_does_not_depend_on_the_order() -> None:
    given = [met(person, relation) for person in ("Ann", "Cy", "Dee", "Cy") for relation in ("a", "b")]
    given = [*given[:2], *given[2::2], met("Flo", "b"), met("Flo", "b")]
    forwards, backwards = unambiguous(given)[0], unambiguous(given[::-1])[0]
    assert {content(one) for one in forwards} == {content(one) for one in backwards}


def test_identical_sentences_under_two_labels_leave_nothing_to_learn() -> None:
    with pytest.raises(InputError, match="0 labelled relations are left, expected at least two"):
        unambiguous([met("Ann", "friend"), met("Ann", "boss")])
