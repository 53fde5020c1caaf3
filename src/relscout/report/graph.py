"""The most connected entities of a corpus, and by which relations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.instances import Mention, RelationInstance

T = TypeVar("T", int, str)

#: Entities that are asked for, and how many there are with those that they are connected to.
_HUBS, _MOST = 20, 70


@dataclass(frozen=True)
class Entity:
    """An entity of the graph.

    Args:
        name: How it is most often written.
        x: Where it is drawn, in [-1, 1].
        y: The same.
        links: Different entities that it is connected to, by any relation, in the whole corpus.
        relations: Relation → how many of its instances name this entity, the most frequent first.
    """

    name: str
    x: float
    y: float
    links: int
    relations: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Link:
    """Instances of one relation between two entities, by their places in the graph."""

    head: int
    tail: int
    relation: int
    count: int


@dataclass(frozen=True)
class EntityGraph:
    """Entities and links between them.

    Args:
        entities: The most connected first.
        links: Links between them.
        total: Entities of the whole corpus.
    """

    entities: Sequence[Entity]
    links: Sequence[Link]
    total: int


def entity_graph(instances: Sequence[RelationInstance], ids: NDArray[np.int64]) -> EntityGraph:
    """Return the most connected entities, those they are connected to, and the links between them.

    Two mentions are one entity where they have one identifier or, without one, are spelled alike, ignoring case.

    Args:
        instances: The corpus (N).
        ids: Relation of each (N,); -1 for none.
    """
    import networkx

    links: Counter[tuple[str, str, int]] = Counter()
    spelled: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for instance, id in zip(instances, ids.tolist(), strict=True):
        keys = [_key(instance.text, mention) for mention in (instance.head, instance.tail)]
        for key, surface in zip(keys, (instance.head_text, instance.tail_text), strict=True):
            spelled[key][surface] += 1
        if id >= 0 and keys[0] != keys[1]:
            links[keys[0], keys[1], id] += 1
    others: defaultdict[str, set[str]] = defaultdict(set)
    by_relation: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (head, tail, id), count in links.items():
        others[head].add(tail)
        others[tail].add(head)
        by_relation[head][id] += count
        by_relation[tail][id] += count
    ranked = sorted(others, key=lambda key: (-len(others[key]), key))
    hubs = ranked[:_HUBS]
    chosen = dict.fromkeys(hubs)
    # the first neighbour of each, then the second, so that no hub takes all places
    around = [sorted(others[hub], key=lambda key: (-len(others[key]), key)) for hub in hubs]
    for key in chain.from_iterable(zip_longest(*around)):
        if key is not None and len(chosen) < _MOST:
            chosen[key] = None
    kept = sorted(chosen, key=lambda key: (-len(others[key]), key))
    place_of = {key: place for place, key in enumerate(kept)}
    drawn = [
        Link(place_of[head], place_of[tail], id, count)
        for (head, tail, id), count in sorted(links.items())
        if head in place_of and tail in place_of
    ]
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(kept)))
    graph.add_edges_from((link.head, link.tail) for link in drawn)
    places = networkx.spring_layout(graph, seed=0, k=1.6 / max(len(kept), 1) ** 0.5) if kept else {}
    entities = [
        Entity(
            _ranked(spelled[key])[0][0],
            round(float(places[place][0]), 4),
            round(float(places[place][1]), 4),
            len(others[key]),
            _ranked(by_relation[key]),
        )
        for place, key in enumerate(kept)
    ]
    return EntityGraph(entities, drawn, len(spelled))


def _ranked(counts: Counter[T]) -> list[tuple[T, int]]:
    """Return what was counted, the most frequent first, in an order that does not depend on that of counting."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _key(text: str, mention: Mention) -> str:
    return mention.entity_id or mention.surface(text).casefold()
