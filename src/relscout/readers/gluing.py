"""Tokens of English text glued back to the text that they were cut from, as far as the tokens say."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLITIC = re.compile(r"(?:['’](?:s|m|d|ll|re|ve|em)|n['’]t)", re.IGNORECASE)
#: Marks that follow the word before them: closing brackets and quotation marks, and what ends a clause.
_CLOSING = re.compile(r"[)\]}”’″,;:.!?%…]+")
_OPENING = re.compile(r"[(\[{“‘]+")
_BOTH_SIDES = frozenset("-/—")
_BEFORE_NUMBERS = frozenset("$£€¥#°")


def blanks_before(tokens: Sequence[str]) -> list[bool]:
    """Return for each token whether a blank stands before it in running text.

    Brackets, quotation marks, punctuation and clitics (``'s``, ``n't``) join the word that they belong to. Straight
    quotation marks open and close in turn; a single one after an s that closes nothing is a possessive. A hyphen,
    slash or em dash joins both neighbours, an en dash two numbers. Empty and blank tokens join the word before
    them, and a blank follows.

    Args:
        tokens: The tokens of one sentence.
    """
    spaced: list[bool] = []
    joins_next = True  # nothing stands before the first token
    opened = {'"': False, "'": False}
    for place, here in enumerate(tokens):
        if not here.strip():
            spaced.append(False)
            joins_next = not "".join(tokens[:place]).strip()
            continue
        before = tokens[place - 1] if place else ""
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        joins = _CLOSING.fullmatch(here) is not None or _CLITIC.fullmatch(here) is not None
        opens = _OPENING.fullmatch(here) is not None
        if here in opened:
            joins, opens = _quotation_mark(here, before, tokens[place + 1 :], opened[here])
            opened[here] = opens
        elif here in _BOTH_SIDES or (here == "–" and _is_range(before, tokens[place + 1 : place + 3])):
            joins = opens = bool(before and after)
        elif here in _BEFORE_NUMBERS:
            opens = after[:1].isdigit() or here == "°"
        elif here == ".-":
            joins = opens = True
        spaced.append(not (joins or joins_next))
        joins_next = opens
    return spaced


def _quotation_mark(mark: str, before: str, after: Sequence[str], is_open: bool) -> tuple[bool, bool]:
    """Return whether a straight quotation mark joins the token before it, and whether the one after it."""
    if is_open or not after:
        return True, False
    if mark == "'" and before.endswith(("s", "x", "z")):
        return True, False
    return False, True


def _is_range(before: str, after: Sequence[str]) -> bool:
    # "1878 – 79" is one range; "1911 – 5 February 1971" is two dates
    if not (before.isdigit() and after and after[0].isdigit()):
        return False
    return len(after) < 2 or not after[1][:1].isupper()
