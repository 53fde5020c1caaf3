"""Words of a phrase: how they are cut, which say nothing on their own, which are one word in two forms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

_MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0981-\u0ddf\u0e31-\u0e4e"
_LETTERS = rf"[^\W\d_][\w{_MARKS}]*"
#: Scripts that are written without spaces are cut into characters.
_SCRIPT = "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_UNSPACED = re.compile(f"({_SCRIPT})")
_UNSPACED_GAP = re.compile(f"(?<={_SCRIPT}) (?={_SCRIPT})")
_PIECE = re.compile(rf"['’]s\b|{_LETTERS}(?:['’\u2010-](?!s\b){_LETTERS})*|\d[\w.,:]*|[^\w\s]")


def words(listed: str) -> frozenset[str]:
    """Return words that are listed with blanks between them."""
    return frozenset(listed.split())


ARTICLES = words("a an the")
POSSESSIVES = words("his her its their our my your")
CONJUNCTIONS = words("and or but nor yet so because while although though if than")
RELATIVES = words("who whom whose which that where when what how why")
PREPOSITIONS = words(
    "of in on at by to from for with as into onto over under about between through during after before "
    "against within without near around across along behind beyond via per since until upon toward "
    "towards among out up down off inside outside"
)
AUXILIARIES = words(
    "be is are was were been being am have has had having do does did doing done will would shall "
    "should can could may might must"
)
_OTHERS = words(
    "he she it they we i you him them us me himself herself itself themselves this these those there "
    "here one such same other others another both all each every any some no not only also then later "
    "now too very more most much many several just even still again already however ever never often "
    "well n't etc year years month months week weeks day days hour hours "
    "first second third fourth fifth sixth seventh eighth ninth tenth two three four five "
    "six seven eight nine ten last next own january february march april june july august september "
    "october november december jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday "
    "wednesday thursday friday saturday sunday"
)
DATES = words(
    "january february march april may june july august september october november december jan feb mar "
    "apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday"
)
STOP_WORDS = (
    ARTICLES | POSSESSIVES | CONJUNCTIONS | RELATIVES | PREPOSITIONS | AUXILIARIES | _OTHERS | DATES | {"'s"}
)

_FAMILIES = """
a an the|his her its their|be is are was were been being am|have has had having|bear bore born borne
become became becoming|begin began begun beginning|break broke broken|bring brought|build built
buy bought|catch caught|choose chose chosen|come came coming|deal dealt|draw drew drawn
drive drove driven|eat ate eaten|fall fell fallen|fight fought|find found|fly flew flown
get got gotten getting|give gave given giving|go went gone|grow grew grown|hold held|keep kept
know knew known|lay laid|lead led|leave left leaving|lend lent|lie lay lain|lose lost losing
make made making|meet met|pay paid|ride rode ridden|rise rose risen|run ran running|say said|see saw seen
sell sold|send sent|shoot shot|sing sang sung|sink sank sunk|sit sat|speak spoke spoken|spend spent
stand stood|steal stole stolen|strike struck|swear swore sworn|swim swam swum|take took taken taking
teach taught|tell told|think thought|throw threw thrown|understand understood|wear wore worn
win won winning winner|write wrote written writing|die died dies dying|man men|woman women|child children
wife wives
"""
_BASE_FORMS = {
    form: family.split()[0]
    for line in _FAMILIES.split("\n")
    for family in line.split("|")
    for form in family.split()
}
_BASES = frozenset(_BASE_FORMS.values())


def pieces(text: str) -> list[str]:
    """Cut a text into words, numbers and single punctuation marks."""
    if not text.isascii():
        text = _UNSPACED.sub(r" \1 ", text)
    return _PIECE.findall(text)


def join(words: Sequence[str]) -> str:
    """Put words together as they are written: without spaces in scripts that have none."""
    joined = " ".join(words)
    return joined if joined.isascii() else _UNSPACED_GAP.sub("", joined)


@lru_cache(maxsize=500_000)
def group(word: str) -> str:
    """Return the key that all forms of a lower-cased word share: "wrote", "written" and "writes" have one.

    The stemmer is the English one. It only groups and is never shown, so words of other languages stay
    readable.
    """
    base = _BASE_FORMS.get(word)
    if base is not None:
        return base
    if word in STOP_WORDS:
        return word
    stem = _without_agent(str(_stemmer().stemWord(word)))
    return _BASE_FORMS.get(stem, stem)


def _without_agent(stem: str) -> str:
    """Take who does something for doing it: "inventor", "founder" and "writer", but not "member"."""
    for ending in ("er", "or", "eri", "r"):
        root = stem.removesuffix(ending)
        if root != stem and (root in _BASES or (len(root) >= 5 and ending != "r")):
            return root
    return stem


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
