"""Pairs of entities."""

from __future__ import annotations

import pytest

from relscout.errors import InputError, SettingError
from relscout.instances import Mention
from relscout.text.pairs import Pairing, pairs

SENTENCE = "Ruth Bell of Acme met Omar Dia"
RUTH, ACME, OMAR = Mention(0, 9, "PERSON"), Mention(13, 17, "ORG"), Mention(22, 30, "PERSON")


def names(
    pairing: Pairing | None = None, mentions: tuple[Mention, ...] = (RUTH, ACME, OMAR)
) -> list[tuple[str, str]]:
    found = pairs(SENTENCE, mentions, pairing or Pairing())
    return [(each.head_text, each.tail_text) for each in found]


def test_all_entities_are_paired_both_ways_in_the_order_of_the_text() -> None:
    assert names() == [
        ("Ruth Bell", "Acme"),
        ("Acme", "Ruth Bell"),
        ("Ruth Bell", "Omar Dia"),
        ("Omar Dia", "Ruth Bell"),
        ("Acme", "Omar Dia"),
        ("Omar Dia", "Acme"),
    ]


def test_forward_pairs_have_the_head_first() -> None:
    forward = names(Pairing(directions="forward"))
    assert forward == [("Ruth Bell", "Acme"), ("Ruth Bell", "Omar Dia"), ("Acme", "Omar Dia")]


def test_the_order_of_the_mentions_changes_nothing() -> None:
    assert names(mentions=(OMAR, RUTH, ACME)) == names()


def test_entities_with_too_many_words_between_make_no_pair() -> None:
    near = names(Pairing(directions="forward", max_distance=1))
    assert near == [("Ruth Bell", "Acme"), ("Acme", "Omar Dia")]


def test_a_distance_of_zero_leaves_only_neighbours() -> None:
    assert names(Pairing(max_distance=0)) == []


def test_only_allowed_types_make_a_pair_and_their_order_counts() -> None:
    employed = names(Pairing(types=frozenset({("PERSON", "ORG")})))
    assert employed == [("Ruth Bell", "Acme"), ("Omar Dia", "Acme")]


def test_overlapping_entities_make_no_pair() -> None:
    assert names(mentions=(Mention(0, 9), Mention(5, 12), Mention(5, 9))) == []


def test_the_source_is_kept() -> None:
    (found,) = pairs(SENTENCE, [RUTH, ACME], Pairing(directions="forward"), source="a.txt, line 2")
    assert found.source == "a.txt, line 2"


def test_a_mention_outside_the_sentence_is_an_error() -> None:
    with pytest.raises(InputError, match="does not fit"):
        list(pairs(SENTENCE, [RUTH, Mention(22, 99)]))


def test_settings_that_cannot_work_are_told() -> None:
    with pytest.raises(SettingError, match="directions is 'backward'; expected 'both' or 'forward'"):
        Pairing(directions="backward")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="max_distance is -1"):
        Pairing(max_distance=-1)
    with pytest.raises(SettingError, match="no pair is allowed"):
        Pairing(types=frozenset())
