"""Pairs of sentences: of one relation (CP; Peng et al. 2020) and of one entity pair (MTB; Soares et al. 2019)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.seeding import generator
from relscout.pretraining.corpus import Corpus

Ints = NDArray[np.int64]


class Bags:
    """Pairs of sentences of one relation, drawn anew in each epoch.

    In an epoch, each sentence is in at most one pair, so that relations have pairs in proportion to their sentences.

    Args:
        corpus: The sentences.
        distinct_pairs: Whether the two sentences of a pair must have different entity pairs.
        seed: Random seed of the pairs.

    Attributes:
        statistics: Counts of the pairs, as JSON values.

    Raises:
        InputError: Fewer than two relations have pairs.
    """

    def __init__(self, corpus: Corpus, *, distinct_pairs: bool, seed: int) -> None:
        self._seed = seed
        order = np.argsort(corpus.relation, kind="stable")
        counts = np.bincount(corpus.relation, minlength=len(corpus.relations))
        bags = np.split(order, np.cumsum(counts)[:-1])
        self._pairs_of = corpus.pairs if distinct_pairs else None
        self._bags = [bag for bag in bags if len(bag) > 1]
        self.statistics = {
            "relations": len(self._bags),
            "relations_of_one_sentence": sum(len(bag) == 1 for bag in bags),
            "sentences": int(sum(map(len, self._bags))),
        }
        drawn = self.pairs(0)[0] if self._bags else np.empty((0, 2), dtype=np.int64)
        #: Number of pairs of an epoch, the same in each.
        self.count = len(drawn)
        if len(np.unique(corpus.relation[drawn])) < 2:
            raise InputError(
                f"cp needs two relations with two sentences{' of different entity pairs' if distinct_pairs else ''} "
                f"each; of {len(corpus.relations)} relations {len(self._bags)} have two sentences"
            )

    def pairs(self, epoch: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the pairs of an epoch (P, 2), int64, shuffled, and whether each is positive (P,), bool: all are."""
        random = generator(self._seed, f"pairs {epoch}")
        pairs = np.concatenate(
            [
                disjoint(bag, None if self._pairs_of is None else self._pairs_of[bag], random)
                for bag in self._bags
            ]
        )
        return random.permutation(pairs), np.ones(len(pairs), dtype=bool)


def disjoint(rows: Ints, groups: Ints | None, random: np.random.Generator) -> Ints:
    """Return pairs (P, 2), int64, of some rows, each row in at most one.

    Without groups, there are ⌊n / 2⌋ pairs. With groups, the rows of a pair are of different groups, and there are as
    many pairs as possible.

    Args:
        rows: The rows to pair (n,), int64.
        groups: Group of each row (n,), or ``None``.
        random: Shuffles the rows.
    """
    half = len(rows) // 2
    if groups is None:
        shuffled = random.permutation(rows)
        return np.stack([shuffled[:half], shuffled[half : 2 * half]], axis=1)
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rank = random.permutation(len(sizes))
    # Rows are sorted by group, the largest group first. Each is paired with the row half of all rows further on,
    # which is of the same group only if this group has more than half of the rows.
    rank[np.argmax(sizes)] = -1
    order = np.lexsort((random.random(len(rows)), rank[group]))
    left, right = order[:half], order[len(rows) - half :]
    apart = group[left] != group[right]
    return np.stack([rows[left[apart]], rows[right[apart]]], axis=1)


_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
#: Number of attempts to draw a sentence that shares an entity before all sentences are searched.
_ROUNDS = 8


class EntityPairs:
    """Pairs of sentences of one entity pair, drawn anew in each epoch, and as many negative pairs.

    The sentences of a negative pair share one entity if possible, and otherwise none. Two sentences whose entity pairs
    differ only in the direction are neither a positive nor a negative pair.

    Args:
        corpus: The sentences.
        most: Maximum number of sentences of an entity pair in an epoch, at least 2.
        all_pairs: Whether to use all pairs of these, or each sentence in one pair.
        seed: Random seed of the pairs.

    Attributes:
        statistics: Counts of the pairs, as JSON values.

    Raises:
        InputError: No entity pair has two sentences, or there is only one entity pair.
    """

    def __init__(self, corpus: Corpus, *, most: int, all_pairs: bool, seed: int) -> None:
        self._entities, self._most, self._all_pairs, self._seed = corpus.entities, most, all_pairs, seed
        pairs = corpus.pairs
        self._by_pair = np.argsort(pairs, kind="stable")
        self._sizes = np.unique(pairs, return_counts=True)[1]
        kept = np.minimum(self._sizes, most)
        #: Number of pairs of an epoch, the same in each; half of them are positive.
        self.count = 2 * int((kept * (kept - 1) // 2 if all_pairs else kept // 2).sum())
        low, high = np.sort(self._entities, axis=1).astype(np.int64).T
        self._unordered = low * (int(self._entities.max(initial=0)) + 1) + high
        self._by_unordered = np.argsort(self._unordered, kind="stable")
        self._sorted_unordered = self._unordered[self._by_unordered]
        self._by_entity = np.argsort(self._entities.ravel(), kind="stable") // 2
        self._bounds = np.concatenate([[0], np.cumsum(np.bincount(self._entities.ravel()))])
        if not self.count or self._sorted_unordered[0] == self._sorted_unordered[-1]:
            raise InputError(
                "mtb needs two entity pairs, one of them with two sentences; there are "
                f"{len(self._sizes):,} in {len(pairs):,} sentences, and "
                f"{int((self._sizes > 1).sum()):,} have two or more"
            )
        self.statistics = {
            "entity_pairs": len(self._sizes),
            "entity_pairs_of_one_sentence": int((self._sizes == 1).sum()),
            "sentences": len(pairs),
        }

    def pairs(self, epoch: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the pairs of an epoch (P, 2), int64, and whether each has one entity pair (P,), bool.

        Every second pair is positive.
        """
        random = generator(self._seed, f"pairs {epoch}")
        positive = self._positive(random)
        n = len(self._by_pair)
        # every sentence is an anchor about equally often
        anchors = np.concatenate([random.permutation(n) for _ in range(-(-len(positive) // n))])
        negative = self.negatives(anchors[: len(positive)], random)
        # alternating, so that half of every batch is positive (appendix A)
        both = np.stack([random.permutation(positive), negative], axis=1).reshape(-1, 2)
        return both, np.arange(len(both)) % 2 == 0

    def _positive(self, random: np.random.Generator) -> Ints:
        size = np.repeat(self._sizes, self._sizes)
        start = np.repeat(np.cumsum(self._sizes) - self._sizes, self._sizes)
        rows = self._by_pair[np.lexsort((random.random(len(size)), start))]
        place = np.arange(len(rows)) - start  # of a sentence in its entity pair
        kept = np.minimum(size, self._most)
        distances = range(1, self._most) if self._all_pairs else (1,)
        pairs = []
        for distance in distances:
            first = place + distance < kept
            if not self._all_pairs:
                first &= place % 2 == 0
            at = np.flatnonzero(first)
            pairs.append(np.stack([rows[at], rows[at + distance]], axis=1))
        return np.concatenate(pairs)

    def negatives(self, anchors: Ints, random: np.random.Generator) -> Ints:
        """Return pairs (A, 2), int64, of these sentences with others, which share one entity if possible."""
        partner = np.full(len(anchors), -1, dtype=np.int64)
        for _ in range(_ROUNDS):
            todo = np.flatnonzero(partner < 0)
            sides = random.integers(2, size=len(todo))
            entity = self._entities[anchors[todo], sides]
            begin, end = self._bounds[entity], self._bounds[entity + 1]
            drawn = self._by_entity[begin + (random.random(len(todo)) * (end - begin)).astype(np.int64)]
            good = self.share_one(anchors[todo], drawn)
            partner[todo[good]] = drawn[good]
        for place in np.flatnonzero(partner < 0):
            partner[place] = self._searched(int(anchors[place]), random)
        return np.stack([anchors, partner], axis=1)

    def share_one(self, rows: Ints, others: Ints) -> NDArray[np.bool_]:
        """Return which pairs of sentences (A,) share exactly one entity."""
        mine, other = self._entities[rows], self._entities[others]
        shared = (mine[:, :, None] == other[:, None, :]).any(axis=2)  # (A, 2): head, tail
        exactly_one: NDArray[np.bool_] = shared.sum(axis=1) == 1
        exactly_one &= self._unordered[rows] != self._unordered[others]
        return exactly_one

    def _searched(self, anchor: int, random: np.random.Generator) -> int:
        sharing = np.concatenate(
            [
                self._by_entity[self._bounds[entity] : self._bounds[entity + 1]]
                for entity in self._entities[anchor]
            ]
        )
        good = sharing[self.share_one(np.full(len(sharing), anchor), sharing)]
        if len(good):
            return int(random.choice(good))
        begin, end = (
            int(np.searchsorted(self._sorted_unordered, self._unordered[anchor], side)) for side in _SIDES
        )
        drawn = int(random.integers(len(self._by_unordered) - (end - begin)))
        return int(self._by_unordered[drawn if drawn < begin else drawn + end - begin])
