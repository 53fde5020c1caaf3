"""A sentence in one line of a screen, with both its entities in sight."""

from __future__ import annotations

from itertools import pairwise

from rich.text import Text

from relscout.cli.screen import visible
from relscout.instances import Mention, RelationInstance

#: Characters that the marks around both entities and the dots at the ends of an excerpt take.
_MARKS = len("[h ]") + len("[t ]") + len("… … …")


def excerpt(instance: RelationInstance, width: int) -> Text:
    """Return at most about ``width`` characters of a sentence; the entities are marked by brackets and colour.

    Where both do not fit with all that is between them, the middle is left out; an entity that is too long is cut.
    """
    pieces = _pieces(instance, max(width - _MARKS, 20))
    shown = Text()
    for start, end in pieces:
        if start > 0:
            shown.append(" … " if shown else "…")
        _append(shown, instance, start, end)
    if pieces[-1][1] < len(instance.text):
        shown.append("…")
    return shown


def _append(shown: Text, instance: RelationInstance, start: int, end: int) -> None:
    mentions = {"h": instance.head, "t": instance.tail}
    edges = {edge for mention in mentions.values() for edge in (mention.start, mention.end)}
    stops = sorted({start, end, *(edge for edge in edges if start < edge < end)})
    for here, there in pairwise(stops):
        for role, mention in mentions.items():
            if mention.start == here:
                shown.append(f"[{role} ", style="dim")
        shown.append(visible(instance.text[here:there]), style=_style(here, instance))
        for mention in mentions.values():
            if mention.start < start:
                continue  # it was opened, and closed, in the stretch before
            if mention.end == there:
                shown.append("]", style="dim")
            elif mention.start <= here and there == end < mention.end:
                shown.append("…]", style="dim")


def _style(place: int, instance: RelationInstance) -> str:
    if instance.head.start <= place < instance.head.end:
        return "bold cyan"
    return "bold green" if instance.tail.start <= place < instance.tail.end else ""


def _pieces(instance: RelationInstance, room: int) -> list[tuple[int, int]]:
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
