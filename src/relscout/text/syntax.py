"""The syntax that connects two entities of a sentence, as numbers.

What is described is the path in the dependency tree from the governor of one mention up to the lowest common ancestor
of the two (their *join*) and down to the governor of the other: its length, its labels on either side, the
prepositions on it, the clauses that it leaves, and what the join is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.instances import Mention
from relscout.parses import Parse

#: Dependency labels (spaCy, ClearNLP style) that are counted on each side of the path; others count as "other".
_LABELS = (
    *(
        "nsubj",
        "nsubjpass",
        "dobj",
        "dative",
        "attr",
        "agent",
        "pobj",
        "pcomp",
        "prep",
        "poss",
        "compound",
        "amod",
    ),
    *(
        "appos",
        "conj",
        "acl",
        "relcl",
        "advcl",
        "ccomp",
        "xcomp",
        "csubj",
        "npadvmod",
        "nmod",
        "nummod",
        "advmod",
    ),
    *("det", "acomp", "oprd", "parataxis", "dep", "mark", "quantmod", "other"),
)
_LABEL_PLACE = {label: place for place, label in enumerate(_LABELS)}
#: Arcs at which a clause of its own begins.
_CLAUSES = frozenset({"acl", "relcl", "advcl", "ccomp", "csubj", "csubjpass", "parataxis", "pcomp"})
_PREPOSITIONS = (
    *(
        "in",
        "of",
        "at",
        "by",
        "from",
        "with",
        "for",
        "to",
        "on",
        "as",
        "under",
        "into",
        "near",
        "between",
        "during",
    ),
    *(
        "after",
        "before",
        "since",
        "until",
        "within",
        "like",
        "including",
        "against",
        "over",
        "through",
        "about",
    ),
)
_PREPOSITION_PLACE = {word: place for place, word in enumerate(_PREPOSITIONS)}
_JOINS = ("VERB", "AUX", "NOUN", "PROPN", "ADJ", "NUM", "ADP", "other")
_JOIN_PLACE = {tag: place for place, tag in enumerate(_JOINS)}
_LONGEST = 12
_SHAPE = (
    *("known", "joined", "up", "down", "length", "near", "far", "governs first", "governs second"),
    *("conjoined", "listed", "clauses first", "clauses second", "verbs", "nouns", "names", "same governor"),
    *("depth of join", "join between", "join before", "negated", "passive"),
)

#: What each number of :func:`path_features` is.
PATH_FEATURES: tuple[str, ...] = (
    *_SHAPE,
    *(f"{side} {label}" for side in ("first", "second") for label in _LABELS),
    *(f"top {side} {label}" for side in ("first", "second") for label in _LABELS),
    *(f"governor {side} {label}" for side in ("first", "second") for label in _LABELS),
    *(f"{word} {side}" for side in ("first", "second") for word in _PREPOSITIONS),
    *(f"join {tag}" for tag in _JOINS),
)
_BEGIN_LABELS = len(_SHAPE)
_BEGIN_TOPS = _BEGIN_LABELS + 2 * len(_LABELS)
_BEGIN_GOVERNORS = _BEGIN_TOPS + 2 * len(_LABELS)
_BEGIN_PREPOSITIONS = _BEGIN_GOVERNORS + 2 * len(_LABELS)
_BEGIN_JOINS = _BEGIN_PREPOSITIONS + 2 * len(_PREPOSITIONS)


@dataclass(frozen=True, slots=True)
class Path:
    """The way through the tree from one mention to another.

    Args:
        first: Tokens from the governor of the first mention up to, but without, the join.
        second: The same of the second mention.
        join: The lowest common ancestor; ``None`` where the two are in different trees.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    join: int | None


def path_between(parse: Parse, first: Mention, second: Mention) -> Path | None:
    """Return the path between two mentions; ``None`` where one of them covers no token.

    Args:
        parse: Syntax of the sentence.
        first: A mention with offsets into the sentence.
        second: Another one.
    """
    spans = [parse.tokens_in(mention.start, mention.end) for mention in (first, second)]
    if not all(spans):
        return None
    up, down = (parse.path_up(parse.governor(span)) for span in spans)
    below = set(down)
    join = next((token for token in up if token in below), None)
    if join is None:
        return Path(tuple(up), tuple(down), None)
    return Path(tuple(up[: up.index(join)]), tuple(down[: down.index(join)]), join)


def path_features(parse: Parse | None, first: Mention, second: Mention) -> NDArray[np.float32]:
    """Return the syntax between two mentions as numbers, most of them 0 or 1, none beyond 1.

    Args:
        parse: Syntax of the sentence; all numbers are 0 where there is none.
        first: The mention that comes first in the text.
        second: The other one.

    Returns:
        (len(:data:`PATH_FEATURES`),), float32.
    """
    found = np.zeros(len(PATH_FEATURES), dtype=np.float32)
    path = None if parse is None else path_between(parse, first, second)
    if parse is None or path is None:
        return found
    length = len(path.first) + len(path.second)
    inner = [*path.first[1:], *path.second[1:]]
    if path.join is not None and path.first and path.second:
        inner.append(path.join)
    labels = [[parse.labels[token] for token in side] for side in (path.first, path.second)]
    join = path.join
    governors = [side[0] if side else join for side in (path.first, path.second)]
    subtree = {parse.labels[token] for token in range(len(parse)) if parse.heads[token] == join}
    shape = (
        1.0,
        join is not None,
        min(len(path.first), _LONGEST) / _LONGEST,
        min(len(path.second), _LONGEST) / _LONGEST,
        min(length, 2 * _LONGEST) / (2 * _LONGEST),
        length <= 2,
        length > 6,
        not path.first,
        not path.second,
        _only_conjuncts(labels),
        any("conj" in side for side in labels),
        min(sum(label in _CLAUSES for label in labels[0]), 4) / 4,
        min(sum(label in _CLAUSES for label in labels[1]), 4) / 4,
        min(sum(parse.tags[token] == "VERB" for token in inner), 4) / 4,
        min(sum(parse.tags[token] == "NOUN" for token in inner), 4) / 4,
        min(sum(parse.tags[token] == "PROPN" for token in inner), 4) / 4,
        governors[0] == governors[1],
        0.0 if join is None else min(parse.depth(join), 8) / 8,
        join is not None and first.end <= parse.starts[join] < second.start,
        join is not None and parse.starts[join] < first.start,
        "neg" in subtree,
        "auxpass" in subtree or "nsubjpass" in subtree,
    )
    found[: len(shape)] = shape
    for number, (side, names) in enumerate(zip((path.first, path.second), labels, strict=True)):
        shift = number * len(_LABELS)
        for name in names:
            found[_BEGIN_LABELS + shift + _LABEL_PLACE.get(name, len(_LABELS) - 1)] = 1
        if names:
            found[_BEGIN_TOPS + shift + _LABEL_PLACE.get(names[-1], len(_LABELS) - 1)] = 1
        governor = governors[number]
        if governor is not None:
            label = parse.labels[governor]
            found[_BEGIN_GOVERNORS + shift + _LABEL_PLACE.get(label, len(_LABELS) - 1)] = 1
        for token in side:
            place = _PREPOSITION_PLACE.get(parse.lemmas[token].lower())
            if place is not None and parse.labels[token] in ("prep", "agent", "dative", "prt", "mark"):
                found[_BEGIN_PREPOSITIONS + number * len(_PREPOSITIONS) + place] = 1
    if join is not None:
        found[_BEGIN_JOINS + _JOIN_PLACE.get(parse.tags[join], len(_JOINS) - 1)] = 1
    return found


def _only_conjuncts(labels: Sequence[Sequence[str]]) -> bool:
    below = [label for side in labels for label in side]
    return bool(below) and all(label in ("conj", "appos") for label in below) and "conj" in below
