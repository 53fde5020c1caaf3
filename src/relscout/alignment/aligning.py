"""Distant alignment: instances are labelled with the relation of their pair of entities in a knowledge graph.

Peng et al., "Learning from Context or Names? An Empirical Study on Neural Relation Extraction", EMNLP 2020, section 3.1
and appendix A, after Mintz et al., "Distant supervision for relation extraction without labeled data", ACL 2009.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.alignment.graph import KnowledgeGraph
from relscout.core.errors import InputError, OutputError
from relscout.core.instances import Mention, RelationInstance, normalized
from relscout.core.progress import Progress, silent
from relscout.core.settings import AtLeast1, settings_class
from relscout.core.wording import counted


@settings_class
class AlignmentSettings:
    """How instances are linked to a graph, and which are kept.

    Raises:
        UnknownNameError: A setting is not one of its choices.
        SettingError: ``min_sentences`` is below 1.
    """

    link: Literal["id-or-name", "id", "name"] = "id-or-name"
    """Link a mention by its identifier, or by its name if it has none (``id-or-name``); or always by the same. Only
    ``name`` links a mention whose identifier is not in the graph."""
    ambiguous: Literal["resolve", "drop"] = "resolve"
    """Link an ambiguous name to the entity that the graph relates to the other mention, if there is exactly one
    (``resolve``), or leave it out (``drop``)."""
    both_ways: bool = True
    """Whether a pair that the graph relates from tail to head gives an instance with head and tail exchanged, rather
    than none."""
    min_sentences: AtLeast1 = 2
    """Minimum number of different sentences of a relation, at least 1. Two sentences are needed to form a pair."""


#: Reasons to leave out an instance.
Step = Literal["unlinked", "ambiguous", "unrelated", "excluded"]


@dataclass
class AlignmentStatistics:
    """Counts of an alignment, complete before its first instance is yielded."""

    instances: int = 0
    """Instances read."""
    mentions_by_id: int = 0
    """Mentions linked by their identifier."""
    mentions_by_name: int = 0
    """Mentions linked by an unambiguous name."""
    mentions_by_several: int = 0
    """Mentions with the name of several entities."""
    mentions_of_unknown_id: int = 0
    """Mentions whose identifier is not in the graph."""
    mentions_of_unknown_name: int = 0
    """Mentions whose name is not in the graph."""
    mentions_without_id: int = 0
    """Mentions without an identifier, if names are not used."""
    unlinked: int = 0
    """Instances left out because a mention was not linked."""
    ambiguous: int = 0
    """Instances left out because an ambiguous name was not resolved."""
    unrelated: int = 0
    """Instances left out because the graph does not relate their pair."""
    excluded: int = 0
    """Instances left out because their pair is excluded."""
    aligned: int = 0
    """Aligned instances: one for each relation of each related pair."""
    repeated: int = 0
    """Aligned instances left out because their sentence repeats the pair and relation."""
    rare: int = 0
    """Aligned instances left out because their relation has too few sentences."""
    rare_relations: int = 0
    """Number of such relations."""
    exchanged: int = 0
    """Kept instances in which head and tail are exchanged."""
    kept: dict[str, int] = field(default_factory=dict)
    """Kept relation → number of instances, the most frequent first."""
    example_id: str | None = None
    """An identifier that is not in the graph."""
    example_name: str | None = None
    """A name that is not in the graph."""
    example_pair: tuple[str, str] | None = None
    """A pair that the graph does not relate."""

    @property
    def n_kept(self) -> int:
        """Number of kept instances."""
        return sum(self.kept.values())

    @property
    def mentions_linked(self) -> int:
        """Number of mentions linked to at least one entity of the graph."""
        return self.mentions_by_id + self.mentions_by_name + self.mentions_by_several

    def unknown_id(self, identifier: str) -> None:
        """Count a mention whose identifier is not in the graph."""
        self.mentions_of_unknown_id += 1
        self.example_id = self.example_id or identifier

    def unknown_name(self, name: str) -> None:
        """Count a mention whose name is not in the graph."""
        self.mentions_of_unknown_name += 1
        self.example_name = self.example_name or name

    def count_lost(self, step: Step) -> None:
        """Count an instance that is left out."""
        setattr(self, step, getattr(self, step) + 1)

    def as_dict(self) -> dict[str, Any]:
        """Return all counts as JSON values."""
        return {**dataclasses.asdict(self), "kept": dict(self.kept)}

    def empty_message(self, min_sentences: int) -> str:
        """Return an error message: no instance is left, with the counts of each step and advice."""
        if not self.instances:
            return "nothing to align: the corpus holds no instance"
        parts = [
            f"no instance is left: {counted(self.instances, 'instance')} read, {self.mentions_linked:,} of "
            f"{2 * self.instances:,} mentions linked{self._not_in_graph()}",
            *self._losses(min_sentences),
            self._advice(),
        ]
        return "; ".join(parts)

    def _not_in_graph(self) -> str:
        by_name = self.mentions_by_name + self.mentions_by_several
        sides = (("ids", self.example_id, self.mentions_by_id), ("names", self.example_name, by_name))
        missing = [
            (what, f"{example[:60]!r}", linked) for what, example, linked in sides if example is not None
        ]
        none = [f"none of the {what} such as {example}" for what, example, linked in missing if not linked]
        some = [
            f"{what} such as {example} are not in the graph" for what, example, linked in missing if linked
        ]
        parts = ([f"{' and '.join(none)} is in the graph"] if none else []) + some
        return f": {', and '.join(parts)}" if parts else ""

    def _losses(self, min_sentences: int) -> Iterator[str]:
        if self.mentions_without_id:
            yield f"{counted(self.mentions_without_id, 'mention')} without an id"
        if self.mentions_linked and self.unlinked:
            yield f"{counted(self.unlinked, 'instance')} with a mention not linked"
        if self.ambiguous:
            yield f"{self.ambiguous:,} ambiguous"
        if self.unrelated:
            such = "" if self.example_pair is None else ", such as {!r} and {!r}".format(*self.example_pair)
            yield f"{self.unrelated:,} whose pair the graph does not relate{such}"
        if self.excluded:
            yield f"{self.excluded:,} whose pair is excluded"
        if self.rare:
            sentences = counted(min_sentences, "sentence")
            yield (f"{self.rare:,} of {counted(self.rare_relations, 'relation')} with fewer than {sentences}")

    def _advice(self) -> str:
        if self.rare:
            return "use a larger corpus, or a lower minimum number of sentences"
        if self.excluded:
            return "exclude only the test set"
        if self.unrelated:
            return "is the graph of the same domain as the corpus, and are both directions allowed?"
        if self.ambiguous:
            return "give the mentions ids, or fewer names to the graph"
        if self.mentions_of_unknown_id and not self.mentions_of_unknown_name:
            return "are the ids those of this graph? If not, link by name"
        return "are corpus and graph of the same knowledge base, and does the graph know the names of its entities?"


@dataclass(frozen=True, slots=True)
class Linked:
    """The numbers of the entities of head and tail, related in at least one direction."""

    head: int
    tail: int


def link(
    instance: RelationInstance,
    graph: KnowledgeGraph,
    settings: AlignmentSettings,
    statistics: AlignmentStatistics,
) -> Linked | Step:
    """Return the only related pair of entities of the mentions, or the reason why there is none.

    Ambiguous names are resolved if exactly one pair of their entities is related in the directions of the settings.
    """
    heads = _entities(instance, instance.head, graph, settings, statistics)
    tails = _entities(instance, instance.tail, graph, settings, statistics)
    if not heads or not tails:
        return "unlinked"
    if settings.ambiguous == "drop" and (len(heads) > 1 or len(tails) > 1):
        return "ambiguous"
    related = set(graph.related(heads, tails))
    if settings.both_ways:
        related |= {(head, tail) for tail, head in graph.related(tails, heads)}
    if not related:
        return "unrelated"
    if len(related) > 1:
        return "ambiguous"
    return Linked(*related.pop())


def candidates(instance: RelationInstance, mention: Mention, graph: KnowledgeGraph) -> tuple[int, ...]:
    """Return all entities that a mention may refer to, by its identifier or by its name."""
    by_id = None if mention.entity_id is None else graph.entity(mention.entity_id)
    by_name = graph.named(mention.surface(instance.text))
    return by_name if by_id is None or by_id in by_name else (by_id, *by_name)


def _entities(
    instance: RelationInstance,
    mention: Mention,
    graph: KnowledgeGraph,
    settings: AlignmentSettings,
    statistics: AlignmentStatistics,
) -> tuple[int, ...]:
    if settings.link != "name" and mention.entity_id is not None:
        entity = graph.entity(mention.entity_id)
        if entity is None:
            statistics.unknown_id(mention.entity_id)
            return ()
        statistics.mentions_by_id += 1
        return (entity,)
    if settings.link == "id":
        statistics.mentions_without_id += 1
        return ()
    name = mention.surface(instance.text)
    entities = graph.named(name)
    if not entities:
        statistics.unknown_name(name)
    statistics.mentions_by_name += len(entities) == 1
    statistics.mentions_by_several += len(entities) > 1
    return entities


class Exclusions:
    """Pairs of entities that are excluded in either direction, such as those of a test set.

    "Learning from Context or Names" (section 4.2) excludes all entity pairs of the test sets. A pair is recognised

    * by the identifiers of both mentions, whether or not they are in the graph,
    * by both names, normalised,
    * and by the graph: if names and identifiers of the instance may refer to a related pair of entities, that pair is
      excluded under all of its names.

    Args:
        graph: The graph of the alignment.
        instances: Instances whose pairs are excluded; their gold relations are ignored.
    """

    def __init__(self, graph: KnowledgeGraph, instances: Iterable[RelationInstance] = ()) -> None:
        self._graph = graph
        self._entities: set[tuple[int, int]] = set()
        self._spelled: set[tuple[str, str]] = set()
        self.n_instances = 0
        """Number of instances whose pairs are excluded."""
        for instance in instances:
            self.add(instance)

    def add(self, instance: RelationInstance) -> None:
        """Exclude the pair of another instance."""
        self.n_instances += 1
        self._spelled.update(_spellings(instance))
        heads, tails = (
            candidates(instance, mention, self._graph) for mention in (instance.head, instance.tail)
        )
        for pair in (*self._graph.related(heads, tails), *self._graph.related(tails, heads)):
            self._entities.add((min(pair), max(pair)))

    def cover(self, instance: RelationInstance, linked: Linked) -> bool:
        """Return whether a linked instance is excluded."""
        entities = (min(linked.head, linked.tail), max(linked.head, linked.tail))
        return entities in self._entities or not self._spelled.isdisjoint(_spellings(instance))


def _spellings(instance: RelationInstance) -> list[tuple[str, str]]:
    names = sorted(normalized(name) for name in (instance.head_text, instance.tail_text))
    spellings = [(names[0], names[1])]
    if instance.head.entity_id is not None and instance.tail.entity_id is not None:
        ids = sorted((instance.head.entity_id, instance.tail.entity_id))
        # a line feed, which no normalised name has, distinguishes identifiers from names
        spellings.append((f"{ids[0]}\n", f"{ids[1]}\n"))
    return spellings


_LARGEST_OFFSET = 2**20 - 1


class Selection:
    """Stores aligned instances in 36 bytes each, and selects from them once all are known.

    Of the instances with the same sentence, pair (in either direction) and relation, the first is kept in this order:
    not exchanged, nearest mentions, leftmost head, hash. The selection does not depend on the order of the input.
    """

    def __init__(self) -> None:
        self._groups, self._sentences = array("q"), array("q")
        self._ranks, self._hashes = array("q"), array("q")
        self._relations = array("I")
        self._exchanged = bytearray()

    def add(self, instance: RelationInstance, linked: Linked, relation: int, *, exchanged: bool) -> None:
        """Add an instance with its relation, by number."""
        low, high = sorted((linked.head, linked.tail))
        sentence = _hash(instance.text)
        self._sentences.append(sentence)
        self._groups.append(_hash(f"{sentence},{low},{high},{relation}"))
        self._ranks.append(_rank(instance, exchanged=exchanged))
        self._hashes.append(_hash(f"{instance.id}\n{instance.source}\n{instance.head}\n{instance.tail}"))
        self._relations.append(relation)
        self._exchanged.append(exchanged)

    def kept(
        self, relations: tuple[str, ...], *, min_sentences: int, statistics: AlignmentStatistics
    ) -> NDArray[np.bool_]:
        """Return which instances are kept (N,), in the order of addition, and complete the statistics.

        Args:
            relations: Names of the relations, by number.
            min_sentences: Minimum number of different sentences of a relation.
            statistics: Receives the counts.
        """
        kinds = np.asarray(self._relations, np.uint32)
        kept = self._chosen()
        statistics.aligned, statistics.repeated = len(kept), int((~kept).sum())
        sentences = self._sentences_of(kept, len(relations))
        frequent = sentences >= min_sentences
        is_rare = kept & ~frequent[kinds]
        statistics.rare, statistics.rare_relations = (
            int(is_rare.sum()),
            int((~frequent & (sentences > 0)).sum()),
        )
        kept &= ~is_rare
        statistics.exchanged = int(np.frombuffer(self._exchanged, np.uint8)[kept].sum()) if len(kept) else 0
        counts = np.bincount(kinds[kept], minlength=len(relations))
        order = sorted(
            np.flatnonzero(counts).tolist(), key=lambda number: (-counts[number], relations[number])
        )
        statistics.kept = {relations[number]: int(counts[number]) for number in order}
        return kept

    def _chosen(self) -> NDArray[np.bool_]:
        groups = np.asarray(self._groups, np.int64)
        order = np.lexsort((np.asarray(self._hashes, np.int64), np.asarray(self._ranks, np.int64), groups))
        chosen = np.zeros(len(groups), dtype=bool)
        chosen[order[_first_of_each(groups[order])]] = True
        return chosen

    def _sentences_of(self, kept: NDArray[np.bool_], n_relations: int) -> NDArray[np.int64]:
        """Return the number of different sentences of each relation (R,)."""
        kinds = np.asarray(self._relations, np.uint32)[kept]
        sentences = np.asarray(self._sentences, np.int64)[kept]
        order = np.lexsort((sentences, kinds))
        kinds, sentences = kinds[order], sentences[order]
        new = _first_of_each(kinds) | _first_of_each(sentences)
        return np.bincount(kinds[new], minlength=n_relations)


def _first_of_each(ordered: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return where a value differs from the previous one (N,)."""
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first


def _rank(instance: RelationInstance, *, exchanged: bool) -> int:
    head, tail = instance.head, instance.tail
    gap = max(head.start, tail.start) - min(head.end, tail.end)
    rank = int(exchanged)
    for part in (max(gap, 0), head.start, tail.start):
        rank = rank << 20 | min(part, _LARGEST_OFFSET)
    return rank


def _hash(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


class Spool:
    """A temporary file of instances in ``TMPDIR``, deleted when the block ends.

    Raises:
        OutputError: The file cannot be created or is full.
    """

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile("w+", encoding="ascii", newline="\n")  # noqa: SIM115 - closed at exit
        except OSError as error:
            raise _no_room(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, instance: RelationInstance) -> None:
        """Write one instance."""
        # JSON escapes everything but ASCII, even lone surrogates
        head, tail = (
            (mention.start, mention.end, mention.type, mention.entity_id)
            for mention in (instance.head, instance.tail)
        )
        record = (instance.text, head, tail, instance.relation, instance.id, instance.source)
        try:
            self._file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise _no_room(error) from error

    def __iter__(self) -> Iterator[RelationInstance]:
        """Yield all written instances."""
        try:
            self._file.seek(0)
        except OSError as error:  # flushing the buffer may fail
            raise _no_room(error) from error
        for line in self._file:
            text, head, tail, *rest = json.loads(line)
            yield RelationInstance(text, Mention(*head), Mention(*tail), *rest)


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"cannot store the aligned instances in {tempfile.gettempdir()}: {error.strerror or error}; set TMPDIR to a "
        "folder with more space"
    )


_REPORT_EVERY = 1_000


def align(
    instances: Iterable[RelationInstance],
    graph: KnowledgeGraph,
    settings: AlignmentSettings | None = None,
    *,
    exclude: Exclusions | None = None,
    statistics: AlignmentStatistics | None = None,
    progress: Progress = silent,
) -> Iterator[RelationInstance]:
    """Yield the instances whose entities the graph relates, labelled with its relations, in the order of the input.

    As in section 3.1, a pair with several relations gives an instance for each. Within one sentence, a pair gives one
    instance of a relation, however often and in whichever direction it is marked. If the graph has (t, r, h) and not
    (h, r, t), head and tail are exchanged, so that an instance always has the direction of the graph.

    Existing relations of the instances are ignored. The mentions get the graph's identifiers. An instance keeps its id
    if its pair has one relation in its direction; with several, the relation is appended to each id; an exchanged
    instance has a new id, made from text and offsets.

    The input is read once, instance by instance. Aligned instances are stored in a temporary file until the number of
    sentences of each relation is known.

    Args:
        instances: Instances to align; may be a generator.
        graph: The knowledge graph.
        settings: The rules; defaults if ``None``.
        exclude: Excluded pairs.
        statistics: Receives the counts before the first instance is yielded.
        progress: Called with the number of instances read.

    Raises:
        InputError: No instance is left; the message counts the losses of each step.
        OutputError: The temporary file cannot be written.
    """
    settings = AlignmentSettings() if settings is None else settings
    statistics = AlignmentStatistics() if statistics is None else statistics
    selection = Selection()
    with Spool() as spool:
        for instance in instances:
            statistics.instances += 1
            if statistics.instances % _REPORT_EVERY == 0:
                progress("instances", statistics.instances, None)
            linked = link(instance, graph, settings, statistics)
            if linked == "unrelated" and statistics.example_pair is None:
                statistics.example_pair = (instance.head_text, instance.tail_text)
            if not isinstance(linked, Linked):
                statistics.count_lost(linked)
            elif exclude is not None and exclude.cover(instance, linked):
                statistics.count_lost("excluded")
            else:
                for aligned, relation, exchanged in _related(instance, linked, graph, settings):
                    spool.add(aligned)
                    selection.add(aligned, linked, relation, exchanged=exchanged)
        selected = selection.kept(
            graph.relations, min_sentences=settings.min_sentences, statistics=statistics
        )
        if not selected.any():
            raise InputError(statistics.empty_message(settings.min_sentences))
        for place, aligned in enumerate(spool):
            if selected[place]:
                yield aligned


def _related(
    instance: RelationInstance, linked: Linked, graph: KnowledgeGraph, settings: AlignmentSettings
) -> Iterator[tuple[RelationInstance, int, bool]]:
    """Yield an instance for each relation of its pair, the number of the relation, and whether it is exchanged."""
    forward = graph.relations_of(linked.head, linked.tail)
    backward: list[int] = []
    if settings.both_ways:  # a symmetric relation keeps the marked direction
        backward = [
            relation for relation in graph.relations_of(linked.tail, linked.head) if relation not in forward
        ]
    head = replace(instance.head, entity_id=graph.entities[linked.head])
    tail = replace(instance.tail, entity_id=graph.entities[linked.tail])
    if forward:
        yield from _expressing(replace(instance, head=head, tail=tail), forward, graph, exchanged=False)
    if backward:
        yield from _expressing(
            replace(instance, head=tail, tail=head, id=""), backward, graph, exchanged=True
        )


def _expressing(
    instance: RelationInstance, relations: list[int], graph: KnowledgeGraph, *, exchanged: bool
) -> Iterator[tuple[RelationInstance, int, bool]]:
    for relation in relations:
        name = graph.relations[relation]
        id = instance.id if len(relations) == 1 else f"{instance.id}:{name}"
        yield replace(instance, relation=name, id=id), relation, exchanged
