"""Texts with character offsets from lists of tokens and from texts with markers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from relscout.core.errors import InputError
from relscout.core.instances import Mention
from relscout.core.surfaces import same_name


class TokenText:
    """Tokens joined to a text, and the character span of any run of them.

    Args:
        tokens: The tokens, none of them empty.
        spaced: For each token whether a blank stands before it; ``None``: a single blank between any two.

    Raises:
        InputError: ``tokens`` is not a non-empty list of strings.
    """

    def __init__(self, tokens: Any, spaced: Sequence[bool] | None = None) -> None:
        if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
            raise InputError("the tokens must be a non-empty list of strings")
        self.tokens: Sequence[str] = tokens
        blanks = [0, *(1 if spaced is None else int(spaced[place]) for place in range(1, len(tokens)))]
        self._ends = list(accumulate(blank + len(token) for blank, token in zip(blanks, tokens, strict=True)))
        self._starts = [end - len(token) for end, token in zip(self._ends, tokens, strict=True)]
        self.text = "".join(" " * blank + token for blank, token in zip(blanks, tokens, strict=True))

    def mention(
        self, role: str, start: Any, end: Any, *, type: str | None = None, entity_id: str | None = None
    ) -> Mention:
        """Return the mention that covers tokens ``start`` to ``end`` (exclusive).

        Raises:
            InputError: The indices are not integers with ``0 <= start < end <= number of tokens``, or the tokens are
                blank.
        """
        if type_error := [
            value for value in (start, end) if not isinstance(value, int) or isinstance(value, bool)
        ]:
            raise InputError(f"{role} token span has {type_error[0]!r} where a whole number was expected")
        if not 0 <= start < end <= len(self.tokens):
            raise InputError(
                f"{role} token span [{start}, {end}) does not fit the {len(self.tokens)} tokens; "
                "expected 0 <= start < end <= number of tokens, with the end exclusive"
            )
        mention = Mention(self._starts[start], self._ends[end - 1], type, entity_id)
        if not mention.surface(self.text).strip():
            raise InputError(f"{role} token span [{start}, {end}) covers only white space")
        return mention


def check_surface(role: str, found: str, expected: Any) -> None:
    """Compare the text under a span with the entity name that the format gives.

    Case, spacing and Unicode form (NFC) are ignored.

    White space at the edges of the span only does count: a span that includes the space after the entity is off
    by one.

    Raises:
        InputError: They differ, which usually means that a span is off by one.
    """
    if not isinstance(expected, str) or not same_name(found, expected):
        raise InputError(
            f"{role} span covers {found!r}, but the record names the {role} {expected!r}; "
            "is the span off by one, or its end inclusive where this format has it exclusive?"
        )
    if found != found.strip() and expected == expected.strip():
        raise InputError(
            f"{role} span covers {found!r} with white space at its edge, but the record names the {role} "
            f"{expected!r}; is the span off by one?"
        )


_CLITIC = re.compile(r"(?:['’](?:s|m|d|ll|re|ve|em)|n['’]t)", re.IGNORECASE)
#: Marks that follow the word before them: closing brackets and quotation marks, and marks that end a clause.
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
    """Return whether a straight quotation mark joins the token before it, and the token after it."""
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


class Markup:
    """A marked text and the parts of it that are markers.

    Args:
        marked: The text with its markers.
        markers: ``(start, end)`` of every marker in ``marked``, with the blanks that belong to it.

    Raises:
        InputError: Two markers overlap.
    """

    def __init__(self, marked: str, markers: Iterable[tuple[int, int]]) -> None:
        cuts = sorted(markers)
        for (_, end), (start, _) in pairwise(cuts):
            if start < end:
                raise InputError(f"two markers share characters at {marked[start:end]!r}, character {start}")
        edges = [0, *(edge for cut in cuts for edge in cut), len(marked)]
        self.text = "".join(marked[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
        self._ends = [end for _, end in cuts]
        self._removed = [0, *accumulate(end - start for start, end in cuts)]

    def offset(self, position: int) -> int:
        """Return where a position of the marked text, itself not inside a marker, lies in :attr:`text`."""
        return position - self._removed[bisect_right(self._ends, position)]
