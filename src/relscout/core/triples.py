"""Triples with their provenance, and the entities and facts aggregated from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relscout.core.instances import RelationInstance

#: Whether a sentence asserts a relation, denies it, or only supposes it.
Polarity = Literal["asserted", "negated", "hypothetical"]


@dataclass(frozen=True, slots=True)
class Triple:
    """One extracted triple: head, relation, tail, and its source.

    Args:
        instance: The relation instance that expresses it (text, mentions, types, entity ids, id, source).
        relation_id: Number of the relation in the discovery, from 0.
        relation: Name of the relation.
        confidence: How sure the assignment is, in [0, 1].
        related: Estimated probability that the sentence relates the two at all, in [0, 1]; ``None`` where it was not
            estimated.
        polarity: Whether the sentence asserts the relation, denies it, or only supposes it.
        phrase: What this sentence says between head and tail, such as ``"taught by"``; empty where its syntax says
            nothing plainly.
    """

    instance: RelationInstance
    relation_id: int
    relation: str
    confidence: float
    related: float | None = None
    polarity: Polarity = "asserted"
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity, merged from all its mentions.

    Args:
        id: Stable identifier: that of the knowledge base where the mentions have one, otherwise derived from type and
            name.
        name: Its most frequent full name.
        type: Its most frequent entity type, as the annotator calls it; ``None`` where no mention has one.
        aliases: All forms in which it is written, the most frequent first; the name is one of them.
        mentions: Number of places in the texts where it is named.
        documents: Number of documents that name it. A text that is part of no document counts as one.
        entity_ids: Identifiers in knowledge bases; several only where a person has merged them.
    """

    id: str
    name: str
    type: str | None
    aliases: tuple[str, ...]
    mentions: int
    documents: int
    entity_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """All that a corpus asserts about one head entity, relation and tail entity.

    Args:
        head: The head entity (the subject).
        relation_id: Number of the relation in the discovery.
        relation: Name of the relation, which reads from head to tail.
        tail: The tail entity (the object).
        support: Number of different sentences that assert it.
        documents: Number of documents that these come from. A text that is part of no document counts as one.
        confidence: How sure the fact is, in [0, 1), pooled over the sentences.
        evidence: Ids of its triples, the surest first.
        phrase: What its sentences say between head and tail, which may be more exact than the name of the relation;
            the phrase of the surest ones where they differ, empty where no syntax says anything plainly.
    """

    head: Entity
    relation_id: int
    relation: str
    tail: Entity
    support: int
    documents: int
    confidence: float
    evidence: tuple[str, ...]
    phrase: str = ""
