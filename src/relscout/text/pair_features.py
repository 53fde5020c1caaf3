"""Features of a pair of entities: types, distance, syntax, repeated names.

The syntax is the path in the dependency tree from the governor of one mention up to the lowest common ancestor of both
(their *join*) and down to the governor of the other: its length, its labels on either side, its prepositions, the
clauses that it leaves, and the join.

The features follow the order of the text, whichever entity is the head. The other entities of the sentence are those of
the other given pairs, and the document consists of the given sentences with its name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import Mention, Parse, RelationInstance
from relscout.core.surfaces import folded
from relscout.text import COARSE_TYPES, coarse_type

_LABEL_NAMES = (
    "nsubj nsubjpass dobj dative attr agent pobj pcomp prep poss compound amod appos conj acl relcl advcl ccomp xcomp "
    "csubj npadvmod nmod nummod advmod det acomp oprd parataxis dep mark quantmod other"
)
#: Dependency labels (spaCy, ClearNLP style) on each side of the path; others count as "other".
_LABELS = tuple(_LABEL_NAMES.split())
_LABEL_PLACE = {label: place for place, label in enumerate(_LABELS)}
#: Labels at the start of a clause.
_CLAUSES = frozenset({"acl", "relcl", "advcl", "ccomp", "csubj", "csubjpass", "parataxis", "pcomp"})
_PREPOSITION_NAMES = (
    "in of at by from with for to on as under into near between during after before since until within like including "
    "against over through about"
)
_PREPOSITIONS = tuple(_PREPOSITION_NAMES.split())
_PREPOSITION_PLACE = {word: place for place, word in enumerate(_PREPOSITIONS)}
_JOINS = ("VERB", "AUX", "NOUN", "PROPN", "ADJ", "NUM", "ADP", "other")
_JOIN_PLACE = {tag: place for place, tag in enumerate(_JOINS)}
_LONGEST = 12
_SHAPE = (
    *("known", "joined", "up", "down", "length", "near", "far", "governs first", "governs second"),
    *("conjoined", "listed", "clauses first", "clauses second", "verbs", "nouns", "names", "same governor"),
    *("depth of join", "join between", "join before", "negated", "passive"),
)

#: Names of :func:`path_features`.
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
    """The path in the tree between two mentions.

    Args:
        first: Tokens from the governor of the first mention up to the join, excluded.
        second: The same for the second mention.
        join: The lowest common ancestor; ``None`` if the mentions are in different trees.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    join: int | None


def path_between(parse: Parse, first: Mention, second: Mention) -> Path | None:
    """Return the path between two mentions; ``None`` if one of them covers no token."""
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
    """Return features of the syntax between two mentions, in [0, 1] and most of them binary.

    Args:
        parse: Syntax of the sentence; without it, all features are 0.
        first: The mention that comes first in the text.
        second: The other mention.

    Returns:
        (len(:data:`PATH_FEATURES`),), float32.
    """
    row = np.zeros(len(PATH_FEATURES), dtype=np.float32)
    path = None if parse is None else path_between(parse, first, second)
    if parse is None or path is None:
        return row
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
    row[: len(shape)] = shape
    for number, (side, names) in enumerate(zip((path.first, path.second), labels, strict=True)):
        shift = number * len(_LABELS)
        for name in names:
            row[_BEGIN_LABELS + shift + _LABEL_PLACE.get(name, len(_LABELS) - 1)] = 1
        if names:
            row[_BEGIN_TOPS + shift + _LABEL_PLACE.get(names[-1], len(_LABELS) - 1)] = 1
        governor = governors[number]
        if governor is not None:
            label = parse.labels[governor]
            row[_BEGIN_GOVERNORS + shift + _LABEL_PLACE.get(label, len(_LABELS) - 1)] = 1
        for token in side:
            place = _PREPOSITION_PLACE.get(parse.lemmas[token].lower())
            if place is not None and parse.labels[token] in ("prep", "agent", "dative", "prt", "mark"):
                row[_BEGIN_PREPOSITIONS + number * len(_PREPOSITIONS) + place] = 1
    if join is not None:
        row[_BEGIN_JOINS + _JOIN_PLACE.get(parse.tags[join], len(_JOINS) - 1)] = 1
    return row


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
#: Number of sentences from which a document may be a list of unconnected ones, the distance of near sentences, and the
#: share of sentences of a connected text that share a name with a near one.
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

#: Names of :func:`pair_features`: group, colon, name.
PAIR_FEATURES: tuple[str, ...] = (
    *(f"types:first {name}" for name in COARSE_TYPES),
    *(f"types:second {name}" for name in COARSE_TYPES),
    *(f"types:{first} and {second}" for first in COARSE_TYPES for second in COARSE_TYPES),
    *(f"types:{name} between" for name in COARSE_TYPES),
    *(f"place:{name}" for name in _PLACE),
    *(f"document:{name}" for name in _DOCUMENT),
    *(f"syntax:{name}" for name in PATH_FEATURES),
)


def in_text_order(instance: RelationInstance) -> tuple[Mention, Mention]:
    """Return the two mentions of an instance in the order of the text."""
    both = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, mention.end))
    return both[0], both[1]


def sentence_groups(instances: Sequence[RelationInstance]) -> list[list[int]]:
    """Return the positions of the instances of each sentence: same text, document and offset."""
    groups: dict[tuple[str, int | None, str], list[int]] = defaultdict(list)
    for place, instance in enumerate(instances):
        groups[instance.document, instance.document_start, instance.text].append(place)
    return list(groups.values())


def in_connected_text(instances: Sequence[RelationInstance]) -> NDArray[np.bool_]:
    """Return whether each pair of whole documents is in a connected text (N,), not in a single sentence or a list."""
    documents = _documents(instances, sentence_groups(instances))
    return np.array([instance.document in documents for instance in instances], dtype=bool)


def pair_features(instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
    """Return features of each pair, in [0, 1] and most of them binary.

    Args:
        instances: Pairs in any order; all pairs of a sentence and document should be given at once.

    Returns:
        (N, len(:data:`PAIR_FEATURES`)), float32.
    """
    features = np.zeros((len(instances), len(PAIR_FEATURES)), dtype=np.float32)
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
            row = features[place]
            between = [
                entity for entity in entities if first.end <= entity.start and entity.end <= second.start
            ]
            _write_types(row, first, second, between)
            row[begin_place:begin_document] = _placed(instance, entities, between, len(places))
            document = documents.get(instance.document)
            if document is not None:
                row[begin_document:begin_syntax] = document.features(instance)
            row[begin_syntax:] = path_features(instance.parse, first, second)
    return features


def _write_types(
    row: NDArray[np.float32], first: Mention, second: Mention, between: Sequence[Mention]
) -> None:
    left, right = (_TYPE_PLACE[coarse_type(mention.type)] for mention in (first, second))
    row[left] = row[_TYPES + right] = row[2 * _TYPES + left * _TYPES + right] = 1
    for mention in between:
        row[2 * _TYPES + _TYPES**2 + _TYPE_PLACE[coarse_type(mention.type)]] = 1


def _placed(
    instance: RelationInstance, entities: Sequence[Mention], between: Sequence[Mention], n_pairs: int
) -> tuple[float, ...]:
    text, (first, second) = instance.text, in_text_order(instance)
    gap = text[first.end : second.start]
    n_words = len(_WORD.findall(gap))
    names = first.surface(text), second.surface(text)
    parts = [set(folded(name).split()) for name in names]
    types = [coarse_type(mention.type) for mention in (first, second)]
    between_types = {coarse_type(mention.type) for mention in between}
    left = [sum(entity.start < mention.start for entity in entities) for mention in (first, second)]
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
    """The names of a document and their sentences."""

    def __init__(self, sentences: Sequence[tuple[int, RelationInstance, frozenset[str]]]) -> None:
        in_order = sorted(sentences, key=lambda sentence: (sentence[0], sentence[1].text))
        self._number = {(start, first.text): number for number, (start, first, _) in enumerate(in_order)}
        self._in: dict[str, list[int]] = defaultdict(list)
        for number, (_, _, names) in enumerate(in_order):
            for name in names:
                self._in[name].append(number)
        _, opening, _ = in_order[0]
        self._opening = folded(opening.text)
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
        first = instances[places[0]]
        if first.document and first.document_start is not None:
            names = frozenset(
                _name(mention, first.text)
                for place in places
                for mention in (instances[place].head, instances[place].tail)
            )
            sentences[first.document].append((first.document_start, first, names))
    return {name: _Document(own) for name, own in sentences.items() if _is_connected(own)}


def _is_connected(sentences: Sequence[tuple[int, RelationInstance, frozenset[str]]]) -> bool:
    """Return whether sentences form a text rather than a list.

    In Re-DocRED, half of the sentences of a document share a name with a near one; in collections of single sentences,
    hardly any do.
    """
    # a few sentences may be either
    if len(sentences) < _FEW_SENTENCES:
        return len(sentences) > 1
    in_order = [
        names for *_, names in sorted(sentences, key=lambda sentence: (sentence[0], sentence[1].text))
    ]
    shared = sum(
        any(names & near for near in in_order[max(place - _NEARBY, 0) : place])
        or any(names & near for near in in_order[place + 1 : place + 1 + _NEARBY])
        for place, names in enumerate(in_order)
    )
    return shared >= _CONNECTED * len(in_order)


def _name(mention: Mention, text: str) -> str:
    return folded(mention.surface(text))


def _share(count: int, most: int) -> float:
    return min(count, most) / most
