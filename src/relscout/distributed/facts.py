"""Facts of triples in shards: a group-by in two shuffles of tasks, of Ray or in this process.

Names are merged into entities in whole documents first, so the triples are divided by their documents. What documents
share (identifiers of names, and meanings of acronyms) is small, and joined in this process. Then the triples are
divided by head, relation and tail, and each part becomes facts. Ray keeps what is exchanged in its object store, spills
it to disk when that is full, and computes again what a lost node held. In this process, it is on disk.

The facts are those of :func:`relscout.discovery.relation.find_facts`, in the same order.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

from relscout.core.errors import SettingError
from relscout.core.instances import Entity, Fact, Match, Triple
from relscout.core.progress import Progress, silent
from relscout.distributed.cluster import Cluster, Ray, errors_of
from relscout.distributed.extracting import ShardedExtraction
from relscout.distributed.shards import read_triples
from relscout.text.entities import DocumentNames, Form, FormKey, MergedEntities, Owners

#: Triples of a part; facts that a part sends at a time, and that all parts have in memory while they are merged.
_PER_PART, _AT_ONCE, _IN_MEMORY = 50_000, 5_000, 100_000
_MOST_PARTS = 256

Value = TypeVar("Value")
Key = TypeVar("Key")
#: Relation → its number and matches.
_Relations = Mapping[str, tuple[int, tuple[Match, ...]]]


def find_facts(
    extraction: ShardedExtraction,
    *,
    cluster: Cluster | None = None,
    parts: int | None = None,
    progress: Progress = silent,
) -> Iterator[Fact]:
    """Yield the facts of an extraction, the most supported first.

    Memory is that of the shared names, of a part, and of 100,000 facts.

    Args:
        extraction: Triples in shards.
        cluster: Where Ray runs; on this machine by default.
        parts: Number of parts in which triples and facts are divided, from 1; by default one for 50,000 triples.
        progress: Called with the number of finished steps, stage ``"facts"``.

    Raises:
        InputError: Ray does not answer.
        MissingExtraError: Ray is not installed.
        RelscoutError: A task failed, or its worker died.
        SettingError: ``parts`` is below 1.
    """
    if parts is not None and parts < 1:
        raise SettingError(f"parts is {parts}; expected a whole number from 1")
    number = parts or min(_MOST_PARTS, 1 + extraction.triples // _PER_PART)
    with (cluster or Cluster()).connected() as ray, errors_of(ray, "facts"):
        sorted_parts = _sorted_parts(ray, extraction, number, progress)
        streams = [chain.from_iterable(map(ray.get, part)) for part in sorted_parts]
        yield from heapq.merge(*streams, key=_order)


def _order(fact: Fact) -> tuple[object, ...]:
    return -fact.support, -fact.confidence, fact.relation_id, fact.head.id, fact.tail.id, fact.relation


def _sorted_parts(
    ray: Ray, extraction: ShardedExtraction, number: int, progress: Progress
) -> list[Iterable[Any]]:
    """Return references to the facts of each part in order, computed as they are read."""
    steps = 4

    def remote(function: Any, returns: int | str) -> Any:
        return ray.remote(num_returns=returns, max_retries=3)(function)

    progress("facts", 0, steps)
    groups = [list(extraction.paths[start::number]) for start in range(min(number, len(extraction.paths)))]
    divided = [
        _listed(remote(_by_document, number).remote(group, extraction.matches, number), number)
        for group in groups
    ]
    named = [remote(_named, 2).remote(*column) for column in zip(*divided, strict=True)]
    known: dict[tuple[str, str], set[str]] = {}
    relations: dict[str, tuple[int, tuple[Match, ...]]] = {}
    for _, shared in named:
        of_part, seen = ray.get(shared)
        _join(known, of_part)
        relations.update(seen)
    progress("facts", 1, steps)
    meanings: dict[str, set[tuple[str, str]]] = {}
    known_there = ray.put(known)
    for of_part in ray.get([remote(_meanings, 1).remote(names, known_there) for names, _ in named]):
        _join(meanings, of_part)
    progress("facts", 2, steps)
    meanings_there = ray.put(meanings)
    formed = [
        _listed(remote(_formed, 2 * number).remote(names, known_there, meanings_there, number), 2 * number)
        for names, _ in named
    ]
    columns = list(zip(*formed, strict=True))
    entities = [
        _listed(remote(_entities, number).remote(number, *column), number) for column in columns[:number]
    ]
    progress("facts", 3, steps)
    relations_there, at_once = ray.put(relations), min(_AT_ONCE, -(-_IN_MEMORY // number))
    facts = [
        remote(_facts, "streaming").remote(relations_there, at_once, len(entities), *of_part, *column)
        for of_part, column in zip(zip(*entities, strict=True), columns[number:], strict=True)
    ]
    progress("facts", 4, steps)
    return facts


def _listed(references: Any, number: int) -> list[Any]:
    """Return the references of a task as a list; Ray returns a single one bare."""
    return [references] if number == 1 else list(references)


def _join(joined: dict[Key, set[Value]], part: Mapping[Key, set[Value]]) -> None:
    for key, values in part.items():
        joined.setdefault(key, set()).update(values)


def _bucket(text: str, number: int) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) % number


def _unwrapped(parts: Sequence[Any]) -> Any:
    """Return what a task with so many results returns: a task with one result returns it bare."""
    return parts[0] if len(parts) == 1 else list(parts)


def _by_document(
    paths: Sequence[Path], matches: Mapping[int, tuple[Match, ...]], number: int
) -> list[list[Triple]]:
    """Divide triples by their documents."""
    parts: list[list[Triple]] = [[] for _ in range(number)]
    for triple in read_triples(paths, matches):
        instance = triple.instance
        parts[_bucket(instance.document or f"\0{instance.text}", number)].append(triple)
    result: list[list[Triple]] = _unwrapped(parts)
    return result


def _named(*parts: Sequence[Triple]) -> tuple[tuple[DocumentNames, list[Triple]], tuple[Any, _Relations]]:
    """Return the names of some documents with their triples; and what other documents need to know."""
    triples = [triple for part in parts for triple in part]
    names = DocumentNames.of([triple.instance for triple in triples])
    relations = {triple.relation: (triple.relation_id, triple.matches) for triple in triples}
    return (names, triples), (names.known(), relations)


def _meanings(
    named: tuple[DocumentNames, list[Triple]], known: Mapping[tuple[str, str], set[str]]
) -> Mapping[str, set[tuple[str, str]]]:
    return named[0].meanings(known)


def _formed(
    named: tuple[DocumentNames, list[Triple]],
    known: Mapping[tuple[str, str], set[str]],
    meanings: Mapping[str, set[tuple[str, str]]],
    number: int,
) -> Any:
    """Divide the forms by their entities, with the parts that need these; and the triples by their facts."""
    from relscout.discovery.relation import forward_name

    names, triples = named
    forms, keys = names.forms(known, meanings)
    owner_of = Owners(forms).owner_of
    needed: defaultdict[str, set[int]] = defaultdict(set)
    by_fact: list[list[tuple[Triple, str, str]]] = [[] for _ in range(number)]
    for triple, (head_key, tail_key) in zip(triples, keys, strict=True):
        head, tail = owner_of[head_key], owner_of[tail_key]
        # both directions of a relation and its inverse belong together
        ends = "\0".join(sorted((head, tail)))
        part = _bucket(f"{forward_name(triple.relation)}\0{ends}", number)
        by_fact[part].append((triple, head, tail))
        needed[head].add(part)
        needed[tail].add(part)
    by_entity: list[tuple[dict[FormKey, Form], dict[str, set[int]]]] = [({}, {}) for _ in range(number)]
    for key, form in forms.items():
        own, wanted = by_entity[_bucket(owner_of[key], number)]
        own[key] = form
        wanted[owner_of[key]] = needed[owner_of[key]]
    return [*by_entity, *by_fact]


def _entities(number: int, *parts: tuple[dict[FormKey, Form], dict[str, set[int]]]) -> list[list[Entity]]:
    """Return some of the entities, divided by the parts that need them."""
    forms: dict[FormKey, Form] = {}
    needed: dict[str, set[int]] = {}
    for own, wanted in parts:
        _join(needed, wanted)
        for key, form in own.items():
            forms.setdefault(key, Form()).merge(form)
    divided: list[list[Entity]] = [[] for _ in range(number)]
    for entity in Owners(forms).entities():
        for part in needed.get(entity.id, ()):
            divided[part].append(entity)
    result: list[list[Entity]] = _unwrapped(divided)
    return result


def _facts(
    relations: _Relations, at_once: int, n_entities: int, *parts: Sequence[Any]
) -> Iterator[list[Fact]]:
    """Yield the facts of a part in order, so many at a time."""
    from relscout.discovery.relation import find_facts

    entities = tuple(entity for part in parts[:n_entities] for entity in part)
    rows = [row for part in parts[n_entities:] for row in part]
    merged = MergedEntities(entities, tuple(head for _, head, _ in rows), tuple(tail for *_, tail in rows))
    facts = find_facts((triple for triple, *_ in rows), merged, relations=relations).facts
    for start in range(0, len(facts), at_once):
        yield list(facts[start : start + at_once])
