"""Text for people: numbers with their nouns, visible characters, and excerpts of long sentences."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from relscout.core.instances import Mention, RelationInstance

#: Zero-width joiners: invisible, harmless, and needed to spell Persian, Hindi and many an emoji.
_JOINERS = "\u200c\u200d"


def visible(text: str) -> str:
    """Return ``text`` on one line, with control characters (which could steer a terminal) shown as ``·``."""
    return "".join(
        " "
        if character in "\r\n\t"
        else "·"
        if unicodedata.category(character) in ("Cc", "Cs", "Cf") and character not in _JOINERS
        else character
        for character in text
    )


def counted(number: int, what: str) -> str:
    """Return a number with its noun, in the plural unless it is 1: ``1 instance``, ``1,200 instances``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def shortened(text: str, length: int) -> str:
    """Return a text of at most some characters, cut in the middle: names differ at their ends."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


def pieces_of(instance: RelationInstance, room: int) -> list[tuple[int, int]]:
    """Return one or two stretches ``[start, end)``, in total ``room`` characters, that show both entities."""
    text = instance.text
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, -mention.end))
    low, high = first.start, max(first.end, second.end)
    if high - low <= room:
        start = max(min(low - (room - (high - low)) // 2, len(text) - room), 0)
        return [_whole_words(text, start, start + room, low, high)]
    half = room // 2
    start, end = _around(first, half, 0)
    left = _whole_words(text, start, min(end, max(second.start, first.start + 1)), first.start, first.end)
    right = _whole_words(text, *_around(second, room - half, left[1]), second.start, second.end)
    return [(left[0], right[1])] if left[1] >= right[0] else [left, right]


def stretches(instance: RelationInstance, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of ``[start, end)`` in which no mention begins or ends, in order."""
    edges = {edge for mention in (instance.head, instance.tail) for edge in (mention.start, mention.end)}
    return pairwise(sorted({start, end, *(edge for edge in edges if start < edge < end)}))


def _around(mention: Mention, room: int, lowest: int) -> tuple[int, int]:
    spare = max(room - (mention.end - mention.start), 0)
    start = max(mention.start - spare // 2, lowest)
    return start, start + room


def _whole_words(text: str, start: int, end: int, low: int, high: int) -> tuple[int, int]:
    """Move both ends inwards to the next space, where there is one outside of ``[low, high)``."""
    end = min(end, len(text))
    if start > 0:
        start = text.find(" ", start - 1, low) + 1 or start
    if end < len(text) and (gap := text.rfind(" ", high, end + 1)) >= 0:
        end = gap
    return start, end


#: Maximum number of characters of a sentence; longer ones are cut around the entities.
LONGEST = 600


@dataclass(frozen=True)
class Piece:
    """A piece of a sentence.

    Args:
        text: The displayed text.
        role: ``h`` (head), ``t`` (tail), ``ht`` (nested), or empty.
    """

    text: str
    role: str = ""


def pieces(instance: RelationInstance, *, longest: int = LONGEST) -> list[Piece]:
    """Return the pieces of a sentence; control characters and bidirectional marks become dots."""
    shown: list[Piece] = []
    parts = pieces_of(instance, longest) if len(instance.text) > longest else [(0, len(instance.text))]
    for start, end in parts:
        if start > 0:
            shown.append(Piece(" … " if shown else "… "))
        for here, there in stretches(instance, start, end):
            role = "".join(
                name
                for name, mention in (("h", instance.head), ("t", instance.tail))
                if mention.start <= here and there <= mention.end
            )
            if text := visible(instance.text[here:there]):
                shown.append(Piece(text, role))
    if parts[-1][1] < len(instance.text):
        shown.append(Piece(" …"))
    return shown
