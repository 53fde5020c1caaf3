"""The facts and entities that the page shows: as many as a page can hold, with counts of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from relscout.discovery import Discovery, Relation
from relscout.discovery.facts import forward_name
from relscout.triples import Entity, Fact

#: Facts and entities on the page, the most supported and the most connected.
MOST_FACTS, MOST_ENTITIES = 2000, 1000
#: Sentences that the page shows of one fact, the surest.
_SENTENCES = 4


@dataclass(frozen=True)
class FactsView:
    """What the page shows of the facts.

    Args:
        facts: The most supported facts, at most :data:`MOST_FACTS`.
        rows: Rows of the corpus that hold the sentences of each of them.
        total: Number of all facts.
        entities: The entities with most facts, at most :data:`MOST_ENTITIES`.
        total_entities: Number of all entities.
        per_entity: Number of facts of each entity, by its id.
        per_relation: Number of facts of each relation, by its id.
    """

    facts: Sequence[Fact]
    rows: Sequence[Sequence[int]]
    total: int
    entities: Sequence[Entity]
    total_entities: int
    per_entity: Mapping[str, int]
    per_relation: Mapping[int, int]

    def within(self, shown: Collection[int]) -> FactsView:
        """Return the view with those rows only whose sentences are on the page."""
        return replace(self, rows=[[row for row in rows if row in shown] for rows in self.rows])

    def of_relation(self, relation: Relation, relations: Sequence[Relation]) -> tuple[int, int]:
        """Return under which relation the facts of a relation are, and their number.

        It is the relation itself, unless its name is marked as the inverse of that of another one.
        """
        name = forward_name(relation.name)
        id = next((one.id for one in relations if one.name == name), relation.id)
        return id, self.per_relation.get(id, 0)


def facts_view(discovery: Discovery, row_of: Mapping[str, int], *, most_rows: int) -> FactsView:
    """Choose the facts and entities that the page shows.

    Args:
        discovery: The discovery.
        row_of: Id of an instance → its row in the corpus.
        most_rows: Rows that may be asked for in all.
    """
    found = discovery.found_facts
    shown = found.facts[:MOST_FACTS]
    rows: list[list[int]] = []
    left = most_rows
    for fact in shown:
        chosen = [row_of[id] for id in fact.evidence[: min(_SENTENCES, left)]]
        left -= len(chosen)
        rows.append(chosen)
    counts = found.per_entity
    ranked = sorted(found.entities, key=lambda one: (-counts[one.id], -one.mentions, one.id))
    return FactsView(
        facts=shown,
        rows=rows,
        total=len(found.facts),
        entities=ranked[:MOST_ENTITIES],
        total_entities=len(ranked),
        per_entity=counts,
        per_relation=Counter(fact.relation_id for fact in found.facts),
    )
