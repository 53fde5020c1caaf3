"""Tokenisation, stop words, and forms of English verbs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

_MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0981-\u0ddf\u0e31-\u0e4e"
_LETTERS = rf"[^\W\d_][\w{_MARKS}]*"
#: Scripts without spaces are split into characters.
_SCRIPT = "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_UNSPACED = re.compile(f"({_SCRIPT})")
_UNSPACED_GAP = re.compile(f"(?<={_SCRIPT}) (?={_SCRIPT})")
_PIECE = re.compile(rf"['’]s\b|{_LETTERS}(?:['’\u2010-](?!s\b){_LETTERS})*|\d[\w.,:]*|[^\w\s]")


def words(listed: str) -> frozenset[str]:
    """Return the words of a space-separated list."""
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
#: Lemmas that look like a form of another verb.
_LIKE_OTHERS = frozenset({"found"})


def pieces(text: str) -> list[str]:
    """Split a text into words, numbers and punctuation marks."""
    if not text.isascii():
        text = _UNSPACED.sub(r" \1 ", text)
    return _PIECE.findall(text)


def join(words: Sequence[str]) -> str:
    """Join words with spaces, except in scripts without spaces."""
    joined = " ".join(words)
    return joined if joined.isascii() else _UNSPACED_GAP.sub("", joined)


@lru_cache(maxsize=500_000)
def group(word: str) -> str:
    """Return the key of all forms of a lower-case word, such as "wrote", "written" and "writes".

    It uses the English stemmer, only for grouping, so words of other languages stay readable.
    """
    base = _BASE_FORMS.get(word)
    if base is not None:
        return base
    if word in STOP_WORDS:
        return word
    # no form of another word: who founded a town did not find it
    return _without_agent(str(_stemmer().stemWord(word)))


def group_of_lemma(lemma: str) -> str:
    """Return the key of all forms of a lower-case lemma, which may look like a form of another word: "to found"."""
    return lemma if lemma in _LIKE_OTHERS else group(lemma)


def former_group(key: str) -> str:
    """Return the key of :func:`group` in runs that took a stem for a form of another word: "find" for "found"."""
    return key if key in _BASES else _BASE_FORMS.get(key, key)


def _without_agent(stem: str) -> str:
    """Return the stem of the verb of an agent noun: "inventor", "founder" and "writer", but not "member"."""
    for ending in ("er", "or", "eri", "r"):
        root = stem.removesuffix(ending)
        if root != stem and (root in _BASES or (len(root) >= 5 and ending != "r")):
            return root
    return stem


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


#: Lemma, simple past, past participle.
_IRREGULAR = """
be was been|bear bore born|beat beat beaten|become became become|begin began begun|bind bound bound|bite bit bitten
blow blew blown|break broke broken|breed bred bred|bring brought brought|build built built|burn burned burned
buy bought bought|cast cast cast|catch caught caught|choose chose chosen|come came come|cost cost cost|cut cut cut
deal dealt dealt|dig dug dug|do did done|draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten
fall fell fallen|feed fed fed|feel felt felt|fight fought fought|find found found|fly flew flown|forget forgot forgotten
forgive forgave forgiven|get got got|give gave given|go went gone|grow grew grown|hang hung hung|have had had
hear heard heard|hide hid hidden|hit hit hit|hold held held|hurt hurt hurt|keep kept kept|know knew known|lay laid laid
lead led led|leave left left|lend lent lent|let let let|lie lay lain|light lit lit|lose lost lost|make made made
mean meant meant|meet met met|oversee oversaw overseen|pay paid paid|put put put|quit quit quit|read read read
rebuild rebuilt rebuilt|ride rode ridden|ring rang rung|rise rose risen|run ran run|say said said|see saw seen
seek sought sought|sell sold sold|send sent sent|set set set|shake shook shaken|shoot shot shot|show showed shown
shut shut shut|sing sang sung|sink sank sunk|sit sat sat|sleep slept slept|speak spoke spoken|spend spent spent
split split split|spread spread spread|stand stood stood|steal stole stolen|stick stuck stuck|strike struck struck
swear swore sworn|swim swam swum|take took taken|teach taught taught|tear tore torn|tell told told
think thought thought|throw threw thrown|undergo underwent undergone|understand understood understood
undertake undertook undertaken|wear wore worn|win won won|withdraw withdrew withdrawn|write wrote written
"""
_FORMS = {
    lemma: (past, participle)
    for line in _IRREGULAR.strip().split("\n")
    for lemma, past, participle in (entry.split() for entry in line.split("|"))
}
_VOWELS = "aeiou"
#: Verbs of two syllables or more that double their last letter.
_DOUBLED = words("admit commit control defer equip occur permit prefer refer transfer")


def active(surface: str, lemma: str) -> str:
    """Return a finite form of a lower-case verb after its subject: the past as written, or the present."""
    past, participle = _FORMS.get(lemma, ("", ""))
    if past and surface in (past, participle):
        return past
    if surface == lemma or surface.endswith("ing"):
        return third_person(lemma)
    return surface


def participle(surface: str, lemma: str) -> str:
    """Return the past participle of a lower-case verb, such as ``"written"``."""
    if lemma in _FORMS:
        return _FORMS[lemma][1]
    if surface.endswith("ed"):
        return surface
    if lemma.endswith("e"):
        return f"{lemma}d"
    if lemma.endswith("y") and lemma[-2:-1] not in _VOWELS:
        return f"{lemma[:-1]}ied"
    return f"{lemma}{lemma[-1]}ed" if _doubles(lemma) else f"{lemma}ed"


def past(surface: str, lemma: str) -> str:
    """Return the simple past of a lower-case verb, such as ``"wrote"``."""
    return _FORMS[lemma][0] if lemma in _FORMS else participle(surface, lemma)


def third_person(lemma: str) -> str:
    """Return the third person of the present, such as ``"crosses"``."""
    if lemma in ("be", "have"):
        return {"be": "is", "have": "has"}[lemma]
    if lemma.endswith(("s", "x", "z", "ch", "sh", "o")):
        return f"{lemma}es"
    if lemma.endswith("y") and lemma[-2:-1] not in _VOWELS:
        return f"{lemma[:-1]}ies"
    return f"{lemma}s"


def _doubles(lemma: str) -> bool:
    if lemma in _DOUBLED:
        return True
    before, vowel, last = lemma[-3:-2], lemma[-2:-1], lemma[-1:]
    one_syllable = sum(letter in _VOWELS for letter in lemma) == 1
    return (
        one_syllable
        and before not in _VOWELS
        and vowel in _VOWELS
        and last not in _VOWELS
        and last not in "wxy"
    )
