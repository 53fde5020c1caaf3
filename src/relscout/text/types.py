"""The tag sets of entity recognisers and corpora, mapped onto one coarse set."""

from __future__ import annotations

from typing import Literal, get_args

CoarseType = Literal["PER", "ORG", "WORK", "EVENT", "MISC", "GROUP", "LOC", "DATE", "NUM"]

#: The coarse types in the order in which they are preferred as the head of a pair: people do, places and dates are
#: where and when it is done.
COARSE_TYPES: tuple[CoarseType, ...] = get_args(CoarseType)

_TAGS: dict[CoarseType, str] = {
    "PER": "per pers person people peop human character scientist artist writer politician athlete",
    "ORG": "org organization organisation corporation company government institution university team party band club "
    "newspaper agency school",
    "WORK": "work work_of_art product law book film movie song album artwork software game creative_work",
    "EVENT": "event war battle election disaster competition award",
    "MISC": "misc other entity thing",
    "GROUP": "norp nationality religion ideology group language ethnicity political_affiliation",
    "LOC": "loc location gpe fac facility city country state state_or_province province place river lake mountain "
    "water island region building planet moon star geo",
    "DATE": "date time duration year day month century period",
    "NUM": "num number cardinal ordinal percent percentage quantity money value measure currency",
}
_COARSE = {tag: coarse for coarse, tags in _TAGS.items() for tag in tags.split()}

#: spaCy's types that are mere numbers: they make no pairs unless asked for.
NUMBER_TYPES = frozenset({"CARDINAL", "ORDINAL", "PERCENT", "QUANTITY", "MONEY", "TIME"})


def coarse_type(tag: str | None) -> CoarseType:
    """Return the coarse type of an entity tag of spaCy (OntoNotes), DocRED, CoNLL, CoNLL04, TACRED or the like.

    Upper and lower case and prefixes such as ``B-`` make no difference. What is not known is ``"MISC"``.

    Args:
        tag: The tag; ``None`` where an entity has none.
    """
    if tag is None:
        return "MISC"
    name = tag.strip().lower().replace("-", "_").replace(" ", "_")
    if name[:2] in ("b_", "i_"):
        name = name[2:]
    return _COARSE.get(name) or _COARSE.get(name.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "MISC"
