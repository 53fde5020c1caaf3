"""A sentence in one line of a screen, with both its entities in sight."""

from __future__ import annotations

from rich.text import Text

from relscout.cli.screen import visible
from relscout.instances import Mention, RelationInstance

#: Characters that the marks around both entities and the dots at the ends of an excerpt take.
_MARKS = len("[h ]") + len("[t ]") + len("… … …")


def excerpt(instance: RelationInstance, width: int) -> Text:
    """Return at most about ``width`` characters of a sentence; the entities are marked by brackets and colour.

    Where both do not fit with all that is between them, the middle is left out; an entity that is too long is cut.
    """
    mentions = {"h": instance.head, "t": instance.tail}
    pieces = _pieces(instance, max(width - _MARKS, 20))
    shown = Text()
    for start, end in pieces:
        if start > 0:
            shown.append(" … " if shown else "…")
        for place in range(start, end):
            for role, mention in mentions.items():
                if place == mention.start:
                    shown.append(f"[{role} ", style="dim")
            shown.append(visible(instance.text[place]), style=_style(place, instance))
            for mention in mentions.values():
                if place == mention.end - 1:
                    shown.append("]", style="dim")
        cut = sum(start <= mention.start < end < mention.end for mention in mentions.values())
        shown.append("…]" * cut, style="dim")
    if pieces[-1][1] < len(instance.text):
        shown.append("…")
    return shown


def _style(place: int, instance: RelationInstance) -> str:
    if instance.head.start <= place < instance.head.end:
        return "bold cyan"
    return "bold green" if instance.tail.start <= place < instance.tail.end else ""


def _pieces(instance: RelationInstance, room: int) -> list[tuple[int, int]]:
    """Choose one or two stretches ``[start, end)`` of the text, ``room`` characters in all, that show both entities."""
    length = len(instance.text)
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, -mention.end))
    low, high = first.start, max(first.end, second.end)
    if high - low <= room:
        start = max(min(low - (room - (high - low)) // 2, length - room), 0)
        return [(start, min(start + room, length))]
    half = room // 2
    left = _around(first, half, 0, max(second.start, first.start + 1))
    right = _around(second, room - half, left[1], length)
    return [(left[0], right[1])] if left[1] >= right[0] else [left, right]


def _around(mention: Mention, room: int, lowest: int, highest: int) -> tuple[int, int]:
    spare = max(room - (mention.end - mention.start), 0)
    start = max(mention.start - spare // 2, lowest)
    return start, min(start + room, highest)
