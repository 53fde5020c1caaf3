"""JSON Lines: one instance, triple, fact or entity per line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relscout.core.instances import Entity, Fact, Mention, RelationInstance, Triple
from relscout.io.writers.textfile import write_json_lines


def write_instances(instances: Iterable[RelationInstance], path: Path) -> int:
    """Write instances as JSON Lines, gzip'ed where the name ends in ``.gz``; return how many.

    Raises:
        OutputError: The file cannot be written.
    """
    count = 0

    def records() -> Iterable[dict[str, Any]]:
        nonlocal count
        for instance in instances:
            count += 1
            yield {
                "id": instance.id,
                "text": instance.text,
                "head": mention_record(instance.head, instance.text),
                "tail": mention_record(instance.tail, instance.text),
                "relation": instance.relation,
                "source": instance.source,
                "document": instance.document,
                "document_start": instance.document_start,
            }

    write_json_lines(records(), path)
    return count


def mention_record(mention: Mention, text: str) -> dict[str, Any]:
    """Return a mention as JSON values, with its surface in ``text``."""
    return {
        "text": mention.surface(text),
        "type": mention.type,
        "entity_id": mention.entity_id,
        "start": mention.start,
        "end": mention.end,
    }


DESCRIPTION = "JSON Lines, one object per triple with its sentence"


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write one JSON object per triple.

    Raises:
        OutputError: The file cannot be written.
    """
    write_json_lines(map(record, triples), path)


def record(triple: Triple) -> dict[str, Any]:
    """Return a triple with its provenance as JSON values."""
    instance = triple.instance
    return {
        "head": mention_record(instance.head, instance.text),
        "relation": triple.relation,
        "relation_id": int(triple.relation_id),
        "tail": mention_record(instance.tail, instance.text),
        "confidence": float(triple.confidence),
        "related": None if triple.related is None else float(triple.related),
        "polarity": triple.polarity,
        "phrase": triple.phrase,
        "text": instance.text,
        "id": instance.id,
        "source": instance.source,
        "document": instance.document,
        "document_start": instance.document_start,
    }


def write_facts(facts: Iterable[Fact], path: Path) -> None:
    """Write one JSON object per fact.

    Raises:
        OutputError: The file cannot be written.
    """
    write_json_lines(map(fact_record, facts), path)


def fact_record(fact: Fact) -> dict[str, Any]:
    """Return a fact as JSON values."""
    return {
        "head": _end_record(fact.head),
        "relation_id": int(fact.relation_id),
        "relation": fact.relation,
        "tail": _end_record(fact.tail),
        "support": fact.support,
        "documents": fact.documents,
        "confidence": float(fact.confidence),
        "phrase": fact.phrase,
        "evidence": list(fact.evidence),
    }


def entity_record(entity: Entity, *, facts: int) -> dict[str, Any]:
    """Return an entity and the number of its facts as JSON values."""
    return {
        "id": entity.id,
        "name": entity.name,
        "type": entity.type,
        "aliases": list(entity.aliases),
        "entity_ids": list(entity.entity_ids),
        "mentions": entity.mentions,
        "documents": entity.documents,
        "facts": facts,
    }


def _end_record(entity: Entity) -> dict[str, Any]:
    return {"id": entity.id, "name": entity.name, "type": entity.type}
