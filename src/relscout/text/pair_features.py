"""What a pair of entities looks like in its sentence and its document: types, places, syntax, repeated names.

A pair is described in the order of the text, whichever of its entities is the head. The other entities of the sentence
are those of the other pairs given of it; the document is the sentences of its name that are given.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.instances import Mention, RelationInstance
from relscout.text.syntax import PATH_FEATURES, path_features
from relscout.text.types import COARSE_TYPES, coarse_type

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
    # of a single sentence nothing can be said that it does not say itself
    return {name: _Document(found) for name, found in sentences.items() if len(found) > 1}


def _name(mention: Mention, text: str) -> str:
    return mention.surface(text).casefold()


def _share(count: int, most: int) -> float:
    return min(count, most) / most
