"""Which pairs the network learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of instances.

    Args:
        left: One of each pair (P,).
        right: The other (P,).
        same: Whether they express the same relation (P,), bool; empty where that is not known.
    """

    left: Rows
    right: Rows
    same: NDArray[np.bool_]

    def split(self, n_parts: int) -> list[Pairs]:
        """Return parts of equal size, or almost."""
        arrays = (np.array_split(array, n_parts) for array in (self.left, self.right, self.same))
        return [Pairs(*parts) for parts in zip(*arrays, strict=True)]


class LabelledPairs:
    """Pairs of labelled instances, as many of the same relation as of two different ones.

    Of all pairs, those of one relation are few. Drawn without regard to that, they would teach the network to answer
    that no two instances say the same.

    Args:
        relations: Relation of each instance (N,), int64, from 0; the order of the numbers does not matter.

    Raises:
        InputError: There is only one relation, or no relation has two instances.
    """

    def __init__(self, relations: Rows) -> None:
        self._order = np.argsort(relations, kind="stable")  # place → row, relations one after the other
        sizes = np.bincount(relations)
        of_place = relations[self._order]
        self._size = sizes[of_place]  # of each place, its relation's number of instances
        self._start = (np.cumsum(sizes) - sizes)[of_place]  # and the first place of it
        self._partnered = np.flatnonzero(self._size > 1)
        if len(np.unique(relations)) < 2:
            raise InputError(
                f"the {len(relations)} labelled instances have one relation; give at least two, so that some pairs are "
                "of different ones"
            )
        if not len(self._partnered):
            raise InputError(
                f"each of the {len(sizes)} labelled relations has one instance; give at least two of some, so that "
                "there are pairs of the same relation"
            )

    @property
    def n_alone(self) -> int:
        """Number of relations with one instance, which stand in pairs of different relations only."""
        return len(self._size) - len(self._partnered)

    def draw(self, count: int, random: np.random.Generator) -> Pairs:
        """Return pairs, half of them (of an odd number, one less) of the same relation, shuffled.

        The first of a pair is drawn among all instances that have a partner, the second among all its partners.
        """
        n_same = count // 2
        of_same = random.choice(self._partnered, n_same)
        # one of the others of the relation: skip the place itself
        within = random.integers(self._size[of_same] - 1)
        partner = self._start[of_same] + within
        partner += partner >= of_same
        of_different = random.integers(len(self._order), size=count - n_same)
        # one of all the others: skip the places of the relation
        other = random.integers(len(self._order) - self._size[of_different])
        other += self._size[of_different] * (other >= self._start[of_different])
        shuffled = random.permutation(count)
        left = np.concatenate([of_same, of_different])[shuffled]
        right = np.concatenate([partner, other])[shuffled]
        return Pairs(self._order[left], self._order[right], shuffled < n_same)


def unlabelled_pairs(rows: Rows, count: int, random: np.random.Generator) -> Pairs:
    """Return pairs of two different rows, each as likely as any other; none where there is only one row."""
    if len(rows) < 2:
        none = np.empty(0, dtype=np.int64)
        return Pairs(none, none, none.astype(bool))
    left = random.integers(len(rows), size=count)
    right = random.integers(len(rows) - 1, size=count)
    right += right >= left
    return Pairs(rows[left], rows[right], np.empty(0, dtype=bool))
