"""Facts and entities of a corpus in parts: a group-by in two shuffles of tasks, of Ray or in this process.

Names are merged into entities in whole documents first, so the rows are divided by their documents. What documents
share (identifiers of names, and meanings of acronyms) is small, and joined in this process. Then the triples are
divided by head, relation and tail, and each part becomes facts. Entities are divided by their ids.

The facts are those of :func:`relscout.discovery.relation.find_facts`, in the same order.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, TypeVar, overload
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import Entity, Fact, Match, RelationInstance, Triple
from relscout.core.progress import Progress, silent
from relscout.discovery.relation import EntityLink, Facts, forward_name
from relscout.discovery.relation import find_facts as facts_of
from relscout.discovery.tasks import Here, Tasks
from relscout.text.entities import DocumentNames, Form, FormKey, MergedEntities, Owners

#: Rows of a part; rows that are divided at a time; facts or entities that a part sends at a time, and that all parts
#: have in memory while they are merged.
_PER_PART, _DIVIDED, AT_ONCE, _IN_MEMORY = 50_000, 50_000, 5_000, 100_000
_MOST_PARTS = 256

#: A triple, or an instance without a relation, which has entities only.
Row = Triple | RelationInstance
Value = TypeVar("Value")
Key = TypeVar("Key")
#: Relation → its number and matches.
_Relations = Mapping[str, tuple[int, tuple[Match, ...]]]


def parts_for(n_rows: int) -> int:
    """Return in how many parts so many rows are grouped."""
    return min(_MOST_PARTS, 1 + n_rows // _PER_PART)


def at_once(number: int) -> int:
    """Return how many facts each of ``number`` parts sends at a time."""
    return min(AT_ONCE, -(-_IN_MEMORY // number))


def fact_order(fact: Fact) -> tuple[object, ...]:
    """Return the key by which facts are sorted, the most supported first."""
    return -fact.support, -fact.confidence, fact.relation_id, fact.head.id, fact.tail.id, fact.relation


def entity_order(entity: Entity) -> tuple[object, ...]:
    """Return the key by which entities are sorted, the most mentioned first."""
    return -entity.mentions, entity.id


def facts_on_disk(rows: Iterable[Row], n_rows: int, *, parts: int | None = None) -> Facts:
    """Return the facts and entities of a corpus, which stay on disk and are read when they are used.

    Memory is that of a part, of the names that documents share, and of 16 bytes for each fact.

    Args:
        rows: The triples, and the instances without a relation, in any order; consumed once.
        n_rows: About how many there are.
        parts: Number of parts, from 1; by default one for 50,000 rows.

    Raises:
        OutputError: The folder for temporary files cannot be written, or its disk is full.
    """
    here, number = Here(), parts or parts_for(n_rows)
    grouped = group(here, _divided(here, rows, number), number)
    sizes = at_once(number)
    entities = [here.remote(num_returns="streaming")(_listed).remote(sizes, *part) for part in grouped.forms]
    links = [here.remote(num_returns=1)(_links).remote(*part) for part in grouped.triples]
    count, ends = 0, array("Q")
    for reference in chain.from_iterable(grouped.facts):
        for fact in here.get(reference):
            count += 1
            ends.extend((_digest(fact.head.id), _digest(fact.tail.id)))
    n_entities = sum(len(here.get(reference)) for reference in chain.from_iterable(entities))
    listed = _Merged(here, entities, entity_order, n_entities)
    facts = _Merged(here, grouped.facts, fact_order, count)
    return Facts(facts, listed, _Counts(ends, listed), _Chained(here, links))


def _divided(here: Here, rows: Iterable[Row], number: int) -> list[list[Any]]:
    """Return references to the rows of each part, divided by their documents."""
    parts: list[list[Any]] = [[] for _ in range(number)]
    stream = iter(rows)
    while chunk := list(islice(stream, _DIVIDED)):
        for part, reference in zip(parts, here.store(by_document(chunk, number)), strict=True):
            part.append(reference)
    return parts


def in_order(
    tasks: Tasks, parts: Iterable[Iterable[Any]], key: Callable[[Value], tuple[object, ...]]
) -> Iterator[Value]:
    """Return the values of sorted parts in order, with a few thousand of each part in memory.

    Args:
        tasks: Where the parts are.
        parts: References to the values of each part, some thousand at a time.
        key: The key by which each part is sorted.
    """
    streams = (chain.from_iterable(map(tasks.get, part)) for part in parts)
    return heapq.merge(*streams, key=key)


class _Merged(Sequence[Value]):
    """Values in the sorted parts that hold them, read from the disk in order."""

    def __init__(
        self,
        here: Here,
        parts: Sequence[Sequence[Any]],
        key: Callable[[Value], tuple[object, ...]],
        count: int,
    ) -> None:
        self._here, self._parts, self._key, self._count = here, parts, key, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Value]:
        return in_order(self._here, self._parts, self._key)

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> list[Value]: ...

    def __getitem__(self, place: int | slice) -> Value | list[Value]:
        if isinstance(place, slice):
            places = range(*place.indices(self._count))
            first, last = (min(places), max(places) + 1) if places else (0, 0)
            read = list(islice(self, first, last))
            return [read[row - first] for row in places]
        row = place + self._count if place < 0 else place
        if not 0 <= row < self._count:
            raise IndexError(f"place {place} of {self._count}")
        return next(islice(self, row, None))


@dataclass(frozen=True)
class _Chained(Iterable[Value]):
    """Values in parts, read from the disk one part after the other."""

    here: Here
    parts: Sequence[Any]

    def __iter__(self) -> Iterator[Value]:
        return chain.from_iterable(map(self.here.get, self.parts))


class _Counts(Mapping[str, int]):
    """Number of facts of each entity, by hashes of their ids."""

    def __init__(self, ends: array[int], entities: Sequence[Entity]) -> None:
        hashes, counts = np.unique(np.array(ends, dtype=np.uint64), return_counts=True)
        self._hashes: NDArray[np.uint64] = hashes
        self._counts: NDArray[np.int64] = counts
        self._entities = entities

    def __getitem__(self, id: str) -> int:
        """Return the number of facts of an entity; 0 for one that has none, or is unknown."""
        digest = np.uint64(_digest(id))
        place = int(np.searchsorted(self._hashes, digest))
        known = place < len(self._hashes) and self._hashes[place] == digest
        return int(self._counts[place]) if known else 0

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self[id] > 0

    def __iter__(self) -> Iterator[str]:
        return (entity.id for entity in self._entities if self[entity.id])

    def __len__(self) -> int:
        return len(self._hashes)


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Grouped:
    """What a corpus is grouped to.

    Args:
        facts: References to the facts of each part, sorted, some thousand at a time.
        forms: References to the forms of the entities of each part.
        triples: References to the triples of each part, with their entities.
    """

    facts: list[Any]
    forms: list[Sequence[Any]]
    triples: list[Sequence[Any]]


def group(
    tasks: Tasks, divided: Sequence[Sequence[Any]], number: int, *, progress: Progress = silent
) -> Grouped:
    """Group rows that are divided by their documents.

    Args:
        tasks: Where the work is done.
        divided: References to the rows of each part, as :func:`by_document` divides them.
        number: Number of parts.
        progress: Called with the number of finished steps, stage ``"facts"``.
    """
    steps = 4

    def remote(function: Any, returns: int | str) -> Any:
        return tasks.remote(num_returns=returns, max_retries=3)(function)

    progress("facts", 0, steps)
    named = [remote(_named, 3).remote(*part) for part in divided]
    known: dict[tuple[str, str], set[str]] = {}
    relations: dict[str, tuple[int, tuple[Match, ...]]] = {}
    for *_, shared in named:
        of_part, seen = tasks.get(shared)
        _join(known, of_part)
        relations.update(seen)
    progress("facts", 1, steps)
    meanings: dict[str, set[tuple[str, str]]] = {}
    known_there = tasks.put(known)
    for of_part in tasks.get([remote(_meanings, 1).remote(names, known_there) for names, *_ in named]):
        _join(meanings, of_part)
    progress("facts", 2, steps)
    meanings_there = tasks.put(meanings)
    formed = [
        listed(
            remote(_formed, 2 * number).remote(names, rows, known_there, meanings_there, number), 2 * number
        )
        for names, rows, _ in named
    ]
    del named
    columns = list(zip(*formed, strict=True))
    entities = [
        listed(remote(_entities, number).remote(number, *column), number) for column in columns[:number]
    ]
    progress("facts", 3, steps)
    relations_there = tasks.put(relations)
    facts = [
        remote(_facts, "streaming").remote(relations_there, at_once(number), len(entities), *of_part, *column)
        for of_part, column in zip(zip(*entities, strict=True), columns[number:], strict=True)
    ]
    progress("facts", 4, steps)
    return Grouped(facts, list(columns[:number]), list(columns[number:]))


def listed(references: Any, number: int) -> list[Any]:
    """Return the references of a task as a list; Ray returns a single one bare."""
    return [references] if number == 1 else list(references)


def unwrapped(parts: Sequence[Any]) -> Any:
    """Return what a task with so many results returns: a task with one result returns it bare."""
    return parts[0] if len(parts) == 1 else list(parts)


def by_document(rows: Iterable[Row], number: int) -> list[list[Row]]:
    """Divide rows by their documents; the parts are lists."""
    parts: list[list[Row]] = [[] for _ in range(number)]
    for row in rows:
        instance = _instance(row)
        parts[_bucket(instance.document or f"\0{instance.text}", number)].append(row)
    return parts


def _instance(row: Row) -> RelationInstance:
    return row.instance if isinstance(row, Triple) else row


def _join(joined: dict[Key, set[Value]], part: Mapping[Key, set[Value]]) -> None:
    for key, values in part.items():
        joined.setdefault(key, set()).update(values)


def _bucket(text: str, number: int) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) % number


def _named(*parts: Sequence[Row]) -> tuple[DocumentNames, list[Row], tuple[Any, _Relations]]:
    """Return the names of some documents, their rows, and what other documents need to know."""
    rows = [row for part in parts for row in part]
    names = DocumentNames.of([_instance(row) for row in rows])
    relations = {row.relation: (row.relation_id, row.matches) for row in rows if isinstance(row, Triple)}
    return names, rows, (names.known(), relations)


def _meanings(
    names: DocumentNames, known: Mapping[tuple[str, str], set[str]]
) -> Mapping[str, set[tuple[str, str]]]:
    return names.meanings(known)


def _formed(
    names: DocumentNames,
    rows: Sequence[Row],
    known: Mapping[tuple[str, str], set[str]],
    meanings: Mapping[str, set[tuple[str, str]]],
    number: int,
) -> Any:
    """Divide the forms by their entities, with the parts that need these; and the triples by their facts."""
    forms, keys = names.forms(known, meanings)
    owner_of = Owners(forms).owner_of
    needed: defaultdict[str, set[int]] = defaultdict(set)
    by_fact: list[list[tuple[Triple, str, str]]] = [[] for _ in range(number)]
    for row, (head_key, tail_key) in zip(rows, keys, strict=True):
        if not isinstance(row, Triple):
            continue
        head, tail = owner_of[head_key], owner_of[tail_key]
        # both directions of a relation and its inverse belong together
        ends = "\0".join(sorted((head, tail)))
        part = _bucket(f"{forward_name(row.relation)}\0{ends}", number)
        by_fact[part].append((row, head, tail))
        needed[head].add(part)
        needed[tail].add(part)
    by_entity: list[tuple[dict[FormKey, Form], dict[str, set[int]]]] = [({}, {}) for _ in range(number)]
    for key, form in forms.items():
        own, wanted = by_entity[_bucket(owner_of[key], number)]
        own[key] = form
        if owner_of[key] in needed:
            wanted[owner_of[key]] = needed[owner_of[key]]
    return [*by_entity, *by_fact]


#: Forms of entities, and the parts of the facts that need each entity.
_Forms = tuple[dict[FormKey, Form], dict[str, set[int]]]


def _owners(parts: Sequence[_Forms]) -> Owners:
    forms: dict[FormKey, Form] = {}
    for own, _ in parts:
        for key, form in own.items():
            forms.setdefault(key, Form()).merge(form)
    return Owners(forms)


def _entities(number: int, *parts: _Forms) -> list[list[Entity]]:
    """Return some of the entities, divided by the parts that need them."""
    needed: dict[str, set[int]] = {}
    for _, wanted in parts:
        _join(needed, wanted)
    divided: list[list[Entity]] = [[] for _ in range(number)]
    for entity in _owners(parts).entities():
        for part in needed.get(entity.id, ()):
            divided[part].append(entity)
    result: list[list[Entity]] = unwrapped(divided)
    return result


def _listed(at_once: int, *parts: _Forms) -> Iterator[list[Entity]]:
    """Yield all entities of a part in order, so many at a time."""
    entities = iter(sorted(_owners(parts).entities(), key=entity_order))
    while chunk := list(islice(entities, at_once)):
        yield chunk


def _links(*parts: Sequence[tuple[Triple, str, str]]) -> list[tuple[EntityLink, int]]:
    """Return how many triples of a part link two entities by a relation."""
    rows = chain.from_iterable(parts)
    return sorted(
        Counter((head, tail, triple.relation_id) for triple, head, tail in rows if head != tail).items()
    )


def _facts(
    relations: _Relations, at_once: int, n_entities: int, *parts: Sequence[Any]
) -> Iterator[list[Fact]]:
    """Yield the facts of a part in order, so many at a time."""
    entities = tuple(entity for part in parts[:n_entities] for entity in part)
    rows = [row for part in parts[n_entities:] for row in part]
    merged = MergedEntities(entities, tuple(head for _, head, _ in rows), tuple(tail for *_, tail in rows))
    facts = iter(facts_of((triple for triple, *_ in rows), merged, relations=relations).facts)
    while chunk := list(islice(facts, at_once)):
        yield chunk
