"""From triples, one per sentence, to facts, one per head entity, relation and tail entity."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from relscout.core.triples import Entity, Fact, Triple
from relscout.text.entities import MergedEntities, merge_mentions

#: No fact is surer: sentences are not independent of each other.
MOST_CONFIDENT = 0.999
#: How a relation is marked whose name reads from tail to head, before what sets apart novel relations of one name.
_INVERSE = re.compile(r" \(inverse\)(?=$| \(novel(?: \d+)?\)$)")


@dataclass(frozen=True)
class Facts:
    """The facts of a corpus, and the entities that they are about.

    Args:
        facts: The facts, the most supported first.
        entities: All entities of the corpus, the most mentioned first; some have no fact.
    """

    facts: tuple[Fact, ...]
    entities: tuple[Entity, ...]

    @cached_property
    def per_entity(self) -> Counter[str]:
        """Number of facts of each entity, by its id."""
        return Counter(id for fact in self.facts for id in (fact.head.id, fact.tail.id))


def find_facts(triples: Iterable[Triple], merged: MergedEntities | None = None) -> Facts:
    """Gather triples into facts. The order of the triples does not change the result.

    Only triples that are asserted count, and none that relates an entity to itself. A relation that is marked as read
    the other way round, ``invented (inverse)``, is turned: head and tail are exchanged and the mark goes.

    Each sentence s counts with confidence(s) × related(s), or confidence(s) where ``related`` was not estimated. The
    confidence of a fact is 1 - ∏ (1 - that), over its different sentences, and .999 at most.

    Args:
        triples: The triples.
        merged: Their entities, with one head and tail for each triple; the triples' own mentions merged when left out.
    """
    given = list(triples)
    if merged is None:
        merged = merge_mentions([triple.instance for triple in given])
    entities = {one.id: one for one in merged.entities}
    ids = {triple.relation: triple.relation_id for triple in given}
    groups: defaultdict[tuple[str, int, str, str], list[Triple]] = defaultdict(list)
    for triple, head, tail in zip(given, merged.heads, merged.tails, strict=True):
        if triple.polarity != "asserted" or head == tail:
            continue
        name = forward_name(triple.relation)
        if name != triple.relation:
            head, tail = tail, head
        # where both directions were found, they are one relation: that of the unmarked name
        groups[head, ids.get(name, triple.relation_id), name, tail].append(triple)
    facts = [
        _fact(entities[head], relation_id, name, entities[tail], group)
        for (head, relation_id, name, tail), group in groups.items()
    ]
    facts.sort(
        key=lambda one: (
            -one.support,
            -one.confidence,
            one.relation_id,
            one.head.id,
            one.tail.id,
            one.relation,
        )
    )
    return Facts(tuple(facts), merged.entities)


def forward_name(relation: str) -> str:
    """Return the name of a relation without the mark of one that reads from tail to head."""
    return _INVERSE.sub("", relation)


def strength(triple: Triple) -> float:
    """Return what one triple adds to the confidence of its fact, in [0, 1]."""
    return triple.confidence * (1.0 if triple.related is None else triple.related)


def _fact(head: Entity, relation_id: int, name: str, tail: Entity, triples: Sequence[Triple]) -> Fact:
    ranked = sorted(triples, key=lambda one: (-strength(one), one.instance.id))
    # a sentence counts once, however many mentions of the two it has and however many documents repeat it
    sentences: dict[str, float] = {}
    for triple in ranked:
        sentences.setdefault(triple.instance.text, strength(triple))
    doubt = 1.0
    for value in sentences.values():
        doubt *= 1.0 - value
    documents = {
        (one.instance.document, "") if one.instance.document else ("", one.instance.text) for one in triples
    }
    return Fact(
        head=head,
        relation_id=relation_id,
        relation=name,
        tail=tail,
        support=len(sentences),
        documents=len(documents),
        confidence=round(min(1.0 - doubt, MOST_CONFIDENT), 4),
        evidence=tuple(dict.fromkeys(one.instance.id for one in ranked)),
        phrase=_phrase(ranked, name),
    )


def _phrase(ranked: Sequence[Triple], name: str) -> str:
    """Return the phrase that the surest sentences agree on; none of a relation that is turned."""
    weights: defaultdict[str, float] = defaultdict(float)
    for triple in ranked:
        if triple.phrase and triple.relation == name:
            weights[triple.phrase] += strength(triple)
    return min(weights, key=lambda phrase: (-weights[phrase], phrase), default="")
