from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from relscout.core.instances import Fact, Mention, Polarity, RelationInstance, Triple
from relscout.core.seeding import generator
from relscout.discovery.relation import MOST_CONFIDENT, Assignments, fact_counts, find_facts, forward_name
from relscout.text.entities import merge_mentions


def triple(
    head: str = "Ann",
    tail: str = "IBM",
    *,
    verb: str = "runs",
    relation: str = "leads",
    relation_id: int = 0,
    confidence: float = 0.5,
    related: float | None = None,
    polarity: Polarity = "asserted",
    document: str = "a.txt",
    types: tuple[str, str] = ("PERSON", "ORG"),
    phrase: str = "",
) -> Triple:
    text = f"{head} {verb} {tail}."
    start = len(head) + len(verb) + 2
    instance = RelationInstance(
        text,
        Mention(0, len(head), types[0]),
        Mention(start, start + len(tail), types[1]),
        id=f"{document}:{text}",
        document=document,
    )
    return Triple(instance, relation_id, relation, confidence, related, polarity, phrase)


def turned(relation_id: int) -> Triple:
    return triple(
        "IBM",
        "Ann",
        verb="is run by",
        relation="leads (inverse)",
        relation_id=relation_id,
        types=("ORG", "PERSON"),
    )


def only(*triples: Triple) -> Fact:
    (found,) = find_facts(triples).facts
    return found


def test_triples_about_the_same_are_one_fact() -> None:
    fact = only(triple(), triple(verb="heads"), triple("ANN", verb="led", document="b.txt"))
    assert (fact.head.name, fact.relation, fact.tail.name) == ("Ann", "leads", "IBM")
    assert (fact.support, fact.documents) == (3, 2)


def test_another_relation_or_entity_is_another_fact() -> None:
    triples = [
        triple(),
        triple(relation="left", relation_id=1, verb="left"),
        triple("Bob"),
        triple(tail="Apple"),
    ]
    assert len(find_facts(triples).facts) == 4


def test_confidence_is_pooled_over_sentences() -> None:
    assert only(triple(confidence=0.4)).confidence == pytest.approx(0.4)
    # 1 - (1 - .5)(1 - .8 × .5)
    both = only(triple(confidence=0.5), triple(verb="heads", confidence=0.8, related=0.5))
    assert both.confidence == pytest.approx(0.7)


def test_no_fact_is_quite_certain() -> None:
    assert only(triple(confidence=1.0)).confidence == MOST_CONFIDENT < 1


def test_a_repeated_sentence_counts_once() -> None:
    fact = only(triple(confidence=0.5), triple(confidence=0.5, document="b.txt"))
    assert (fact.support, fact.documents, fact.confidence) == (1, 2, 0.5)
    assert fact.evidence == ("a.txt:Ann runs IBM.", "b.txt:Ann runs IBM.")


def test_the_surest_triple_comes_first_as_evidence() -> None:
    fact = only(triple(confidence=0.9, related=0.1), triple(verb="heads", confidence=0.5))
    assert fact.evidence == ("a.txt:Ann heads IBM.", "a.txt:Ann runs IBM.")


@pytest.mark.parametrize("polarity", ["negated", "hypothetical"])
def test_only_what_is_asserted_is_a_fact(polarity: Polarity) -> None:
    found = find_facts([triple(polarity=polarity)])
    assert found.facts == ()
    assert {one.name for one in found.entities} == {"Ann", "IBM"}
    assert only(triple(), triple(verb="heads", polarity=polarity)).support == 1


def test_nothing_is_a_fact_about_an_entity_and_itself() -> None:
    assert find_facts([triple("Ann Lee", "ANN LEE", verb="is")]).facts == ()


def test_an_inverse_relation_is_turned() -> None:
    fact = only(turned(4))
    assert (fact.head.name, fact.relation_id, fact.relation, fact.tail.name) == ("Ann", 4, "leads", "IBM")


def test_both_directions_of_a_relation_support_one_fact() -> None:
    fact = only(triple(relation_id=2), turned(4))
    assert (fact.relation_id, fact.relation, fact.support) == (2, "leads", 2)


@pytest.mark.parametrize(
    ("name", "forward"),
    [
        ("invented (inverse)", "invented"),
        ("invented (inverse) (novel)", "invented (novel)"),
        ("invented (inverse) (novel 2)", "invented (novel 2)"),
        ("the (inverse) square", "the (inverse) square"),
        ("invented", "invented"),
    ],
)
def test_a_fact_is_never_called_inverse(name: str, forward: str) -> None:
    assert forward_name(name) == forward


def test_the_most_supported_fact_comes_first() -> None:
    triples = [
        triple(confidence=0.9),
        triple("Bob", confidence=0.2),
        triple("Bob", verb="heads", confidence=0.2),
    ]
    assert [fact.head.name for fact in find_facts(triples).facts] == ["Bob", "Ann"]


def test_facts_are_counted_per_entity() -> None:
    found = find_facts([triple(), triple("Bob")])
    counts = {one.name: found.per_entity[one.id] for one in found.entities}
    assert counts == {"IBM": 2, "Ann": 1, "Bob": 1}


def test_the_order_of_the_triples_changes_nothing() -> None:
    triples = [
        triple(head, tail, verb=verb, confidence=0.3, document=document)
        for head in ("Ann", "Bob")
        for tail in ("IBM", "Apple")
        for verb in ("runs", "heads")
        for document in ("a", "b")
    ]
    expected = find_facts(triples)
    for seed in range(3):
        assert (
            find_facts([triples[place] for place in generator(seed, "test").permutation(len(triples))])
            == expected
        )


def test_no_triples_give_no_facts() -> None:
    assert find_facts([]).facts == ()


def test_a_fact_says_what_its_surest_sentences_say() -> None:
    found = only(
        triple(confidence=0.9, phrase="runs"),
        triple(verb="heads", confidence=0.5, phrase="heads"),
        triple(verb="still heads", confidence=0.5, phrase="heads"),
        triple(verb="and", confidence=0.9),
    )
    assert found.phrase == "heads"


def test_an_inverse_relation_has_no_phrase_that_would_read_backwards() -> None:
    assert only(replace(turned(3), phrase="run by")).phrase == ""


def test_facts_are_counted_without_being_made() -> None:
    triples = [
        triple(),
        triple(verb="heads"),
        turned(1),
        triple("Bob", polarity="negated"),
        triple("IBM", "IBM", types=("ORG", "ORG")),
        triple("Bob", tail="Apple"),
        triple("Bob", relation="left (inverse)", relation_id=2, verb="left"),
        triple("Bob", tail="Apple", relation="left (inverse)", relation_id=2, verb="left"),
    ]
    no_relation = triple("Eve").instance
    instances = [*(each.instance for each in triples), no_relation]
    assignments = Assignments(
        instances,
        np.array([*(each.relation_id for each in triples), -1]),
        np.ones(len(instances), dtype=np.float32),
        polarities=[*(each.polarity for each in triples), "asserted"],
    )
    names = {each.relation_id: each.relation for each in triples}
    counts = fact_counts(assignments, names, merge_mentions(instances))
    assert counts == Counter(fact.relation_id for fact in find_facts(triples).facts) == {0: 2, 2: 2}
