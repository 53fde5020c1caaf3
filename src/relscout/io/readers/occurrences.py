"""Where two strings stand in a text, for formats that give triples without offsets."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice

from relscout.core.errors import InputError
from relscout.core.surfaces import cuts_word, occurrences
from relscout.io.readers.source import shorten

#: Maximum number of occurrences of a string to consider.
_MOST = 1_000


def nearest_pair(text: str, head: str, tail: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the spans of two strings in a text.

    Whole words are preferred to parts of longer words. Of several occurrences, the two nearest to each other that share
    no characters are chosen, and the first of equally near ones. If one string occurs only inside the other, as *Paris*
    in *University of Paris*, the first such place is chosen. Case is ignored only if a string does not occur otherwise;
    strings are compared in Unicode NFC.

    Raises:
        InputError: A string is empty or does not occur, or both are the same and occur once.
    """
    heads, tails = _occurrences("head", head, text), _occurrences("tail", tail, text)
    # whole words come first; parts of longer words count only if there is nothing else
    for ones, others in ((heads[0], tails[0]), (heads[1], tails[1])):
        if (apart := _apart(ones, others)) is not None:
            return apart
    for first in heads[1]:
        for second in tails[1][max(bisect_left(tails[1], (first[0] - len(tail), 0)), 0) :]:
            if second[0] >= first[1]:
                break
            nested = (first[0] <= second[0] and second[1] <= first[1]) or (
                second[0] <= first[0] and first[1] <= second[1]
            )
            if nested and first != second:
                return first, second
    if head == tail:
        raise InputError(
            f"head and tail are both {shorten(head)}, which occurs once in the text {shorten(text)}"
        )
    raise InputError(f"the head {shorten(head)} and the tail {shorten(tail)} overlap wherever they occur")


def _apart(
    heads: list[tuple[int, int]], tails: list[tuple[int, int]]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    best = None
    for head in heads:
        place = bisect_left(tails, head)
        # the last tails that begin before the head, and the first that begin after its start
        near = [*reversed(tails[max(place - 2, 0) : place]), *islice(tails, place, place + 2)]
        after = bisect_left(tails, (head[1], 0))
        for tail in (*near, *tails[after : after + 1]):
            gap = max(tail[0] - head[1], head[0] - tail[1])
            if gap >= 0 and (best is None or gap < best[0]):
                best = gap, head, tail
    return None if best is None else best[1:]


def _occurrences(role: str, surface: str, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the preferred occurrences, and all occurrences."""
    if not surface.strip():
        raise InputError(f"the {role} is empty; expected the entity as it stands in the text")
    spans = occurrences(surface, text, most=_MOST)
    if not spans:
        folded = text.casefold()
        if len(folded) == len(text):
            spans = occurrences(surface.casefold(), folded, most=_MOST)
    if not spans:
        raise InputError(f"the {role} {shorten(surface)} does not occur in the text {shorten(text)}")
    whole = [place for place in spans if not cuts_word(text, *place)]
    return whole or spans, spans
