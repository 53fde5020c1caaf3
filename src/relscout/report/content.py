"""The content of the report, independent of HTML: map, entities, facts, sentences, comparison with gold relations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest, nsmallest
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.errors import InputError
from relscout.core.instances import Entity as MergedEntity
from relscout.core.instances import Fact, RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.discovery import Discovery, ParentRelation, Relation
from relscout.discovery.relation import EntityLink, Facts, forward_name, hierarchy_of, links_between
from relscout.io.shards import ShardedRows, take

if TYPE_CHECKING:
    from relscout.metrics import ClusteringScores, Interval

#: Okabe and Ito 2008, "Color Universal Design", without their yellow, which is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def place_of(instance: RelationInstance) -> str:
    """Return the origin of an instance: document, file and line, and the offset of its sentence."""
    document = instance.document if instance.document not in instance.source else ""
    start = "" if instance.document_start is None else f"character {instance.document_start:,}"
    return ", ".join(filter(None, (document, instance.source, start)))


#: Maximum number of instances on the map.
MOST_POINTS = 2000
_PERPLEXITY = 30.0
#: Number of principal components for t-SNE.
_COMPONENTS = 50


def drawn(ids: NDArray[np.int64], *, most: int = MOST_POINTS, seed: int = 0) -> NDArray[np.int64]:
    """Return the rows (n,) of a sample of the instances with a relation, in order.

    Relations keep their shares, but each has at least one instance.

    Args:
        ids: Relation of each instance (N,); -1 for none.
        most: Maximum number of rows, unless there are more relations.
        seed: Random seed.
    """
    with_relation = np.flatnonzero(ids >= 0)
    if len(with_relation) <= most:
        return with_relation
    random = generator(seed, "map")
    chosen = []
    for id in np.unique(ids[with_relation]).tolist():
        rows = np.flatnonzero(ids == id)
        count = max(1, int(len(rows) * most / len(with_relation)))
        chosen.append(random.choice(rows, count, replace=False))
    return np.sort(np.concatenate(chosen))


def projected(vectors: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
    """Return vectors (n, D) in the plane (n, 2), float32, within [-1, 1]: t-SNE (van der Maaten and Hinton 2008).

    Args:
        vectors: The vectors.
        seed: Random seed of t-SNE, which starts from the principal components.
    """
    if not (n := len(vectors)):
        return np.empty((0, 2), dtype=np.float32)
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    if n < 5 or not np.ptp(centred, axis=0).max(initial=0.0):
        # too few vectors, or all equal
        plane = np.zeros((n, 2))
        plane[:, : min(2, centred.shape[1])] = centred[:, :2]
        return _within(plane)
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    components = min(_COMPONENTS, n, centred.shape[1])
    reduced = PCA(
        components, svd_solver="full" if n < 500 else "randomized", random_state=seed
    ).fit_transform(centred)
    if reduced.shape[1] < 2:
        return _within(np.column_stack([reduced[:, 0], np.zeros(n)]))
    from threadpoolctl import threadpool_limits

    # one thread, for a reproducible order of summation
    with threadpool_limits(1, user_api="openmp"):
        embedded = TSNE(
            perplexity=min(_PERPLEXITY, (n - 1) / 3), init="pca", random_state=seed
        ).fit_transform(reduced)
    return _within(np.asarray(embedded, dtype=np.float64))


def _within(plane: NDArray[np.float64]) -> NDArray[np.float32]:
    plane = plane - (plane.min(axis=0) + plane.max(axis=0)) / 2
    reach = float(np.abs(plane).max())
    return np.asarray(plane / reach if reach else plane, dtype=np.float32)


T = TypeVar("T", int, str)

#: Number of hub entities, and maximum number of entities including their neighbours.
_HUBS, _MOST = 20, 70


@dataclass(frozen=True)
class Entity:
    """An entity of the graph.

    Args:
        name: Its name.
        x: Position, in [-1, 1].
        y: Position, in [-1, 1].
        links: Number of connected entities in the whole corpus.
        relations: Relation → number of its instances with this entity, the most frequent first.
    """

    name: str
    x: float
    y: float
    links: int
    relations: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Link:
    """Instances of one relation between two entities, by their positions in the graph."""

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


def entity_links(discovery: Discovery) -> Iterable[tuple[EntityLink, int]]:
    """Return how many instances link two entities by a relation, in any order."""
    links = discovery.found_facts.links
    return (
        links_between(discovery.merged_entities, discovery.assignments.relation_ids)
        if links is None
        else links
    )


#: Links of the graph, at most: of more, the most frequent.
_MOST_LINKS = 300_000


def entity_graph(counted: Iterable[tuple[EntityLink, int]], entities: Sequence[MergedEntity]) -> EntityGraph:
    """Return the most connected entities, their neighbours, and the links between them.

    Args:
        counted: Number of instances of each link, see :func:`relscout.discovery.relation.links_between`.
        entities: All entities of the corpus.
    """
    import networkx

    links = dict(nlargest(_MOST_LINKS, counted, key=lambda link: (link[1], link[0])))
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
    # round robin, so that no hub takes all positions
    around = [sorted(others[hub], key=lambda key: (-len(others[key]), key)) for hub in hubs]
    for key in chain.from_iterable(zip_longest(*around)):
        if key is not None and len(chosen) < _MOST:
            chosen[key] = None
    selected = sorted(chosen, key=lambda key: (-len(others[key]), key))
    place_of = {key: place for place, key in enumerate(selected)}
    drawn = [
        Link(place_of[head], place_of[tail], id, count)
        for (head, tail, id), count in sorted(links.items())
        if head in place_of and tail in place_of
    ]
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(selected)))
    graph.add_edges_from((link.head, link.tail) for link in drawn)
    places = networkx.spring_layout(graph, seed=0, k=1.6 / max(len(selected), 1) ** 0.5) if selected else {}
    names = {entity.id: entity.name for entity in entities if entity.id in place_of}
    nodes = [
        Entity(
            names[key],
            round(float(places[place][0]), 4),
            round(float(places[place][1]), 4),
            len(others[key]),
            _ranked(by_relation[key]),
        )
        for place, key in enumerate(selected)
    ]
    return EntityGraph(nodes, drawn, len(entities))


def _ranked(counts: Counter[T]) -> list[tuple[T, int]]:
    """Return the counts, the largest first; ties are sorted by key."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


#: Maximum number of facts and entities on the page.
MOST_FACTS, MOST_ENTITIES = 2000, 1000
#: Maximum number of sentences of a fact.
_SENTENCES = 4


@dataclass(frozen=True)
class FactsView:
    """The facts on the page.

    Args:
        facts: The most supported facts, at most :data:`MOST_FACTS`.
        rows: Rows of the sentences of each fact.
        total: Number of all facts.
        entities: The entities with most facts, at most :data:`MOST_ENTITIES`.
        total_entities: Number of all entities.
        per_entity: Id of an entity → number of its facts.
        per_relation: Id of a relation → number of its facts.
    """

    facts: Sequence[Fact]
    rows: Sequence[Sequence[int]]
    total: int
    entities: Sequence[MergedEntity]
    total_entities: int
    per_entity: Mapping[str, int]
    per_relation: Mapping[int, int]

    def within(self, shown: Collection[int]) -> FactsView:
        """Return the view with only the rows whose sentences are on the page."""
        return replace(self, rows=[[row for row in rows if row in shown] for rows in self.rows])

    def of_relation(self, relation: Relation, relations: Sequence[Relation]) -> tuple[int, int]:
        """Return the relation that has the facts of a relation, itself or its inverse, and their number."""
        name = forward_name(relation.name)
        id = next((relation.id for relation in relations if relation.name == name), relation.id)
        return id, self.per_relation.get(id, 0)


def ranked_entities(table: Facts, most: int | None = None) -> list[MergedEntity]:
    """Return the entities, or at most so many, those with most facts first, then the most mentioned."""
    counts = table.per_entity
    return nsmallest(
        len(table.entities) if most is None else most,
        table.entities,
        key=lambda entity: (-counts[entity.id], -entity.mentions, entity.id),
    )


def facts_view(discovery: Discovery, row_of: Mapping[str, int], *, most_rows: int) -> FactsView:
    """Select the facts and entities of the page, with at most ``most_rows`` sentences; ``row_of`` maps ids to rows."""
    table = discovery.found_facts
    listed = table.facts[:MOST_FACTS]
    rows: list[list[int]] = []
    left = most_rows
    for fact in listed:
        chosen = [row_of[id] for id in fact.evidence[: min(_SENTENCES, left)]]
        left -= len(chosen)
        rows.append(chosen)
    return FactsView(
        facts=listed,
        rows=rows,
        total=len(table.facts),
        entities=ranked_entities(table, MOST_ENTITIES),
        total_entities=len(table.entities),
        per_entity=table.per_entity,
        per_relation=Counter(fact.relation_id for fact in table.facts),
    )


_RESAMPLES = 200
_CONFUSIONS = 8
_EXAMPLES = 2
#: Maximum number of gold and discovered relations in the heat map; other gold relations are combined.
_MOST_RELATIONS = 40
OTHERS = "(others)"


@dataclass(frozen=True)
class Confusion:
    """Instances of a gold relation in a discovered relation with another majority.

    Args:
        relation: Id of the discovered relation; -1 for none.
        gold: Gold relation of these instances.
        majority: Majority gold relation of the discovered relation.
        count: Number of instances.
        examples: Rows of the most certain of them.
    """

    relation: int
    gold: str
    majority: str
    count: int
    examples: Sequence[int]


@dataclass(frozen=True)
class Gold:
    """Comparison with gold relations.

    Args:
        scores: Scores of the discovery.
        intervals: Name of a score → bootstrap interval of 95 %.
        baselines: Name of a trivial baseline → its scores.
        gold: Gold relations, the largest first; the smallest are combined as :data:`OTHERS`.
        found: Ids of the largest discovered relations, the largest first; -1 for none.
        table: Instances of each gold relation in each of these (G, F), int64.
        totals: Instances of each gold relation (G,), int64.
        labels: Row of the corpus → gold relation.
        confusions: The largest confusions, the largest first.
        unknown: Number of instances without a gold relation, which are not counted.
    """

    scores: ClusteringScores
    intervals: Mapping[str, Interval]
    baselines: Mapping[str, ClusteringScores]
    gold: Sequence[str]
    found: Sequence[int]
    table: NDArray[np.int64]
    totals: NDArray[np.int64]
    labels: Mapping[int, str]
    confusions: Sequence[Confusion]
    unknown: int


def gold_of(discovery: Discovery, gold: Mapping[str, str]) -> Gold:
    """Compare a discovery with gold relations.

    Args:
        discovery: The discovery.
        gold: Id of an instance → gold relation.

    Raises:
        InputError: No instance has a gold relation.
    """
    assignments = discovery.assignments
    rows = [row for row, instance in enumerate(assignments.instances) if instance.id in gold]
    if not rows:
        raise InputError(
            f"none of the {len(assignments.instances)} instances of the run has a gold relation; is it the "
            "file that the run was made from?"
        )
    truth = [gold[assignments.instances[row].id] for row in rows]
    labels = assignments.relation_ids[rows].tolist()
    pairs = [assignments.instances[row].type_pair for row in rows]
    typed = any(kind is not None for pair in pairs for kind in pair)
    counts = Counter(zip(labels, truth, strict=True))
    by_gold, by_found = Counter(truth), Counter(labels)
    names = sorted(by_gold, key=lambda name: (-by_gold[name], name))
    kept = names if len(names) <= _MOST_RELATIONS else [*names[: _MOST_RELATIONS - 1], OTHERS]
    row_of = {name: min(place, len(kept) - 1) for place, name in enumerate(names)}
    ids = sorted(by_found, key=lambda label: (label < 0, -by_found[label], label))
    ids = ids[:_MOST_RELATIONS]
    column_of = {id: place for place, id in enumerate(ids)}
    table = np.zeros((len(kept), len(ids)), dtype=np.int64)
    totals = np.zeros(len(kept), dtype=np.int64)
    for (id, name), count in counts.items():
        totals[row_of[name]] += count
        if id in column_of:
            table[row_of[name], column_of[id]] += count
    from relscout.metrics import bootstrap_intervals, score, trivial_baselines

    return Gold(
        scores=score(labels, truth),
        intervals=bootstrap_intervals(labels, truth, n_resamples=_RESAMPLES),
        baselines=trivial_baselines(truth, type_pairs=pairs if typed else None),
        gold=kept,
        found=ids,
        table=table,
        totals=totals,
        labels=dict(zip(rows, truth, strict=True)),
        confusions=_confusions(counts, rows, labels, truth, assignments.confidences),
        unknown=len(assignments.instances) - len(rows),
    )


def _confusions(
    counts: Mapping[tuple[int, str], int],
    rows: Sequence[int],
    labels: Sequence[int],
    truth: Sequence[str],
    confidences: NDArray[np.float32],
) -> list[Confusion]:
    majority: dict[int, str] = {}
    for id, name in sorted(counts, key=lambda key: (-counts[key], key[1])):
        majority.setdefault(id, name)
    wrong = sorted((key for key in counts if majority[key[0]] != key[1]), key=lambda key: (-counts[key], key))
    confusions = []
    for id, name in wrong[:_CONFUSIONS]:
        pairs = zip(rows, labels, truth, strict=True)
        members = [row for row, label, gold in pairs if (label, gold) == (id, name)]
        members.sort(key=lambda row: (-float(confidences[row]), row))
        confusions.append(Confusion(id, name, majority[id], counts[id, name], members[:_EXAMPLES]))
    return confusions


#: Maximum number of sentences on the page; counts are exact for all.
MOST_SENTENCES = 10_000
#: Maximum number of representations that are computed.
_MOST_VECTORS = 10_000
#: Maximum number of relations in a heat map.
MOST_PICTURED = 40
MOST_UNCERTAIN = 12
_NEAR = 4
#: Merges are suggested for pairs of relations that are more similar than the mean by this number of deviations.
_STANDS_OUT = 2.0
_SUGGESTED = 6


@dataclass(frozen=True)
class RelationView:
    """A relation on the page; rows are positions in the corpus.

    Args:
        relation: The relation.
        examples: Rows of its examples.
        uncertain: Rows of its least certain instances, the least certain first.
        members: Rows of its instances on the page, the most certain first.
        near: The most similar relations, with the cosine of the mean representations.
    """

    relation: Relation
    examples: Sequence[int]
    uncertain: Sequence[int]
    members: Sequence[int]
    near: Sequence[tuple[Relation, float]]


@dataclass(frozen=True)
class Map:
    """Instances in the plane: ``rows`` (n,) of the corpus and ``points`` (n, 2)."""

    rows: NDArray[np.int64]
    points: NDArray[np.float32]


@dataclass(frozen=True)
class Content:
    """The content of the report.

    Args:
        discovery: The discovery.
        title: Title of the page.
        relations: Every relation, the largest first, mixed ones last.
        shown: Rows of the sentences on the page, ascending.
        likeness: Cosines of the relations' mean representations (K, K), in the order of ``relations``; NaN for a
            relation without instances.
        suggestions: Pairs of relations that may be one, with their likeness, the most similar first.
        tree: The hierarchy, see :func:`relscout.discovery.relation.hierarchy_of`.
        map: Projected instances.
        graph: The most connected entities.
        facts: Facts and entities.
        gold: Comparison with gold relations, if any.
    """

    discovery: Discovery
    title: str
    relations: Sequence[RelationView]
    shown: Sequence[int]
    likeness: NDArray[np.float64]
    suggestions: Sequence[tuple[Relation, Relation, float]]
    tree: Sequence[ParentRelation]
    map: Map
    graph: EntityGraph
    facts: FactsView
    gold: Gold | None

    @property
    def instances(self) -> Sequence[RelationInstance]:
        """The corpus."""
        return self.discovery.assignments.instances

    def instance(self, row: int) -> RelationInstance:
        """Return a row of the corpus; those on the page were read together."""
        return self._shown[row] if row in self._shown else self.instances[row]

    @cached_property
    def _shown(self) -> dict[int, RelationInstance]:
        return dict(zip(self.shown, take(self.instances, self.shown), strict=True))


def gather(
    discovery: Discovery,
    *,
    title: str,
    gold: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Content:
    """Compute the content of the report.

    Args:
        discovery: The discovery.
        title: Title of the page.
        gold: Id of an instance → gold relation, for some or all.
        progress: Called with the current step: ``"encode"`` if representations are computed, ``"map"``.

    Raises:
        InputError: There are no relations.
    """
    if not discovery.relations:
        raise InputError("the run has no relations to show")
    assignments = discovery.assignments
    ids = assignments.relation_ids
    # canonical order, so that the order of the input does not matter
    order = _ordered(assignments.instances)
    rank = np.argsort(order)
    rows, vectors = representations(discovery, order, progress)
    relations = sorted(
        discovery.relations, key=lambda relation: (relation.mixed, -relation.size, relation.id)
    )
    likeness = _likeness(relations, ids[rows], vectors)
    place_of = {id: place for place, id in enumerate(relation.id for relation in relations)}
    listed = discovery.found_facts.facts[:MOST_FACTS]
    row_of = _rows_of(
        assignments.instances,
        {id for relation in relations for id in relation.examples}
        | {id for fact in listed for id in fact.evidence[:_SENTENCES]},
    )
    examples = {
        relation.id: [row_of[id] for id in relation.examples if id in row_of] for relation in relations
    }
    uncertain = {
        relation.id: _least_certain(np.flatnonzero(ids == relation.id), assignments.confidences, rank)
        for relation in relations
    }
    on_map = drawn(ids[rows])
    facts = facts_view(discovery, row_of, most_rows=MOST_SENTENCES // 2)
    wanted = {row for rows_of in (*examples.values(), *uncertain.values(), *facts.rows) for row in rows_of}
    shown = _shown(ids, order, wanted | set(rows[on_map].tolist()))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for row in shown:
        members[int(ids[row])].append(row)
    progress("map", 0, None)
    try:
        tree = hierarchy_of(relations, ids[rows], vectors)
    except InputError:  # a relation with the mean 0
        tree = ()
    return Content(
        discovery=discovery,
        title=title,
        relations=[
            RelationView(
                relation,
                examples[relation.id],
                uncertain[relation.id],
                sorted(
                    members[relation.id], key=lambda row: (-float(assignments.confidences[row]), rank[row])
                ),
                _near(relation, relations, likeness[place_of[relation.id]]),
            )
            for relation in relations
        ],
        shown=shown,
        likeness=likeness,
        suggestions=_suggestions(relations, likeness),
        tree=tree,
        map=Map(rows[on_map], projected(vectors[on_map])),
        graph=entity_graph(entity_links(discovery), discovery.found_facts.entities),
        facts=facts.within(set(shown)),
        gold=None if gold is None else gold_of(discovery, gold),
    )


def _ordered(instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
    """Return the rows in canonical order (N,): that of their ids, since in a run equal ids are of equal instances."""
    if not isinstance(instances, ShardedRows):
        return np.array(canonical_order(instances), dtype=np.int64)
    from pyarrow import compute

    return np.asarray(compute.sort_indices(instances.column("id"))).astype(np.int64)


def _rows_of(instances: Sequence[RelationInstance], wanted: Collection[str]) -> dict[str, int]:
    """Return the rows of some instances by their ids."""
    if not isinstance(instances, ShardedRows):
        return {instance.id: row for row, instance in enumerate(instances) if instance.id in wanted}
    import pyarrow as pa
    from pyarrow import compute

    ids = instances.column("id")
    rows = np.flatnonzero(compute.is_in(ids, value_set=pa.array(sorted(wanted), pa.string())).to_numpy())
    return dict(zip(ids.take(rows).to_pylist(), rows.tolist(), strict=True))


def representations(
    discovery: Discovery, order: NDArray[np.int64], progress: Progress = silent
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows (n,) of the corpus and their representations (n, D), float32, of unit length.

    They are those of at most 10,000 instances with a relation: from the fit if available, otherwise computed.

    Args:
        discovery: The discovery.
        order: The rows in canonical order (N,), in which methods are fitted.
        progress: Called with the number of instances done, stage ``"encode"``.
    """
    instances = discovery.assignments.instances
    fitted: NDArray[np.float32] | None = getattr(discovery.model, "vectors_", None)
    places = drawn(discovery.assignments.relation_ids[order], most=_MOST_VECTORS)
    rows = order[places]
    if fitted is not None and len(fitted) == len(instances):
        # read only these rows, which may be on disk
        vectors = np.asarray(fitted[places])
    else:
        vectors = discovery.model.transform(take(instances, rows.tolist()), progress=progress)
    return rows, unit_length(np.array(vectors, dtype=np.float32))


def _likeness(
    relations: Sequence[Relation], ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> NDArray[np.float64]:
    means = np.full((len(relations), vectors.shape[1]), np.nan)
    for place, relation in enumerate(relations):
        members = vectors[ids == relation.id]
        if len(members):
            means[place] = members.mean(axis=0)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    means /= np.where(lengths > 0, lengths, np.nan)
    return np.asarray(np.clip(means @ means.T, -1, 1), dtype=np.float64)


def _near(
    relation: Relation, relations: Sequence[Relation], likeness: NDArray[np.float64]
) -> list[tuple[Relation, float]]:
    others = [
        (other, float(value))
        for other, value in zip(relations, likeness, strict=True)
        if other.id != relation.id and np.isfinite(value)
    ]
    return sorted(others, key=lambda pair: -pair[1])[:_NEAR]


def _suggestions(
    relations: Sequence[Relation], likeness: NDArray[np.float64]
) -> list[tuple[Relation, Relation, float]]:
    """Return pairs of relations with outstanding likeness, except inverses."""
    first, second = np.triu_indices(len(relations), k=1)
    values = likeness[first, second]
    known = np.isfinite(values)
    if known.sum() < 3:
        return []
    line = values[known].mean() + _STANDS_OUT * values[known].std()
    pairs = [
        (relations[left], relations[right], float(value))
        for left, right, value in zip(first.tolist(), second.tolist(), values.tolist(), strict=True)
        if np.isfinite(value) and value > line and relations[left].inverse != relations[right].id
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:_SUGGESTED]


def _least_certain(
    rows: NDArray[np.int64], confidences: NDArray[np.float32], rank: NDArray[np.int64]
) -> list[int]:
    return [int(row) for row in rows[np.lexsort((rank[rows], confidences[rows]))][:MOST_UNCERTAIN]]


def _shown(ids: NDArray[np.int64], order: NDArray[np.int64], wanted: set[int]) -> list[int]:
    if len(ids) <= MOST_SENTENCES:
        return list(range(len(ids)))
    return sorted(wanted | set(order[drawn(ids[order], most=MOST_SENTENCES)].tolist()))
