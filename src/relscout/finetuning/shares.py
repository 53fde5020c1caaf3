"""A share of the training data that keeps every relation, drawn anew by each seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

from relscout.errors import SettingError
from relscout.instances import RelationInstance, canonical_order
from relscout.seeding import generator


def count_of(share: float, of: int) -> int:
    """Return how many a share of some is, rounded up, so at least one where there are any.

    Args:
        share: Above 0, up to 1.
        of: How many there are, at least 0.
    """
    # 0.07 · 100 is a little more than 7 in binary numbers
    return ceil(round(share * of, 9))


def drawn_share(train: Sequence[RelationInstance], share: float, *, seed: int) -> list[RelationInstance]:
    """Draw a share of the instances of each relation, rounded up, so at least one (Peng et al. 2020, appendix B).

    The order of the instances decides nothing; those that are drawn stay in it.

    Args:
        train: Labelled instances; one without a gold relation is kept, for whoever refuses it.
        share: Above 0, up to 1, which draws all.
        seed: Decides which.

    Raises:
        SettingError: The share is out of range.
    """
    if not 0 < share <= 1:
        raise SettingError(f"share is {share}, expected a number above 0 and up to 1, such as 0.1")
    of_relation: defaultdict[str | None, list[int]] = defaultdict(list)
    for place in canonical_order(train):
        of_relation[train[place].relation].append(place)
    drawn: list[int] = of_relation.pop(None, [])
    # by the first instance of each relation, so that names decide nothing
    for number, places in enumerate(of_relation.values()):
        order = generator(seed, f"share {number}").permutation(len(places))
        drawn += [places[one] for one in order[: count_of(share, len(places))]]
    return [train[place] for place in sorted(drawn)]
