"""One line of N-Triples (W3C Recommendation "RDF 1.1 N-Triples", 2014)."""

from __future__ import annotations

import re
from typing import NamedTuple

from relscout.errors import InputError

_IRI, _BLANK = r"<([^<>\"{}|^`\x00-\x20]*)>", r"_:[^\s<>\"]+"
_STATEMENT = re.compile(
    rf"\s*(?:{_IRI}|{_BLANK})\s*{_IRI}\s*"
    rf"(?:{_IRI}|{_BLANK}|\"((?:[^\"\\]|\\.)*)\"(?:@([A-Za-z0-9-]+)|\^\^<[^<>]*>)?)\s*\.\s*(?:\#.*)?"
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SHORT = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}

#: Predicates whose literals are names of their subjects.
LABELS = frozenset(
    {
        "http://www.w3.org/2000/01/rdf-schema#label",
        "http://www.w3.org/2004/02/skos/core#prefLabel",
        "http://www.w3.org/2004/02/skos/core#altLabel",
    }
)


class Statement(NamedTuple):
    """Subject, predicate and object of a line; what is not there is ``None``."""

    subject: str | None
    """IRI of the subject; ``None`` for a blank node."""
    predicate: str
    """IRI of the predicate."""
    target: str | None
    """IRI of the object; ``None`` for a blank node or a literal."""
    literal: str | None
    """The object's text where it is a literal."""
    language: str
    """The language tag of the literal, in small letters; empty where it has none."""


def parse(line: str) -> Statement | None:
    """Return what a line states; ``None`` for a comment.

    Raises:
        InputError: The line is not N-Triples.
    """
    found = _STATEMENT.fullmatch(line)
    if found is None:
        if line.lstrip().startswith("#"):
            return None
        raise InputError(f"not N-Triples: {line.strip()[:80]!r}; expected <subject> <predicate> <object> .")
    subject, predicate, target, literal, language = found.groups()
    if "\\" in line:
        subject, predicate, target, literal = (
            None if part is None else _ESCAPE.sub(_character, part) for part in found.groups()[:4]
        )
    return Statement(subject, predicate, target, literal, (language or "").lower())


def is_statement(line: str) -> bool:
    """Tell whether a line is a statement of N-Triples."""
    return _STATEMENT.fullmatch(line) is not None


def _character(escape: re.Match[str]) -> str:
    four, eight, short = escape.groups()
    if short is not None:
        return _SHORT.get(short, short)
    code = int(four or eight, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise InputError(f"the escape {escape[0]!r} is no Unicode character")
    return chr(code)
