"""Forms of English verbs: the ones that read between a head and a tail."""

from __future__ import annotations

from relscout.naming.words import words

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
    """Return a finite form of a verb that stands after its subject: the past as it is written, or the present.

    Args:
        surface: The verb as it is written, in small letters.
        lemma: Its lemma.
    """
    past, participle = _FORMS.get(lemma, ("", ""))
    if past and surface in (past, participle):
        return past
    if surface == lemma or surface.endswith("ing"):
        return third_person(lemma)
    return surface


def participle(surface: str, lemma: str) -> str:
    """Return the past participle of a verb, such as ``"written"``.

    Args:
        surface: The verb as it is written, in small letters.
        lemma: Its lemma.
    """
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
    """Return the simple past of a verb, such as ``"wrote"``.

    Args:
        surface: The verb as it is written, in small letters.
        lemma: Its lemma.
    """
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
