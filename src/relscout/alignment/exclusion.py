"""Pairs of entities that must not be aligned, because a test set has them."""

from __future__ import annotations

from collections.abc import Iterable

from relscout.alignment.graph import KnowledgeGraph
from relscout.alignment.linking import Linked, candidates
from relscout.instances import RelationInstance
from relscout.names import normalized


class Exclusions:
    """The pairs of entities of some instances, in either direction; their gold relations are not looked at.

    "Learning from Context or Names" (section 4.2) leaves out all entity pairs of the test sets. A pair is known again

    * by the identifiers of both mentions, whether the graph has them or not,
    * by both names, normalised,
    * and by the graph: where names and identifiers of the instance may stand for a pair of entities that it relates,
      that pair is left out under whatever other names it appears.

    Args:
        graph: The graph that is aligned with.
        instances: Instances whose pairs are left out, such as those of a test set.
    """

    def __init__(self, graph: KnowledgeGraph, instances: Iterable[RelationInstance] = ()) -> None:
        self._graph = graph
        self._entities: set[tuple[int, int]] = set()
        self._spelled: set[tuple[str, str]] = set()
        self.n_instances = 0
        """Number of instances whose pairs are left out."""
        for instance in instances:
            self.add(instance)

    def add(self, instance: RelationInstance) -> None:
        """Leave out the pair of one more instance."""
        self.n_instances += 1
        self._spelled.update(_spellings(instance))
        heads, tails = (
            candidates(instance, mention, self._graph) for mention in (instance.head, instance.tail)
        )
        for one, other in (*self._graph.related(heads, tails), *self._graph.related(tails, heads)):
            self._entities.add((min(one, other), max(one, other)))

    def cover(self, instance: RelationInstance, linked: Linked) -> bool:
        """Tell whether an instance that is linked to these entities is to be left out."""
        entities = (min(linked.head, linked.tail), max(linked.head, linked.tail))
        return entities in self._entities or not self._spelled.isdisjoint(_spellings(instance))


def _spellings(instance: RelationInstance) -> list[tuple[str, str]]:
    names = sorted(normalized(name) for name in (instance.head_text, instance.tail_text))
    found = [(names[0], names[1])]
    if instance.head.entity_id is not None and instance.tail.entity_id is not None:
        ids = sorted((instance.head.entity_id, instance.tail.entity_id))
        # a line feed, which no normalised name has, keeps identifiers and names apart
        found.append((f"{ids[0]}\n", f"{ids[1]}\n"))
    return found
