"""Pairs of entities."""

from __future__ import annotations

from itertools import accumulate

import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Mention
from relscout.text import MarkedSentence, Passage
from relscout.text.pairs import Pairing, head_first, pairs
from relscout.text.spacy_pipeline import SpacyPipeline

SENTENCE = "Ruth Bell of Acme met Omar Dia"
RUTH, ACME, OMAR = Mention(0, 9, "PERSON"), Mention(13, 17, "ORG"), Mention(22, 30, "PERSON")


def names(
    pairing: Pairing | None = None, mentions: tuple[Mention, ...] = (RUTH, ACME, OMAR)
) -> list[tuple[str, str]]:
    found = pairs(MarkedSentence(SENTENCE, mentions), pairing or Pairing())
    return [(each.head_text, each.tail_text) for each in found]


def test_each_pair_is_one_instance_that_reads_from_person_to_organisation() -> None:
    assert names() == [("Ruth Bell", "Acme"), ("Ruth Bell", "Omar Dia"), ("Omar Dia", "Acme")]


def test_pairs_go_both_ways_where_that_is_asked_for() -> None:
    assert names(Pairing(directions="both")) == [
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


def test_numbers_make_pairs_only_where_that_is_asked_for() -> None:
    numbered = (RUTH, Mention(13, 17, "CARDINAL"))
    assert names(mentions=numbered) == []
    assert names(Pairing(numbers=True), numbered) == [("Ruth Bell", "Acme")]


def test_dates_make_pairs() -> None:
    assert names(mentions=(RUTH, Mention(13, 17, "DATE"))) == [("Ruth Bell", "Acme")]


def test_two_mentions_of_one_name_make_no_pair() -> None:
    sentence = MarkedSentence("ACME and Acme", [Mention(0, 4, "ORG"), Mention(9, 13, "ORG")])
    assert list(pairs(sentence)) == []


def test_entities_with_too_many_words_between_make_no_pair() -> None:
    near = names(Pairing(directions="forward", max_distance=1))
    assert near == [("Ruth Bell", "Acme"), ("Acme", "Omar Dia")]


def test_a_distance_of_zero_leaves_only_neighbours() -> None:
    assert names(Pairing(max_distance=0)) == []


def test_only_allowed_types_make_a_pair_in_either_order() -> None:
    employed = [("Ruth Bell", "Acme"), ("Omar Dia", "Acme")]
    assert names(Pairing(types=frozenset({("PERSON", "ORG")}))) == employed
    assert names(Pairing(types=frozenset({("ORG", "PERSON")}))) == employed


def test_the_order_of_allowed_types_counts_where_pairs_go_both_ways() -> None:
    employs = names(Pairing(types=frozenset({("ORG", "PERSON")}), directions="both"))
    assert employs == [("Acme", "Ruth Bell"), ("Acme", "Omar Dia")]


def test_overlapping_entities_make_no_pair() -> None:
    assert names(mentions=(Mention(0, 9), Mention(5, 12), Mention(5, 9))) == []


def test_the_place_of_the_sentence_is_kept() -> None:
    sentence = MarkedSentence(SENTENCE, [RUTH, ACME], "a.txt, line 2", "a.txt", 40)
    (found,) = pairs(sentence)
    assert (found.source, found.document, found.document_start) == ("a.txt, line 2", "a.txt", 40)


def test_the_same_sentence_in_two_places_makes_two_instances() -> None:
    ids = {
        found.id
        for document, start in (("a.txt", 0), ("a.txt", 90), ("b.txt", 0))
        for found in pairs(MarkedSentence(SENTENCE, [RUTH, ACME], "", document, start))
    }
    assert len(ids) == 3


def test_a_mention_outside_the_sentence_is_an_error() -> None:
    with pytest.raises(InputError, match="does not fit"):
        list(pairs(MarkedSentence(SENTENCE, [RUTH, Mention(22, 99)])))


def crowd(size: int) -> MarkedSentence:
    words = [f"N{number}" for number in range(size)]
    starts = accumulate((len(word) + 1 for word in words), initial=0)
    mentions = [Mention(start, start + len(word)) for start, word in zip(starts, words, strict=False)]
    return MarkedSentence(" ".join(words), mentions, document="d")


def test_ten_thousand_entities_in_a_sentence_make_ten_thousand_pairs_and_the_rest_is_counted() -> None:
    left_out: list[int] = []
    sentence = crowd(10_000)
    found = list(pairs(sentence, on_crowded=lambda _, count: left_out.append(count)))
    assert len(found) == 9_999
    assert left_out == [10_000 * 9_999 // 2 - 9_999]


def test_a_crowded_sentence_makes_as_many_pairs_as_the_most_entities_that_are_all_paired() -> None:
    left_out: list[int] = []
    pairing = Pairing(most_mentions=20)
    found = list(pairs(crowd(40), pairing, on_crowded=lambda _, count: left_out.append(count)))
    assert len(found) <= 20 * 19 // 2 <= len(found) + 40
    assert len(found) + left_out[0] == 40 * 39 // 2


def test_a_sentence_that_is_not_crowded_leaves_no_pair_out() -> None:
    left_out: list[int] = []
    found = list(pairs(crowd(20), Pairing(most_mentions=20), on_crowded=lambda _, n: left_out.append(n)))
    assert len(found) == 20 * 19 // 2
    assert left_out == []


def test_settings_that_cannot_work_are_errors() -> None:
    with pytest.raises(SettingError, match="directions is 'backward'; expected 'once', 'both' or 'forward'"):
        Pairing(directions="backward")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="max_distance is -1"):
        Pairing(max_distance=-1)
    with pytest.raises(SettingError, match="no pair is allowed"):
        Pairing(types=frozenset())
    with pytest.raises(SettingError, match="most_mentions is 1"):
        Pairing(most_mentions=1)


@pytest.fixture(scope="module")
def parser() -> SpacyPipeline:
    return SpacyPipeline.load()


@pytest.mark.parametrize(
    ("text", "first", "second", "expected"),
    [
        # the logical subject is the head, in the active and the passive
        ("Acme bought Bolt in spring.", "Acme", "Bolt", True),
        ("Bolt was bought by Acme in spring.", "Bolt", "Acme", False),
        # what governs the other is
        ("Oslo, the capital of Norway, is large.", "Oslo", "Norway", True),
        # of a co-ordination, the first is
        ("Acme and Bolt merged.", "Acme", "Bolt", True),
    ],
)
def test_of_two_of_a_kind_the_syntax_decides(
    parser: SpacyPipeline, text: str, first: str, second: str, expected: bool
) -> None:
    (sentence,) = parser.annotate([Passage(text)])
    mentions = [Mention(text.index(name), text.index(name) + len(name), "ORG") for name in (first, second)]
    assert sentence.parse is not None
    assert head_first(*mentions, sentence.parse) is expected


def test_of_two_of_a_kind_without_syntax_the_first_is_the_head() -> None:
    assert head_first(RUTH, OMAR)


def test_types_come_before_syntax(parser: SpacyPipeline) -> None:
    text = "Norway made Ruth a citizen."
    (sentence,) = parser.annotate([Passage(text)])
    assert not head_first(Mention(0, 6, "GPE"), Mention(12, 16, "PERSON"), sentence.parse)
