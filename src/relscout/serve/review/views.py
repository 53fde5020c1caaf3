"""What the page of a review shows: relations, sentences and facts of a state, as the models of its interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import Fact, RelationInstance
from relscout.core.surfaces import folded
from relscout.core.wording import counted, pieces, visible
from relscout.discovery import Discovery, Relation
from relscout.discovery.relation import fact_counts
from relscout.report import colour_of, shown_name, symbol_of, type_pair
from relscout.report.content import entity_graph, entity_links, place_of, ranked_entities
from relscout.serve.review.log import Entry
from relscout.serve.review.schemas import (
    EntitiesPage,
    EntitySummary,
    Evidence,
    FactsPage,
    FactSummary,
    Graph,
    GraphNode,
    LogEntry,
    MapView,
    Overview,
    RelationSummary,
    Sentence,
    Sentences,
)
from relscout.serve.review.state import State

#: Order of the sentences of a relation.
Order = Literal["doubtful", "certain"]
#: Most sentences of a fact that are shown at once.
_SENTENCES = 4
#: Most names in the sentence of a decision.
_NAMED = 3
#: The name of what has no relation.
NONE = "no relation"


class View:
    """Views of one state. What takes time is computed once.

    Args:
        state: The state.
        base: The run before all decisions.
    """

    def __init__(self, state: State, base: Discovery) -> None:
        self.state, self.run = state, state.run
        self._base = base
        self._judged: Mapping[str, int] = self.run.run.get("corrections", {}).get("judged", {})
        self._names = {relation.id: relation.name for relation in self.run.relations}

    def overview(self, run: str) -> Overview:
        """Return the relations, the largest first, and all decisions; ``run`` is the fingerprint."""
        ids = self.run.assignments.relation_ids
        # the facts themselves take most of the time after a decision, and the page seldom shows them
        facts = fact_counts(self.run.assignments, self._names, self.run.merged_entities)
        confirmed = Counter(self._judged.values())
        # colours stay when relations change
        places = {relation.id: place for place, relation in enumerate(self._base.relations)}
        places = {relation.id: places.get(relation.id, relation.id) for relation in self.run.relations}
        ranked = sorted(self.run.relations, key=lambda relation: (-relation.size, relation.id))
        return Overview(
            run=run,
            state=self.state.number,
            relations=[
                RelationSummary(
                    id=relation.id,
                    name=relation.name,
                    pattern=shown_name(relation.pattern),
                    types=type_pair(relation),
                    size=relation.size,
                    confidence=relation.confidence,
                    facts=facts[relation.id],
                    confirmed=confirmed[relation.id],
                    colour=colour_of(places[relation.id]),
                    symbol=symbol_of(places[relation.id]),
                )
                for relation in ranked
            ],
            instances=len(ids),
            without_relation=int((ids < 0).sum()),
            facts=facts.total(),
            judged=len(self._judged),
            next_number=self.run.next_number,
            decisions=self.entries(after=0)[::-1],
        )

    def entries(self, *, after: int) -> list[LogEntry]:
        """Return the entries of the log after a number, in order."""
        undone = {entry.undoes for entry in self.state.entries}
        return [
            LogEntry(
                number=entry.number,
                time=entry.time,
                author=entry.author,
                step=dict(entry.step),
                text=self.sentence_about(entry),
                undone=entry.number in undone,
            )
            for entry in self.state.entries
            if entry.number > after
        ]

    def sentence_about(self, entry: Entry) -> str:
        """Return a decision as a sentence."""
        match {**entry.step}:
            case {"rename": id, "to": name}:
                return f"{self._called(id)} renamed to “{shown_name(name)}”"
            case {"merge": ids}:
                more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
                return f"{', '.join(map(self._called, ids[:_NAMED]))}{more} merged"
            case {"drop": id}:
                return f"{self._called(id)} dropped"
            case {"split": id, "parts": parts}:
                return (
                    f"{', '.join(shown_name(part['name']) for part in parts)} split from {self._called(id)}"
                )
            case {"confirm": ids, "relation": _, "name": str(name)}:
                return f"{self._quoted(ids)} confirmed as “{shown_name(name)}”, a new relation"
            case {"confirm": ids, "relation": id}:
                return f"{self._quoted(ids)} confirmed as {self._called(id)}"
            case {"reject": ids, "relation": -1}:
                return f"{self._quoted(ids)} confirmed to have no relation"
            case {"reject": ids, "relation": id}:
                return f"{self._quoted(ids)} rejected as {self._called(id)}"
            case {"transfer": _}:
                return "the judgements transferred to similar sentences"
            case {"recalibrate": _}:
                return "relatedness recalibrated by the judgements"
            case {"merge_entities": ids}:
                return f"{counted(len(ids), 'entity').replace('entitys', 'entities')} merged"
            case {"split_entity": _, "names": names}:
                return f"{', '.join(map(shown_name, names[:_NAMED]))} split from an entity"
            case {"undo": number}:
                return f"decision {number} undone"
        return ""

    def sentences(self, relation: int, *, order: Order, offset: int, limit: int) -> Sentences:
        """Return a page of the sentences of a relation; -1 for those without a relation.

        Args:
            relation: The relation.
            order: ``doubtful`` begins with the least certain sentences that nobody has judged, for pairs without a
                relation with the most likely related ones; ``certain`` with the most certain sentences.
            offset: Number of sentences to skip.
            limit: Most sentences.
        """
        assignments = self.run.assignments
        rows = np.flatnonzero(assignments.relation_ids == relation)
        certain = certainties(self.run)[rows]
        judged = np.array([assignments.instances[row].id in self._judged for row in rows.tolist()], bool)
        upwards = order == "doubtful" and relation >= 0
        ranked = rows[np.lexsort((rows, certain if upwards else -certain, judged & (order == "doubtful")))]
        return Sentences(
            state=self.state.number,
            relation=relation,
            total=len(rows),
            sentences=[self.sentence(row) for row in ranked[offset : offset + limit].tolist()],
        )

    def sentence(self, row: int) -> Sentence:
        """Return the sentence of a row of the corpus."""
        assignments = self.run.assignments
        instance, relation = assignments.instances[row], int(assignments.relation_ids[row])
        related = None if assignments.related is None else float(assignments.related[row])
        judged: Literal["", "confirmed", "rejected"] = ""
        if instance.id in self._judged:
            judged = "confirmed" if self._judged[instance.id] >= 0 else "rejected"
        return Sentence(
            id=instance.id,
            pieces=[(piece.text, piece.role) for piece in pieces(instance)],
            relation=relation,
            name=self._names.get(relation, NONE),
            confidence=round(float(assignments.confidences[row]), 4),
            related=None if related is None or isnan(related) else round(related, 4),
            polarity=assignments.doubt(row),
            place=shown_name(place_of(instance)),
            judged=judged,
        )

    def facts(self, *, relation: int | None, search: str, offset: int, limit: int) -> FactsPage:
        """Return a page of the facts, the most supported first.

        Args:
            relation: Only facts of this relation.
            search: Only facts with this text in head, relation or tail; case does not matter.
            offset: Number of facts to skip.
            limit: Most facts.
        """
        wanted = folded(search.strip())
        chosen = [
            fact
            for fact in self.run.facts()
            if (relation is None or fact.relation_id == relation)
            and wanted in folded(f"{fact.head.name}\n{fact.relation}\n{fact.tail.name}")
        ]
        rows = self.rows_by_id
        return FactsPage(
            state=self.state.number,
            total=len(chosen),
            facts=[
                FactSummary(
                    head=shown_name(fact.head.name),
                    relation=fact.relation_id,
                    name=shown_name(fact.relation),
                    tail=shown_name(fact.tail.name),
                    phrase=shown_name(fact.phrase),
                    support=fact.support,
                    confidence=fact.confidence,
                    evidence=self._evidence(fact, rows),
                    sentences=[self.sentence(rows[id]) for id in fact.evidence[:_SENTENCES]],
                )
                for fact in chosen[offset : offset + limit]
            ],
        )

    def _evidence(self, fact: Fact, rows: Mapping[str, int]) -> list[Evidence]:
        by_relation: dict[int, list[str]] = {}
        for id in fact.evidence:
            relation = int(self.run.assignments.relation_ids[rows[id]])
            by_relation.setdefault(relation, []).append(id)
        return [Evidence(relation=relation, instances=ids) for relation, ids in by_relation.items()]

    def map(
        self, instances: Sequence[RelationInstance], places: NDArray[np.float32] | None, error: str = ""
    ) -> MapView:
        """Return the map.

        Args:
            instances: The sentences on the map (n).
            places: Their places (n, 2); ``None`` if they are not known.
            error: Why they could not be computed.
        """
        shown = [] if places is None else instances[: len(places)]
        points = np.empty((0, 2)) if places is None else np.round(places.astype(np.float64), 4)
        ids = self.run.assignments.relation_ids
        return MapView(
            state=self.state.number,
            ready=places is not None,
            error=error,
            ids=[instance.id for instance in shown],
            relations=[int(ids[self.rows_by_id[instance.id]]) for instance in shown],
            x=points[:, 0].tolist(),
            y=points[:, 1].tolist(),
        )

    def entities(self, *, search: str, offset: int, limit: int) -> EntitiesPage:
        """Return a page of the entities, those with most facts first.

        Args:
            search: Only entities with this text in one of their names; case does not matter.
            offset: Number of entities to skip.
            limit: Most entities.
        """
        wanted = folded(search.strip())
        table = self.run.found_facts
        chosen = [entity for entity in ranked_entities(table) if wanted in folded("\n".join(entity.aliases))]
        return EntitiesPage(
            state=self.state.number,
            total=len(chosen),
            entities=[
                EntitySummary(
                    id=entity.id,
                    name=shown_name(entity.name),
                    type=shown_name(entity.type or ""),
                    aliases=list(entity.aliases),
                    mentions=entity.mentions,
                    facts=table.per_entity[entity.id],
                )
                for entity in chosen[offset : offset + limit]
            ],
        )

    @cached_property
    def graph(self) -> Graph:
        """The most connected entities and their links."""
        drawn = entity_graph(entity_links(self.run), self.run.found_facts.entities)
        return Graph(
            state=self.state.number,
            entities=[
                GraphNode(
                    name=shown_name(entity.name),
                    x=entity.x,
                    y=entity.y,
                    links=entity.links,
                    relations=list(entity.relations),
                )
                for entity in drawn.entities
            ],
            links=[(link.head, link.tail, link.relation) for link in drawn.links],
        )

    @cached_property
    def rows_by_id(self) -> dict[str, int]:
        """Id of an instance → its row."""
        return {instance.id: row for row, instance in enumerate(self.run.assignments.instances)}

    def _called(self, id: int) -> str:
        # the name before all decisions stays meaningful when decisions are undone
        relations: Sequence[Relation] = (*self._base.relations, *self.run.relations)
        known = next((relation.name for relation in relations if relation.id == id), f"relation {id}")
        return f"“{shown_name(known)}”"

    def _quoted(self, ids: Sequence[str]) -> str:
        if len(ids) > 1:
            return counted(len(ids), "sentence")
        row = self.rows_by_id.get(ids[0])
        if row is None:
            return "a sentence"
        instance = self.run.assignments.instances[row]
        return f"{shown_name(visible(instance.head_text))} – {shown_name(visible(instance.tail_text))}"


def certainties(run: Discovery) -> Any:
    """Return how certain each sentence states its relation (N,), float64: confidence × relatedness.

    For pairs without a relation, it is their relatedness.
    """
    assignments = run.assignments
    confidences = assignments.confidences.astype(np.float64)
    if assignments.related is None:
        return np.where(assignments.relation_ids >= 0, confidences, 1 - confidences)
    related = np.where(np.isnan(assignments.related), 1.0, assignments.related).astype(np.float64)
    return np.where(assignments.relation_ids >= 0, confidences * related, related)
