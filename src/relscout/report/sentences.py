"""A sentence as the page shows it: cut where it is long, in pieces that are head, tail, both or neither."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.excerpts import pieces_of, stretches
from relscout.instances import RelationInstance
from relscout.wording import visible

#: Characters of a sentence that are shown; what is longer is cut around the entities.
LONGEST = 600


@dataclass(frozen=True)
class Piece:
    """A stretch of a sentence.

    Args:
        text: What is shown.
        role: ``h`` (head), ``t`` (tail), ``ht`` (one lies inside the other), or empty.
    """

    text: str
    role: str = ""


def pieces(instance: RelationInstance, *, longest: int = LONGEST) -> list[Piece]:
    """Return a sentence in pieces; control characters, and marks that turn the direction of writing, are dots."""
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


def place_of(instance: RelationInstance) -> str:
    """Return where an instance was read: document, file and line, and the character at which its sentence begins."""
    document = instance.document if instance.document not in instance.source else ""
    start = "" if instance.document_start is None else f"character {instance.document_start:,}"
    return ", ".join(filter(None, (document, instance.source, start)))
