"""What the name of an entity says: its normal form, its last name, its acronym."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_TITLE_WORDS = (
    "mr mrs ms miss mx dr prof professor sir dame lord lady president senator sen governor gov general gen colonel col "
    "captain capt major maj lieutenant lt sergeant sgt admiral commander minister prime vice chancellor secretary "
    "ambassador mayor judge justice representative rep congressman congresswoman deputy chairman rev reverend rabbi "
    "imam sheikh herr frau monsieur madame mme señor señora signor signora coach former"
)
#: Titles that a single name needs to be the name of this person: Queen Victoria is not just any Victoria.
_ROYAL_WORDS = (
    "king queen prince princess pope saint emperor empress tsar czar sultan duke duchess count countess baron baroness "
    "archduke cardinal bishop archbishop"
)
_TITLES, _ROYAL_TITLES = frozenset(_TITLE_WORDS.split()), frozenset(_ROYAL_WORDS.split())
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
_ARTICLE = re.compile(r"(?:the|an?) (?=\S)")
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’])$", re.IGNORECASE)
_QUOTES = " \"“”„«»‘’'`,;:"
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,}")
_SMALL_WORDS = "of and for the in on at to by de la le du des del der die das und et y e & von van"
_FIRMS = "inc corp corporation company co ltd limited llc plc gmbh ag sa nv"
_LONGEST_ACRONYM = 10


class EntityName(NamedTuple):
    """A mention's name in three forms.

    Args:
        alias: As it is written, without quotes, possessive and the article of a sentence.
        full: The alias without titles.
        norm: What names are compared by.
    """

    alias: str
    full: str
    norm: str


@lru_cache(maxsize=1 << 16)
def entity_name(surface: str, *, person: bool) -> EntityName:
    """Return the forms of a name.

    Args:
        surface: The mention as it stands in the text.
        person: Whether it is the name of a person, which may have titles and initials.
    """
    whole = " ".join(unicodedata.normalize("NFC", surface).split())
    alias = _POSSESSIVE.sub("", whole.strip(_QUOTES)).strip(_QUOTES)
    alias = _ARTICLE.sub("", alias, count=1) if _ARTICLE.match(alias) else alias
    alias = alias or whole
    full = _without_titles(alias) if person else alias
    norm = unicodedata.normalize("NFC", full.casefold())
    norm = _ARTICLE.sub("", norm, count=1) if _ARTICLE.match(norm) else norm
    if person:
        # initials are written with and without dots and spaces: J.R.R. Tolkien, J. R. R. Tolkien
        norm = " ".join(norm.replace(".", ". ").replace(".", "").split()) or norm
    elif _DOTTED.fullmatch(norm):
        norm = norm.replace(".", "")
    return EntityName(alias, full, norm)


def person_tails(norm: str) -> Iterator[str]:
    """Yield the last names that a full name may be shortened to: of ``vincent van gogh``, ``van gogh`` and ``gogh``."""
    words = norm.split()
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    for place in range(1, len(words)):
        yield " ".join(words[place:])


def acronym_of(alias: str) -> str | None:
    """Return the capitals of a name that is an acronym, such as ``"US"`` for ``"U.S."``; ``None`` for other names."""
    letters = alias.replace(".", "")
    plain = 2 <= len(letters) <= _LONGEST_ACRONYM and letters.isalnum() and letters[0].isalpha()
    return letters if plain and letters.upper() == letters and any(map(str.isalpha, letters[1:])) else None


def initials(full: str) -> frozenset[str]:
    """Return the acronyms that a name of several words may have, in capitals."""
    words = [word for word in re.split(r"[\s\-/]+", full) if word[:1].isalnum() or word == "&"]
    found = set()
    for firm in (words, words[:-1] if words and words[-1].casefold().strip(".") in _FIRMS.split() else words):
        large = [word for word in firm if word.casefold() not in _SMALL_WORDS.split()]
        for chosen in (firm, large):
            if len(chosen) > 1:
                found.add("".join(word[0] for word in chosen).upper())
    return frozenset(found)


def stands_for(acronym: str, full: str) -> bool:
    """Return whether a name in brackets may abbreviate the name before it: its letters are there in their order."""
    letters = [char for char in full.casefold() if char.isalnum()]
    if not letters or letters[0] != acronym[0].casefold() or len(letters) <= len(acronym):
        return False
    rest = iter(letters)
    return all(char in rest for char in acronym.casefold())


def _without_titles(alias: str) -> str:
    words = alias.split()
    while len(words) > 1:
        first = words[0].casefold().rstrip(".")
        if first not in _TITLES and not (first in _ROYAL_TITLES and len(words) > 2):
            break
        words.pop(0)
    return " ".join(words)
