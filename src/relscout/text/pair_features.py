"""Features of a pair of entities: types, distance, syntax, repeated names.

What is described is the path in the dependency tree from the governor of one mention up to the lowest common ancestor
of the two (their *join*) and down to the governor of the other: its length, its labels on either side, the
prepositions on it, the clauses that it leaves, and what the join is.

A pair is described in the order of the text, whichever of its entities is the head. The other entities of the sentence
are those of the other pairs given of it; the document is the sentences of its name that are given.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.text import COARSE_TYPES, coarse_type

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


_TYPE_PLACE = {name: place for place, name in enumerate(COARSE_TYPES)}
_TYPES = len(COARSE_TYPES)
_WORD = re.compile(r"\w+")
_PLACE = (
    *("words between", "no word between", "one to three words", "four to eight words", "over fifteen words"),
    *("nested", "comma", "commas", "bracket", "semicolon", "quote", "dash", "and", "entities between"),
    *("no entity between", "entities", "pairs", "first of sentence", "last of sentence", "first from left"),
    *("second from left", "words before", "words after", "words", "length first", "length second"),
    *("type of first between", "type of second between", "capitals first", "capitals second", "digit first"),
    *("digit second", "same name part", "only pair"),
)
#: Sentences from which on a document can be a list of unconnected ones, how far from each other they still count as
#: near, and the share of them that shares a name with a near one in a connected text.
_FEW_SENTENCES, _NEARBY, _CONNECTED = 8, 3, 0.2
_DOCUMENT = (
    *("known", "first sentence", "second sentence", "sentence", "first is topic", "second is topic"),
    *(
        "first in first sentence",
        "second in first sentence",
        "times first",
        "times second",
        "together before",
    ),
    *("times together", "first new", "second new", "sentences"),
)

#: What each number of :func:`pair_features` is: the group it belongs to, a colon, its name.
PAIR_FEATURES: tuple[str, ...] = (
    *(f"types:first {name}" for name in COARSE_TYPES),
    *(f"types:second {name}" for name in COARSE_TYPES),
    *(f"types:{one} and {other}" for one in COARSE_TYPES for other in COARSE_TYPES),
    *(f"types:{name} between" for name in COARSE_TYPES),
    *(f"place:{name}" for name in _PLACE),
    *(f"document:{name}" for name in _DOCUMENT),
    *(f"syntax:{name}" for name in PATH_FEATURES),
)


def in_text_order(instance: RelationInstance) -> tuple[Mention, Mention]:
    """Return the two mentions of an instance, the one that comes first in the text first."""
    both = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, mention.end))
    return both[0], both[1]


def sentence_groups(instances: Sequence[RelationInstance]) -> list[list[int]]:
    """Return the places of the instances of each sentence: those of the same text, document and place in it."""
    groups: dict[tuple[str, int | None, str], list[int]] = defaultdict(list)
    for place, instance in enumerate(instances):
        groups[instance.document, instance.document_start, instance.text].append(place)
    return list(groups.values())


def in_connected_text(instances: Sequence[RelationInstance]) -> NDArray[np.bool_]:
    """Return whether each pair stands in a connected text (N,), rather than in a sentence by itself or in a list.

    Args:
        instances: Pairs in any order, whole documents.
    """
    documents = _documents(instances, sentence_groups(instances))
    return np.array([one.document in documents for one in instances], dtype=bool)


def pair_features(instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
    """Return what each pair looks like, as numbers of which most are 0 or 1 and none is beyond 1.

    Args:
        instances: Pairs in any order, whole sentences and documents where there are any.

    Returns:
        (N, len(:data:`PAIR_FEATURES`)), float32, in the order of ``instances``.
    """
    found = np.zeros((len(instances), len(PAIR_FEATURES)), dtype=np.float32)
    groups = sentence_groups(instances)
    documents = _documents(instances, groups)
    begin_place = 3 * _TYPES + _TYPES**2
    begin_document = begin_place + len(_PLACE)
    begin_syntax = begin_document + len(_DOCUMENT)
    for places in groups:
        entities = sorted(
            {mention for place in places for mention in in_text_order(instances[place])},
            key=lambda mention: (mention.start, mention.end, mention.type or "", mention.entity_id or ""),
        )
        for place in places:
            instance = instances[place]
            first, second = in_text_order(instance)
            row = found[place]
            between = [one for one in entities if first.end <= one.start and one.end <= second.start]
            _write_types(row, first, second, between)
            row[begin_place:begin_document] = _placed(instance, entities, between, len(places))
            document = documents.get(instance.document)
            if document is not None:
                row[begin_document:begin_syntax] = document.features(instance)
            row[begin_syntax:] = path_features(instance.parse, first, second)
    return found


def _write_types(
    row: NDArray[np.float32], first: Mention, second: Mention, between: Sequence[Mention]
) -> None:
    one, other = (_TYPE_PLACE[coarse_type(mention.type)] for mention in (first, second))
    row[one] = row[_TYPES + other] = row[2 * _TYPES + one * _TYPES + other] = 1
    for mention in between:
        row[2 * _TYPES + _TYPES**2 + _TYPE_PLACE[coarse_type(mention.type)]] = 1


def _placed(
    instance: RelationInstance, entities: Sequence[Mention], between: Sequence[Mention], n_pairs: int
) -> tuple[float, ...]:
    text, (first, second) = instance.text, in_text_order(instance)
    gap = text[first.end : second.start]
    n_words = len(_WORD.findall(gap))
    names = first.surface(text), second.surface(text)
    parts = [set(name.casefold().split()) for name in names]
    types = [coarse_type(mention.type) for mention in (first, second)]
    between_types = {coarse_type(mention.type) for mention in between}
    left = [sum(one.start < mention.start for one in entities) for mention in (first, second)]
    return (
        _share(n_words, 30),
        n_words == 0,
        1 <= n_words <= 3,
        4 <= n_words <= 8,
        n_words > 15,
        second.start < first.end,
        "," in gap,
        _share(gap.count(","), 6),
        "(" in gap or ")" in gap,
        ";" in gap,
        '"' in gap or "“" in gap,
        " - " in gap or "–" in gap or "—" in gap,
        " and " in gap or " & " in gap,
        _share(len(between), 8),
        not between,
        _share(len(entities), 12),
        _share(n_pairs, 60),
        left[0] == 0,
        second == entities[-1],
        _share(left[0], 10),
        _share(left[1], 10),
        _share(len(_WORD.findall(text[: first.start])), 30),
        _share(len(_WORD.findall(text[second.end :])), 30),
        _share(len(_WORD.findall(text)), 60),
        _share(len(names[0].split()), 6),
        _share(len(names[1].split()), 6),
        types[0] in between_types,
        types[1] in between_types,
        names[0].isupper(),
        names[1].isupper(),
        any(character.isdigit() for character in names[0]),
        any(character.isdigit() for character in names[1]),
        bool(parts[0] & parts[1]),
        n_pairs == 1,
    )


class _Document:
    """The names of a document: in which of its sentences each stands."""

    def __init__(self, sentences: Sequence[tuple[int, RelationInstance, frozenset[str]]]) -> None:
        in_order = sorted(sentences, key=lambda one: (one[0], one[1].text))
        self._number = {(start, one.text): number for number, (start, one, _) in enumerate(in_order)}
        self._in: dict[str, list[int]] = defaultdict(list)
        for number, (_, _, names) in enumerate(in_order):
            for name in names:
                self._in[name].append(number)
        _, opening, _ = in_order[0]
        self._opening = opening.text.casefold()
        self._count = len(in_order)

    def features(self, instance: RelationInstance) -> tuple[float, ...]:
        number = self._number[instance.document_start or 0, instance.text]
        first, second = (_name(mention, instance.text) for mention in in_text_order(instance))
        of_first, of_second = self._in[first], self._in[second]
        together = sorted(set(of_first) & set(of_second))
        begins = [self._opening.find(name) for name in (first, second)]
        return (
            1.0,
            number == 0,
            number == 1,
            _share(number, 10),
            0 <= begins[0] <= 5,
            0 <= begins[1] <= 5,
            begins[0] >= 0,
            begins[1] >= 0,
            _share(len(of_first), 8),
            _share(len(of_second), 8),
            bool(together) and together[0] < number,
            _share(len(together), 5),
            of_first[0] == number,
            of_second[0] == number,
            _share(self._count, 15),
        )


def _documents(
    instances: Sequence[RelationInstance], groups: Sequence[Sequence[int]]
) -> dict[str, _Document]:
    sentences: dict[str, list[tuple[int, RelationInstance, frozenset[str]]]] = defaultdict(list)
    for places in groups:
        one = instances[places[0]]
        if one.document and one.document_start is not None:
            names = frozenset(
                _name(mention, one.text)
                for place in places
                for mention in (instances[place].head, instances[place].tail)
            )
            sentences[one.document].append((one.document_start, one, names))
    return {name: _Document(found) for name, found in sentences.items() if _is_connected(found)}


def _is_connected(sentences: Sequence[tuple[int, RelationInstance, frozenset[str]]]) -> bool:
    """Return whether sentences are a text about something, rather than a list of sentences about anything.

    In Re-DocRED, half of the sentences of a document share a name with one nearby; in files of sentences that were
    collected from many places, hardly any does.
    """
    # a single sentence has no context, and a few sentences may be either
    if len(sentences) < _FEW_SENTENCES:
        return len(sentences) > 1
    in_order = [names for *_, names in sorted(sentences, key=lambda one: (one[0], one[1].text))]
    shared = sum(
        any(names & other for other in in_order[max(place - _NEARBY, 0) : place])
        or any(names & other for other in in_order[place + 1 : place + 1 + _NEARBY])
        for place, names in enumerate(in_order)
    )
    return shared >= _CONNECTED * len(in_order)


def _name(mention: Mention, text: str) -> str:
    return mention.surface(text).casefold()


def _share(count: int, most: int) -> float:
    return min(count, most) / most
