from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.inputs import batches, by_sentence, rows_by_content, shards

lengths = st.lists(st.integers(3, 128), max_size=200)
budgets = st.integers(128, 512)
texts = st.lists(st.text(st.sampled_from("ab "), max_size=6), max_size=40)


def sentences(texts: list[str]) -> list[RelationInstance]:
    return [RelationInstance("A B " + text, Mention(0, 1), Mention(2, 3)) for text in texts]


def plan(instances: list[RelationInstance], size: int) -> list[list[bytes]]:
    return list(shards(instances, rows_by_content(instances), size=size))


@given(lengths, budgets)
def test_each_row_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    rows = [row for batch in batches(np.array(lengths, dtype=np.int64), budget) for row in batch]
    assert sorted(rows) == list(range(len(lengths)))


@given(lengths, budgets)
def test_no_batch_exceeds_its_budget_padding_included(lengths: list[int], budget: int) -> None:
    for batch in batches(np.array(lengths, dtype=np.int64), budget):
        assert len(batch) * max(lengths[row] for row in batch) <= budget


@given(lengths, budgets)
def test_no_batch_could_take_the_next_row_too(lengths: list[int], budget: int) -> None:
    planned = list(batches(np.array(lengths, dtype=np.int64), budget))
    for batch, following in pairwise(planned):
        assert (len(batch) + 1) * lengths[following[0]] > budget


@given(lengths, budgets, st.data())
def test_without_the_first_batches_the_others_stay(
    lengths: list[int], budget: int, data: st.DataObject
) -> None:
    planned = list(batches(np.array(lengths, dtype=np.int64), budget))
    done = data.draw(st.integers(0, len(planned)))
    left = sorted(row for batch in planned[done:] for row in batch)
    again = batches(np.array([lengths[row] for row in left], dtype=np.int64), budget)
    assert [[left[row] for row in batch] for batch in again] == [list(batch) for batch in planned[done:]]


def test_a_row_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    assert [list(batch) for batch in batches(np.array([9, 200, 5]), 100)] == [[2, 0], [1]]


@given(texts, st.integers(1, 50))
def test_each_content_is_in_exactly_one_shard(texts: list[str], size: int) -> None:
    instances = sentences(texts)
    planned = plan(instances, size)
    assert sorted(key for shard in planned for key in shard) == sorted(rows_by_content(instances))
    assert all(len(shard) <= size for shard in planned)


@given(texts, st.integers(1, 50), st.randoms(use_true_random=False))
def test_the_plan_depends_on_the_set_of_instances_only(
    texts: list[str], size: int, chance: random.Random
) -> None:
    shuffled = list(texts)
    chance.shuffle(shuffled)
    assert plan(sentences(shuffled), size) == plan(sentences(texts), size)


def test_instances_with_the_same_id_but_other_texts_are_planned_by_text() -> None:
    one, other = (RelationInstance(text, Mention(0, 1), Mention(2, 3), id="1") for text in ("A B c", "A B d"))
    assert plan([one, other], 1) == plan([other, one], 1)


def test_what_reads_the_same_shares_its_rows() -> None:
    one = RelationInstance("A B", Mention(0, 1), Mention(2, 3), id="1", relation="x")
    other = RelationInstance("A B", Mention(0, 1), Mention(2, 3), id="2", relation="y")
    assert list(rows_by_content([one, one.swapped(), other]).values()) == [[0, 2], [1]]


def test_short_texts_come_first() -> None:
    long, short = sentences(["is long", ""])
    (shard,) = plan([long, short], 10)
    assert [rows_by_content([long, short])[key] for key in shard] == [[1], [0]]


def test_the_contents_of_a_text_stay_together_unless_a_shard_is_too_small_for_them() -> None:
    texts = ["A B", "A B c", "A B d"]
    mentions = Mention(0, 1), Mention(2, 3), Mention(4, 5)
    pairs = [RelationInstance(texts[0], *mentions[:2])]
    pairs += [RelationInstance(text, head, tail) for text in texts[1:] for head, tail in pairwise(mentions)]
    pairs += [RelationInstance(text, mentions[0], mentions[2]) for text in texts[1:]]
    rows = rows_by_content(pairs)
    for order in (pairs, pairs[::-1]):
        sizes = {
            size: [len(shard) for shard in by_sentence(order, rows_by_content(order), size=size)]
            for size in (2, 5, 9)
        }
        assert sizes == {2: [1, 2, 1, 2, 1], 5: [4, 3], 9: [7]}
    planned = [one for shard in by_sentence(pairs, rows, size=5) for one in shard]
    assert [
        len({sentence for sentence, _ in planned[:4]}),
        len({sentence for sentence, _ in planned[4:]}),
    ] == [2, 1]


@given(texts, st.integers(1, 50))
def test_texts_of_one_content_are_planned_alike_with_and_without_sentences(
    texts: list[str], size: int
) -> None:
    instances = sentences(texts)
    rows = rows_by_content(instances)
    assert [[key for _, key in shard] for shard in by_sentence(instances, rows, size=size)] == plan(
        instances, size
    )
