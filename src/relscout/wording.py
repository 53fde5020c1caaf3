"""Words for a person to read, on a screen or a page."""

from __future__ import annotations

import unicodedata

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
    """Return a number with its noun, in the plural where it is not one: ``1 instance``, ``1,200 instances``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
