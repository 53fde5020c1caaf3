"""A sentence in one line of a screen, with both its entities in sight."""

from __future__ import annotations

from rich.text import Text

from relscout.excerpts import pieces_of, stretches
from relscout.instances import RelationInstance
from relscout.wording import visible

#: Characters that the marks around both entities and the dots at the ends of an excerpt take.
_MARKS = len("[h ]") + len("[t ]") + len("… … …")


def excerpt(instance: RelationInstance, width: int) -> Text:
    """Return at most about ``width`` characters of a sentence; the entities are marked by brackets and colour.

    Where both do not fit with all that is between them, the middle is left out; an entity that is too long is cut.
    """
    pieces = pieces_of(instance, max(width - _MARKS, 20))
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
    for here, there in stretches(instance, start, end):
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
