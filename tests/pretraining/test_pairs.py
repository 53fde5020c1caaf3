from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import InputError
from relscout.encoders.pooling import type_codes
from relscout.pretraining.corpus import Corpus, Excluded
from relscout.pretraining.pairs import Bags, EntityPairs, disjoint

Say = Callable[..., Any]
Gather = Callable[..., Corpus]


def born(say: Say, n: int, relation: str, **given: Any) -> list[Any]:
    return [say(f"p{place}", f"c{place}", relation, **given) for place in range(n)]


def test_relations_come_in_proportion_to_their_sentences_each_in_one_pair(say: Say, gather: Gather) -> None:
    corpus = gather(
        [
            *born(say, 7, "born"),
            *born(say, 4, "died", words="died in"),
            *born(say, 1, "wrote", words="wrote of"),
            say("x", "y"),
            say("x", "z", "no_relation"),
        ]
    )
    bags = Bags(corpus, distinct_pairs=False, seed=0)
    epochs = [bags.pairs(epoch)[0] for epoch in range(2)]
    for pairs in epochs:
        of = corpus.relation[pairs]
        assert (of[:, 0] == of[:, 1]).all()
        assert Counter(corpus.relations[one] for one in of[:, 0]) == {"born": 3, "died": 2}
        assert len(np.unique(pairs)) == pairs.size
    assert not np.array_equal(*epochs)
    assert bags.count == 5
    assert bags.statistics["relations_of_one_sentence"] == 1
    assert corpus.left_out == {"without a relation": 2}


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(0, 9))
def test_pairs_of_different_groups_are_as_many_as_can_be(groups: list[int], seed: int) -> None:
    rows = np.arange(len(groups))
    pairs = disjoint(rows, np.array(groups), np.random.default_rng(seed))
    assert len(np.unique(pairs)) == pairs.size
    assert all(groups[left] != groups[right] for left, right in pairs)
    largest = max(Counter(groups).values())
    assert len(pairs) == min(len(groups) // 2, len(groups) - largest)


def test_negatives_share_one_entity_where_they_can(say: Say, gather: Gather) -> None:
    told = [say("ann", "rome", words=f"w{n}") for n in range(10)]
    told += [say("ann", "oslo", words=f"w{n}") for n in range(3)]
    told += [say("rome", "ann"), say("far", "away"), say("lone", "some")]
    corpus = gather(told, with_relation=False)
    found = EntityPairs(corpus, most=8, all_pairs=False, seed=0)
    pairs, same = found.pairs(0)
    assert found.count == len(pairs) == 10  # 4 of ann and rome, 1 of ann and oslo, and as many negatives
    assert same.tolist() == [True, False] * 5
    equal = corpus.pairs[pairs[:, 0]] == corpus.pairs[pairs[:, 1]]
    assert equal.tolist() == same.tolist()
    assert len(np.unique(pairs[same])) == 10
    everyone = np.arange(len(corpus))
    negative = found.negatives(everyone, np.random.default_rng(0))
    shares = found.share_one(negative[:, 0], negative[:, 1])
    # two sentences share no entity with any other: they get some other one
    assert (~shares).sum() == 2
    assert all(set(corpus.entities[one]) != set(corpus.entities[other]) for one, other in negative)


def test_all_pairs_of_eight_sentences(say: Say, gather: Gather) -> None:
    told = [say("ann", "rome", words=f"w{n}") for n in range(10)] + [say("bob", "rome")]
    corpus = gather(told, with_relation=False)
    found = EntityPairs(corpus, most=8, all_pairs=True, seed=0)
    pairs, same = found.pairs(3)
    assert found.count == len(pairs) == 2 * 8 * 7 // 2
    assert len({tuple(sorted(one)) for one in pairs[same].tolist()}) == 28
    assert len(np.unique(pairs[same])) == 8


def test_the_order_of_the_input_and_repeated_instances_change_nothing(say: Say, gather: Gather) -> None:
    told = [*born(say, 6, "born"), *born(say, 5, "died", words="died in")]
    corpora = [gather(told), gather([*told[::-1], *told[2:5]])]
    one, other = ([corpus.fitted(row) for row in range(len(corpus))] for corpus in corpora)
    assert one == other
    assert corpora[0].digest == corpora[1].digest
    assert corpora[1].left_out == {"repeated": 3}
    first, second = (Bags(corpus, distinct_pairs=True, seed=1).pairs(2)[0] for corpus in corpora)
    assert np.array_equal(first, second)


def test_mtb_has_a_sentence_once_whatever_relations_its_pair_has(say: Say, gather: Gather) -> None:
    told = [say("ann", "rome", relation) for relation in ("born", "died", None)]
    told += [say("ann", "rome", words="left"), say("bob", "oslo", "born")]
    corpus, reordered = (gather(order, with_relation=False) for order in (told, told[::-1]))
    assert (len(corpus), corpus.left_out) == (3, {"repeated": 2})
    assert corpus.digest == reordered.digest
    pairs, same = EntityPairs(corpus, most=8, all_pairs=True, seed=0).pairs(0)
    positive = corpus.content[pairs[same]]
    assert (positive[:, 0] != positive[:, 1]).all()
    # for cp it is a sentence of each of them
    assert len(gather(told)) == 3


def test_a_sentence_with_types_and_without_is_one_and_shows_its_types(say: Say, gather: Gather) -> None:
    bare = say("ann", "rome", "born")
    typed = replace(bare, head=replace(bare.head, type="PERSON"), tail=replace(bare.tail, type="CITY"))
    half = replace(bare, head=replace(bare.head, type="PERSON"))
    other = replace(typed, relation="died")
    for order in ([bare, half, typed, other], [other, typed, half, bare]):
        corpus = gather(order)
        assert (len(corpus), corpus.left_out) == (2, {"repeated": 2})
        assert len(set(corpus.content.tolist())) == 1  # and so neither is a negative of the other
        looks = [corpus.vocabulary.looks[look].types for look in corpus.looks]
        assert looks == [type_codes("PERSON", "CITY")] * 2


def test_entities_are_known_by_identifier_else_by_name(say: Say, gather: Gather) -> None:
    corpus = gather(
        [
            say("Ann", "Rome", words="w1"),
            say("ann", "ROME", words="w2"),
            say("ann", "rome", words="w3", ids=True),
        ],
        with_relation=False,
    )
    assert Counter(Counter(corpus.pairs.tolist()).values()) == {2: 1, 1: 1}


def test_names_are_compared_as_in_alignment(say: Say, gather: Gather) -> None:
    tested = Excluded([say("Straße", "ﬁnn")])
    corpus = gather([say("STRASSE", "Finn", "r"), say("ann", "rome", "r")], excluded=tested)
    assert corpus.left_out == {"entity pair excluded": 1}


def test_pairs_that_will_be_tested_are_left_out_in_both_directions(say: Say, gather: Gather) -> None:
    tested = Excluded([say("rome", "ANN", words="loves"), say("x", "y", ids=True)])
    told = [
        say("ann", "rome", "r"),
        say("y", "x", "r", ids=True),
        say("x", "y", "r"),
        say("ann", "oslo", "r"),
    ]
    corpus = gather(told, excluded=tested)
    assert len(corpus) == 1
    assert corpus.left_out == {"entity pair excluded": 3}


@pytest.mark.parametrize("relations", [("born",), ("born", "died")])
def test_what_gives_no_pairs_is_refused(say: Say, gather: Gather, relations: tuple[str, ...]) -> None:
    corpus = gather([say(f"p{n}", "c", name) for n, name in enumerate(relations)])
    with pytest.raises(InputError, match="two relations"):
        Bags(corpus, distinct_pairs=False, seed=0)
    with pytest.raises(InputError, match="two entity pairs"):
        EntityPairs(corpus, most=8, all_pairs=False, seed=0)
    with pytest.raises(InputError, match="1 without a relation"):
        gather([say("a", "b")])
