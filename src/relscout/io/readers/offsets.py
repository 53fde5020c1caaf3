"""How a file counts the offsets of its mentions, and a check that the mentions lie on whole words."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, Literal

from relscout.core.errors import InputError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.core.surfaces import cuts_word, same_name

Offsets = Literal[
    "characters",
    "utf-16",
    "utf-8",
    "inclusive",
    "from-1",
    "from-1-inclusive",
    "crlf-as-one",
    "crlf-as-two",
]

#: Name of each convention → what its offsets count.
CONVENTIONS: Final[dict[Offsets, str]] = {
    "characters": "characters from 0, the end exclusive",
    "utf-16": "UTF-16 units, as JavaScript, Java and C# count",
    "utf-8": "UTF-8 bytes",
    "inclusive": "characters from 0, the end inclusive",
    "from-1": "characters from 1, the end exclusive",
    "from-1-inclusive": "characters from 1, the end inclusive",
    "crlf-as-one": "characters, with each CRLF line end counted as one",
    "crlf-as-two": "characters, with each single-character line end counted as two",
}
#: Numbers that a convention adds to the start and to the end. Conventions that are not listed count other units.
_MOVED: Final[dict[Offsets, tuple[int, int]]] = {
    "characters": (0, 0),
    "inclusive": (0, 1),
    "from-1": (-1, -1),
    "from-1-inclusive": (-1, 0),
}
#: Encoding of the units of two conventions, and the bytes of a unit.
_BYTES: Final[dict[Offsets, tuple[str, int]]] = {"utf-16": ("utf-16-le", 2), "utf-8": ("utf-8", 1)}
#: Length up to which encoding a text for each span is faster than counting its characters once.
_SHORT = 2_000
#: Users are warned above this share of mentions that cut a word, whether another convention fits or not.
MOST_CUT = 0.02
#: Share of these that a convention must repair to be suggested.
_REPAIRED = 0.8
_SHOWN = 3


def check_convention(offsets: str) -> None:
    """Raise an UnknownNameError if there is no such convention."""
    if offsets not in CONVENTIONS:
        raise UnknownNameError("convention of offsets", offsets, CONVENTIONS)


class Units:
    """Offsets of a text in units other than characters.

    Args:
        text: The text.
        offsets: Their unit.
    """

    def __init__(self, text: str, offsets: Offsets) -> None:
        if offsets == "utf-16":
            widths = (2 if character > "\uffff" else 1 for character in text)
        elif offsets == "utf-8":
            widths = (
                1 + (character > "\x7f") + (character > "\u07ff") + (character > "\uffff")
                for character in text
            )
        elif offsets == "crlf-as-one":
            widths = (int(text[place : place + 2] != "\r\n") for place in range(len(text)))
        else:
            widths = (
                2 if character == "\n" and text[place - 1 : place] != "\r" else 1
                for place, character in enumerate(text)
            )
        self._starts = array("Q", accumulate(widths, initial=0))

    @property
    def length(self) -> int:
        """Length of the text in units."""
        return self._starts[-1]

    def offset(self, units: int) -> int:
        """Return an offset in characters.

        An offset inside a character becomes that of the character; one past the end stays as far past it.
        """
        if units > self.length:
            return len(self._starts) - 1 + units - self.length
        place = bisect_left(self._starts, units)
        return place if self._starts[place] == units else place - 1


@lru_cache(maxsize=16)
def units_of(text: str, offsets: Offsets) -> Units:
    """Return the units of a text; those of recent texts are cached."""
    return Units(text, offsets)


def length_of(text: str, offsets: Offsets) -> int:
    """Return the length of a text in the units that a convention counts."""
    return len(text) if offsets in _MOVED else units_of(text, offsets).length


def in_characters(text: str, start: int, end: int, offsets: Offsets) -> tuple[int, int]:
    """Return a span in characters from 0, the end exclusive; it may lie outside the text."""
    if offsets in _MOVED:
        first, last = _MOVED[offsets]
        return start + first, end + last
    if _same_as_characters(text, offsets):
        return start, end
    if offsets in _BYTES and len(text) <= _SHORT and 0 <= start <= end:
        codec, per_unit = _BYTES[offsets]
        encoded = text.encode(codec, "surrogatepass")
        if end * per_unit <= len(encoded):
            first, last = (len(encoded[: edge * per_unit].decode(codec, "ignore")) for edge in (start, end))
            return first, last
    units = units_of(text, offsets)
    return units.offset(start), units.offset(end)


def placed(
    role: str,
    text: str,
    start: int,
    end: int,
    offsets: Offsets,
    *,
    type: str | None = None,
    entity_id: str | None = None,
    surface: Any = None,
) -> Mention:
    """Return the mention at ``[start, end)`` of a text, in the offsets of a file.

    Raises:
        InputError: The span does not fit the text.
    """
    first, last = in_characters(text, start, end, offsets)
    if not 0 <= first < last <= len(text):
        expected = (
            "in characters, with the end exclusive" if offsets == "characters" else CONVENTIONS[offsets]
        )
        fitting = _suggestion(text, start, end, surface) if offsets == "characters" else ""
        raise InputError(
            f"{role} span [{start}, {end}) does not fit the text of {len(text)} characters; "
            f"expected 0 <= start < end <= length, {expected}{'; ' if fitting else ''}{fitting}"
        )
    return Mention(first, last, type, entity_id)


def check_mention(role: str, text: str, mention: Mention, expected: Any, offsets: Offsets) -> None:
    """Compare a mention with the entity name that the record gives.

    Raises:
        InputError: They differ; the error says which convention of offsets would fit, if one does.
    """
    covered = mention.surface(text)
    if covered == expected:
        return
    from relscout.io.readers.tokens import check_surface

    try:
        check_surface(role, covered, expected)
    except InputError as error:
        fitting = _suggestion(text, mention.start, mention.end, expected) if offsets == "characters" else ""
        if not fitting:
            raise
        raise InputError(f"{error} {fitting[0].upper()}{fitting[1:]}") from error


def _suggestion(text: str, start: int, end: int, surface: Any) -> str:
    """Return a sentence that names the convention in which a span covers a surface, or, without one, whole words."""
    for name, counted in CONVENTIONS.items():
        first, last = in_characters(text, start, end, name)
        if (first, last) == (start, end) or not 0 <= first < last <= len(text):
            continue
        if isinstance(surface, str):
            covered = text[first:last]
            fits = same_name(covered, surface) and covered == covered.strip()
        else:
            fits = not cuts_word(text, first, last)
        if fits:
            return f"it fits if the offsets count {counted}: {_option(name)}"
    return ""


def _option(name: str) -> str:
    return f"read the file with --offsets {name} (relscout.read(path, offsets={name!r}))"


@lru_cache(maxsize=16)
def _same_as_characters(text: str, offsets: Offsets) -> bool:
    """Return whether a convention counts the same as characters in a text."""
    if offsets == "utf-16":
        return text.isascii() or max(text) <= "\uffff"
    if offsets == "utf-8":
        return text.isascii()
    return ("\r\n" if offsets == "crlf-as-one" else "\n") not in text


class OffsetCheck:
    """Counts the mentions that begin or end inside a word or on a blank, as read and in every other convention.

    Args:
        offsets: How the offsets were read.

    Attributes:
        mentions: Number of different mentions.
        cut: How many of them begin or end inside a word or on a blank.
    """

    def __init__(self, offsets: Offsets = "characters") -> None:
        self.mentions = self.cut = 0
        self._offsets = offsets
        self._cut_by: Counter[Offsets] = Counter()
        self._examples: list[str] = []
        self._last: tuple[str, set[tuple[int, int]]] = ("", set())

    def add(self, instance: RelationInstance) -> None:
        """Count the mentions of an instance, except those of the previous instance of the same text."""
        text = instance.text
        if self._last[0] != text:
            self._last = text, set()
        for mention in (instance.head, instance.tail):
            span = mention.start, mention.end
            if span in self._last[1]:
                continue
            self._last[1].add(span)
            self.mentions += 1
            cut = cuts_word(text, *span)
            self.cut += cut
            if cut and len(self._examples) < _SHOWN:
                place = f" ({instance.source})" if instance.source else ""
                self._examples.append(f"{mention.surface(text)!r:.60}{place}")
            if self._offsets == "characters":
                self._count_others(text, span, cut=cut)

    def _count_others(self, text: str, span: tuple[int, int], *, cut: bool) -> None:
        for name in CONVENTIONS:
            if name in _MOVED:
                first, last = span[0] + _MOVED[name][0], span[1] + _MOVED[name][1]
            elif _same_as_characters(text, name):
                self._cut_by[name] += cut
                continue
            else:
                first, last = in_characters(text, *span, name)
            self._cut_by[name] += not 0 <= first < last <= len(text) or cuts_word(text, first, last)

    @property
    def fitting(self) -> Offsets | None:
        """The convention that repairs most of the mentions that cut a word; ``None`` if none does."""
        if not self.cut or self._offsets != "characters":
            return None
        name = min(CONVENTIONS, key=lambda convention: self._cut_by[convention])
        return name if self._cut_by[name] <= (1 - _REPAIRED) * self.cut else None

    def warning(self) -> str | None:
        """Return a warning; ``None`` if the mentions lie on whole words."""
        fitting = self.fitting
        if not self.cut or (fitting is None and self.cut <= MOST_CUT * self.mentions):
            return None
        counted = (
            f"{self.cut:,} of {self.mentions:,} mentions ({self.cut / self.mentions:.0%}) begin or end inside a word "
            f"or on a blank, such as {', '.join(self._examples)}"
        )
        if fitting is None:
            if self._offsets != "characters":
                return f"{counted}; the offsets were read as {CONVENTIONS[self._offsets]}"
            return f"{counted}; check what the offsets count ({', '.join(CONVENTIONS)}; --offsets)"
        return (
            f"{counted}; {self.cut - self._cut_by[fitting]:,} of these fit if the offsets count "
            f"{CONVENTIONS[fitting]}: {_option(fitting)}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the counts and the convention that fits as JSON values."""
        return {"mentions": self.mentions, "cut": self.cut, "fitting": self.fitting}


def checked(
    instances: Iterable[RelationInstance],
    offsets: Offsets = "characters",
    *,
    warn: Callable[[str], None],
) -> Iterator[RelationInstance]:
    """Yield instances, and warn at their end if their mentions do not lie on whole words.

    Args:
        instances: The instances of one input.
        offsets: How their offsets were read.
        warn: Called with the warning.
    """
    check = OffsetCheck(offsets)
    for instance in instances:
        check.add(instance)
        yield instance
    if (warning := check.warning()) is not None:
        warn(warning)
