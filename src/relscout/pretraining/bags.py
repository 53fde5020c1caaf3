"""Pairs of sentences of one relation (Peng et al. 2020, section 3.1 and appendix A): the "bag" sampler of CP."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError
from relscout.pretraining.corpus import Corpus
from relscout.seeding import generator

Ints = NDArray[np.int64]


class Bags:
    """The sentences of each relation, which every epoch pairs anew.

    In an epoch each sentence is in one pair at most, so that relations come in proportion to their sentences.

    Args:
        corpus: The sentences.
        distinct_pairs: Whether the two sentences of a pair name different entity pairs.
        seed: Draws the pairs.

    Attributes:
        told: What a user should know of the pairs, as JSON values.

    Raises:
        InputError: There is no pair, or only one relation that has some.
    """

    def __init__(self, corpus: Corpus, *, distinct_pairs: bool, seed: int) -> None:
        self._seed = seed
        order = np.argsort(corpus.relation, kind="stable")
        counts = np.bincount(corpus.relation, minlength=len(corpus.relations))
        bags = np.split(order, np.cumsum(counts)[:-1])
        self._pairs_of = corpus.pairs if distinct_pairs else None
        self._bags = [bag for bag in bags if len(bag) > 1]
        self.told = {
            "relations": len(self._bags),
            "relations_of_one_sentence": sum(len(bag) == 1 for bag in bags),
            "sentences": int(sum(map(len, self._bags))),
        }
        drawn = self.pairs(0)[0] if self._bags else np.empty((0, 2), dtype=np.int64)
        #: Pairs of an epoch, equally many in each.
        self.count = len(drawn)
        if len(np.unique(corpus.relation[drawn])) < 2:
            raise InputError(
                f"cp needs two relations with two sentences{' of different entity pairs' if distinct_pairs else ''} "
                f"each; of {len(corpus.relations)} relations {len(self._bags)} have two sentences"
            )

    def pairs(self, epoch: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the pairs of an epoch (P, 2), int64, shuffled, and that each of them is a positive (P,), bool."""
        random = generator(self._seed, f"pairs {epoch}")
        found = np.concatenate(
            [
                disjoint(bag, None if self._pairs_of is None else self._pairs_of[bag], random)
                for bag in self._bags
            ]
        )
        return random.permutation(found), np.ones(len(found), dtype=bool)


def disjoint(rows: Ints, groups: Ints | None, random: np.random.Generator) -> Ints:
    """Return pairs (P, 2), int64, of some rows, each row in one at most.

    Without groups ⌊n / 2⌋. With groups, no pair is of one group, and there are as many pairs as can be.

    Args:
        rows: What is paired (n,), int64.
        groups: Group of each row (n,), or ``None``.
        random: Shuffles them.
    """
    half = len(rows) // 2
    if groups is None:
        shuffled = random.permutation(rows)
        return np.stack([shuffled[:half], shuffled[half : 2 * half]], axis=1)
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rank = random.permutation(len(sizes))
    # groups lie side by side, the largest first: half of all rows further on, its own rows are met only where it has
    # more than half of them, and those of any other never
    rank[np.argmax(sizes)] = -1
    order = np.lexsort((random.random(len(rows)), rank[group]))
    left, right = order[:half], order[len(rows) - half :]
    apart = group[left] != group[right]
    return np.stack([rows[left[apart]], rows[right[apart]]], axis=1)
