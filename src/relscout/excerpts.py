"""Which part of a long text is shown, so that both entities are in sight."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from relscout.instances import Mention, RelationInstance


def pieces_of(instance: RelationInstance, room: int) -> list[tuple[int, int]]:
    """Choose one or two stretches ``[start, end)`` of the text, ``room`` characters in all, that show both entities."""
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
