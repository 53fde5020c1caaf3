"""What is said around two mentions, cut into pieces."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.instances import RelationInstance
from relscout.naming.words import pieces

#: Words that are looked at before the first and behind the second mention.
REACH = 4
#: A longer text between the mentions keeps this many pieces at each of its ends.
_KEEP = 15
#: Stands for what was left out.
CUT = "\x01"
_BRACKETS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Context:
    """The text of one instance in pieces: the mentions, and what stands around them in text order."""

    head_first: bool
    before: tuple[str, ...]
    between: tuple[str, ...]
    after: tuple[str, ...]
    mentions: tuple[str, ...]


def context(instance: RelationInstance) -> Context:
    """Cut the text around the mentions of an instance into pieces."""
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, -mention.end))
    text, end = instance.text, max(first.end, second.end)
    between = _without_brackets(pieces(text[first.end : second.start]))
    if len(between) > 2 * _KEEP:
        between = [*between[:_KEEP], CUT, *between[-_KEEP:]]
    return Context(
        head_first=first is instance.head,
        # 80 characters hold REACH words unless they are very long
        before=tuple(pieces(text[max(0, first.start - 80) : first.start])[-REACH:]),
        between=tuple(between),
        after=tuple(pieces(text[end : end + 80])[:REACH]),
        mentions=tuple(pieces(f"{instance.head_text} {instance.tail_text}")),
    )


def _without_brackets(words: list[str]) -> list[str]:
    """Leave out what stands in closed brackets, such as dates of birth."""
    kept: list[str] = []
    opened: list[int] = []
    for word in words:
        if word in _BRACKETS and opened:
            del kept[opened.pop() :]
            continue
        if word in _BRACKETS.values():
            opened.append(len(kept))
        kept.append(word)
    return kept
