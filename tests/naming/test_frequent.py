from __future__ import annotations

from dataclasses import replace

import pytest

from relscout.core.errors import UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.naming import name_relations
from relscout.naming.frequent import FrequentNgram, most_frequent_ngrams

HEAD_AND_TAIL = ("Ada", "Rome")


def of(*between: str, backwards: bool = False) -> list[RelationInstance]:
    """Instances with these words between Ada, the head, and Rome, the tail."""
    first, second = HEAD_AND_TAIL[::-1] if backwards else HEAD_AND_TAIL
    return [
        RelationInstance.from_strings(f"{first} {words} {second}", *HEAD_AND_TAIL, id=str(place))
        for place, words in enumerate(between)
    ]


def test_all_words_between_the_mentions_are_one_ngram() -> None:
    found = most_frequent_ngrams(of("was born in", "lives in", "was born in"))
    assert found == [FrequentNgram("was born in", True, 2 / 3), FrequentNgram("lives in", True, 1 / 3)]


def test_case_and_punctuation_do_not_matter() -> None:
    (found,) = most_frequent_ngrams(of(", The State of", "the state of,"))
    assert (found.words, found.weight) == ("the state of", 1.0)


def test_an_ngram_of_a_given_length_counts_once_in_an_instance() -> None:
    found = most_frequent_ngrams(of("of the of the", "son of", "son of"), length=1)
    assert [(one.words, round(one.weight * 3)) for one in found] == [("of", 3), ("son", 2), ("the", 1)]
    pairs = most_frequent_ngrams(of("the son of", "son of"), length=2, most=1)
    assert pairs == [FrequentNgram("son of", True, 1.0)]


def test_of_equally_frequent_ones_the_longest_then_the_first_in_the_alphabet_wins() -> None:
    found = most_frequent_ngrams(of("near", "member of", "capital of"))
    assert [one.words for one in found] == ["capital of", "member of", "near"]


def test_the_direction_is_that_of_most_instances() -> None:
    (found,) = most_frequent_ngrams([*of("is the home of", backwards=True), *of()])
    assert found.pattern == "TAIL is the home of HEAD"


def test_without_words_between_there_is_none() -> None:
    assert most_frequent_ngrams(of(",", "—")) == []


def test_the_rule_can_be_selected_and_keeps_names_apart() -> None:
    instances = of("was born in", "was born in", "in", "was born in", "a son of", ",")
    instances = [replace(one, id=str(place)) for place, one in enumerate(instances)]
    labels = [0, 0, 0, 1, 2, 3]
    names = name_relations(instances, labels, rule="most-frequent")
    assert {label: name.name for label, name in names.items()} == {
        0: "was born in (2)",
        1: "was born in",
        2: "a son of",
        3: "relation 3",
    }
    assert names[0].pattern == "HEAD was born in TAIL"
    assert name_relations(instances[::-1], labels[::-1], rule="most-frequent") == names


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown rule 'frequent'"):
        name_relations(of("in"), [0], rule="frequent")  # type: ignore[arg-type]
