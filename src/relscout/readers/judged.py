"""The pairs without a relation of formats in which somebody has judged every pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from relscout.instances import Mention

#: Relation of a pair that the gold data does not relate.
NO_RELATION = "no_relation"
#: Unrelated pairs of one mention with those that follow it: a text of thousands of mentions gives no millions of pairs.
MOST_FOLLOWERS = 60

Key = TypeVar("Key")


def unrelated_pairs(
    mentions: Iterable[tuple[Key, Mention]], left_out: Callable[[Key, Key], bool]
) -> Iterator[tuple[tuple[Key, Mention], tuple[Key, Mention]]]:
    """Yield each unordered pair of mentions once, the earlier one first, in the order of the text.

    Two mentions of the same span, and two that cross, are no pair. Each mention is paired with at most
    :data:`MOST_FOLLOWERS` that follow it.

    Args:
        mentions: The mentions of one sentence with what identifies each, in any order.
        left_out: Whether two are related, or the same entity; asked with their identifications, in the order of the
            text.
    """
    in_order = sorted(mentions, key=lambda one: (one[1].start, one[1].end))
    for place, first in enumerate(in_order):
        for second in islice(in_order, place + 1, place + 1 + MOST_FOLLOWERS):
            same = (first[1].start, first[1].end) == (second[1].start, second[1].end)
            if not (same or first[1].crosses(second[1]) or left_out(first[0], second[0])):
                yield first, second
