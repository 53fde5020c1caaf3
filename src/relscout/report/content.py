"""What the page tells of a discovery, gathered: nothing here knows of HTML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.discovery import Discovery, ParentRelation, Relation
from relscout.discovery.hierarchy import hierarchy_of
from relscout.errors import InputError
from relscout.instances import RelationInstance, canonical_order
from relscout.progress import Progress, silent
from relscout.report.facts import FactsView, facts_view
from relscout.report.gold import Gold, gold_of
from relscout.report.graph import EntityGraph, entity_graph
from relscout.report.projection import drawn, projected

#: Instances whose sentences the page holds; of more, these are drawn, and counts stay exact.
MOST_SENTENCES = 10_000
#: Instances of which representations are computed, where the fit's own are gone.
_MOST_VECTORS = 10_000
#: Relations that a heat map shows, the largest.
MOST_PICTURED = 40
_UNCERTAIN = 12
_NEAR = 4
#: Merges are suggested for pairs of relations whose likeness stands out by so many standard deviations.
_STANDS_OUT = 2.0
_SUGGESTED = 6


@dataclass(frozen=True)
class RelationView:
    """One relation, with what the page shows of it; rows are places in the corpus.

    Args:
        relation: The relation.
        examples: Rows of its examples.
        uncertain: Rows of its least certain instances, the least certain first.
        members: Rows of its instances on the page, the most certain first.
        near: The relations that are most like it, with the cosine of the mean representations.
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
    """Everything that the page tells.

    Args:
        discovery: The discovery.
        title: What the page is called.
        relations: Every relation, the largest first.
        shown: Rows whose sentences are on the page, ascending.
        likeness: Cosines of the relations' mean representations (K, K), in the order of ``relations``; NaN where a
            relation has no instance.
        suggestions: Relations that may be one, with their likeness, the most alike first.
        tree: More general relations above them, see :func:`relscout.discovery.hierarchy.hierarchy_of`.
        map: Instances in the plane.
        graph: The most connected entities.
        facts: Facts and entities.
        gold: Comparison with gold relations, where there are some.
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


def gather(
    discovery: Discovery,
    *,
    title: str,
    gold: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Content:
    """Gather what the page tells.

    Args:
        discovery: The discovery.
        title: What the page is called.
        gold: Id of an instance → its gold relation, for some or all.
        progress: Told what is being computed: ``"encode"`` where representations are computed again, ``"map"``.

    Raises:
        InputError: There are no relations.
    """
    if not discovery.relations:
        raise InputError("the run has no relations to show")
    given = discovery.assignments
    ids = given.relation_ids
    # everything is computed in an order that the instances decide, so that the order of the input does not matter
    order = np.array(canonical_order(given.instances), dtype=np.int64)
    rank = np.argsort(order)
    rows, vectors = representations(discovery, order, progress)
    # what is of mixed content comes last
    relations = sorted(discovery.relations, key=lambda one: (one.mixed, -one.size, one.id))
    likeness = _likeness(relations, ids[rows], vectors)
    place_of = {id: place for place, id in enumerate(one.id for one in relations)}
    row_of = {instance.id: row for row, instance in enumerate(given.instances)}
    examples = {one.id: [row_of[id] for id in one.examples if id in row_of] for one in relations}
    uncertain = {
        one.id: _least_certain(np.flatnonzero(ids == one.id), given.confidences, rank) for one in relations
    }
    on_map = drawn(ids[rows])
    facts = facts_view(discovery, row_of, most_rows=MOST_SENTENCES // 2)
    wanted = {row for found in (*examples.values(), *uncertain.values(), *facts.rows) for row in found}
    shown = _shown(ids, order, wanted | set(rows[on_map].tolist()))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for row in shown:
        members[int(ids[row])].append(row)
    progress("map", 0, None)
    try:
        tree = hierarchy_of(relations, ids[rows], vectors)
    except InputError:  # a relation that points nowhere is near to none
        tree = ()
    return Content(
        discovery=discovery,
        title=title,
        relations=[
            RelationView(
                one,
                examples[one.id],
                uncertain[one.id],
                sorted(members[one.id], key=lambda row: (-float(given.confidences[row]), rank[row])),
                _near(one, relations, likeness[place_of[one.id]]),
            )
            for one in relations
        ],
        shown=shown,
        likeness=likeness,
        suggestions=_suggestions(relations, likeness),
        tree=tree,
        map=Map(rows[on_map], projected(vectors[on_map])),
        graph=entity_graph(given.instances, ids),
        facts=facts.within(set(shown)),
        gold=None if gold is None else gold_of(discovery, gold),
    )


def representations(
    discovery: Discovery, order: NDArray[np.int64], progress: Progress = silent
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows (n,) of the corpus and their representations (n, D), float32, of unit length.

    They are those of all instances that have a relation, or of 10,000 of these: as the fit left them where that is
    still known, else computed again.

    Args:
        discovery: The discovery.
        order: The rows in an order that the instances decide (N,), in which a method is fitted.
        progress: Told the number of instances done, stage ``"encode"``.
    """
    instances = discovery.assignments.instances
    fitted: NDArray[np.float32] | None = getattr(discovery.model, "vectors_", None)
    places = drawn(discovery.assignments.relation_ids[order], most=_MOST_VECTORS)
    rows = order[places]
    if fitted is not None and len(fitted) == len(instances):
        # only these are read: they may lie on disk
        vectors = np.asarray(fitted[places])
    else:
        vectors = discovery.model.transform([instances[row] for row in rows.tolist()], progress=progress)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return rows, np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _likeness(
    relations: Sequence[Relation], ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> NDArray[np.float64]:
    means = np.full((len(relations), vectors.shape[1]), np.nan)
    for place, one in enumerate(relations):
        members = vectors[ids == one.id]
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
    """Return pairs that are more alike than pairs are, and no inverses of each other."""
    first, second = np.triu_indices(len(relations), k=1)
    values = likeness[first, second]
    known = np.isfinite(values)
    if known.sum() < 3:
        return []
    line = values[known].mean() + _STANDS_OUT * values[known].std()
    found = [
        (relations[left], relations[right], float(value))
        for left, right, value in zip(first.tolist(), second.tolist(), values.tolist(), strict=True)
        if np.isfinite(value) and value > line and relations[left].inverse != relations[right].id
    ]
    return sorted(found, key=lambda pair: -pair[2])[:_SUGGESTED]


def _least_certain(
    rows: NDArray[np.int64], confidences: NDArray[np.float32], rank: NDArray[np.int64]
) -> list[int]:
    return [int(row) for row in rows[np.lexsort((rank[rows], confidences[rows]))][:_UNCERTAIN]]


def _shown(ids: NDArray[np.int64], order: NDArray[np.int64], wanted: set[int]) -> list[int]:
    if len(ids) <= MOST_SENTENCES:
        return list(range(len(ids)))
    return sorted(wanted | set(order[drawn(ids[order], most=MOST_SENTENCES)].tolist()))
