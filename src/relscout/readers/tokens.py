"""From a list of tokens to a text with character offsets, for formats that know only tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from relscout.errors import InputError
from relscout.instances import Mention


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
        found = Mention(self._starts[start], self._ends[end - 1], type, entity_id)
        if not found.surface(self.text).strip():
            raise InputError(f"{role} token span [{start}, {end}) covers only white space")
        return found


def check_surface(role: str, found: str, expected: Any) -> None:
    """Compare the text under a span with the entity name that the format gives, ignoring case and spacing.

    White space that only the span has at its edges does count: a span that takes in the space behind the
    entity is off by one.

    Raises:
        InputError: They differ, which usually means that a span is off by one.
    """
    if not isinstance(expected, str) or _comparable(found) != _comparable(expected):
        raise InputError(
            f"{role} span covers {found!r}, but the record names the {role} {expected!r}; "
            "is the span off by one, or its end inclusive where this format has it exclusive?"
        )
    if found != found.strip() and expected == expected.strip():
        raise InputError(
            f"{role} span covers {found!r} with white space at its edge, but the record names the {role} "
            f"{expected!r}; is the span off by one?"
        )


def _comparable(name: str) -> str:
    return "".join(name.split()).casefold()
