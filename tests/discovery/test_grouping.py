"""Facts and entities on disk are those of all rows in memory."""

from __future__ import annotations

import gc
import pickle
from dataclasses import replace

import numpy as np
import pytest

from relscout.core.errors import OutputError
from relscout.core.instances import Mention, RelationInstance, Triple
from relscout.discovery.grouping import facts_on_disk
from relscout.discovery.relation import find_facts, links_between
from relscout.discovery.tasks import Here
from relscout.text.entities import MergedEntities, merge_mentions

NAMES = ("Ada Lovelace", "Lovelace", "World Health Organization", "WHO", "Paris", "Rome", "IBM")
#: The last reads from tail to head.
RELATIONS = ("visited", "works for", "works for (inverse)")


def triple(number: int, random: np.random.Generator) -> Triple:
    head, tail = random.choice(NAMES, 2, replace=False).tolist()
    kinds = {"Ada Lovelace": "PERSON", "Lovelace": "PERSON", "Paris": "GPE", "Rome": "GPE"}
    text = f"{head} and {tail}, line {number % 40}."
    start = text.index(tail, len(head))
    instance = RelationInstance(
        text,
        Mention(0, len(head), kinds.get(head, "ORG"), "Q7" if head == "Paris" and number % 3 else None),
        Mention(start, start + len(tail), kinds.get(tail, "ORG")),
        id=f"{number}",
        document=f"page {number // 6}",
    )
    relation = int(random.integers(len(RELATIONS)))
    return Triple(instance, relation, RELATIONS[relation], round(float(random.random()), 3))


@pytest.fixture(scope="module")
def triples() -> list[Triple]:
    random = np.random.default_rng(0)
    return [triple(number, random) for number in range(300)]


@pytest.mark.parametrize("parts", [1, 5])
def test_facts_and_entities_are_those_in_memory_in_their_order(triples, parts):
    expected = find_facts(triples)
    grouped = facts_on_disk(reversed(triples), len(triples), parts=parts)
    assert len(grouped.facts) == len(expected.facts) > 20
    assert list(grouped.facts) == list(expected.facts)
    assert list(grouped.entities) == list(expected.entities)
    assert {entity.id: grouped.per_entity[entity.id] for entity in grouped.entities} == {
        entity.id: expected.per_entity[entity.id] for entity in expected.entities
    }


def test_instances_without_a_relation_have_entities_and_no_facts(triples):
    rows = [row if place % 2 else row.instance for place, row in enumerate(triples)]
    merged = merge_mentions([each.instance for each in triples])
    kept = slice(1, None, 2)
    expected = find_facts(
        triples[kept], MergedEntities(merged.entities, merged.heads[kept], merged.tails[kept])
    )
    grouped = facts_on_disk(rows, len(rows), parts=3)
    assert list(grouped.facts) == list(expected.facts)
    assert list(grouped.entities) == list(merged.entities)


def test_links_of_entities_are_those_in_memory(triples):
    merged = merge_mentions([row.instance for row in triples])
    expected = links_between(merged, np.array([row.relation_id for row in triples]))
    links = facts_on_disk(triples, len(triples), parts=3).links
    assert dict(links) == dict(expected)
    assert dict(links) == dict(expected), "they can be read again"


def test_facts_on_disk_are_read_by_place(triples):
    facts, expected = facts_on_disk(triples, len(triples), parts=4).facts, find_facts(triples).facts
    assert facts[:3] == list(expected[:3])
    assert facts[5:1:-2] == list(expected[5:1:-2])
    assert facts[7] == expected[7]
    assert facts[-1] == expected[-1]
    with pytest.raises(IndexError):
        facts[len(expected)]


def test_an_entity_without_facts_has_none(triples):
    doubted = replace(triples[0], polarity="negated")
    grouped = facts_on_disk([doubted], 1)
    assert len(grouped.facts) == 0
    assert len(grouped.entities) == 2
    assert [grouped.per_entity[entity.id] for entity in grouped.entities] == [0, 0]
    assert grouped.per_entity["nobody"] == 0
    assert list(grouped.per_entity) == []
    assert grouped.entities[0].id not in grouped.per_entity


def test_facts_on_disk_cannot_be_pickled_as_they_are(triples):
    grouped = facts_on_disk(triples, len(triples))
    with pytest.raises(TypeError, match="pass a list"):
        pickle.dumps(grouped)
    assert pickle.dumps(list(grouped.facts))


def test_a_corpus_without_rows_has_no_facts():
    grouped = facts_on_disk([], 0)
    assert (list(grouped.facts), list(grouped.entities)) == ([], [])


def test_results_are_on_disk_until_nothing_refers_to_them():
    here = Here()
    squares = here.remote(num_returns=2)(lambda number: [number, number**2]).remote(3)
    total = here.remote(num_returns=1)(lambda *numbers: sum(numbers)).remote(*squares)
    assert here.get(total) == 12
    assert here.get(squares) == [3, 9]
    assert len(list(here.folder.iterdir())) == 3
    del squares
    gc.collect()
    assert len(list(here.folder.iterdir())) == 1
    folder = here.folder
    del here, total
    gc.collect()
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do():
    here = Here()
    here.folder.rmdir()
    with pytest.raises(OutputError, match="set TMPDIR to a folder with more space"):
        here.store([1])
