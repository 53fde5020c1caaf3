"""Relation instances in relscout's exchange format, which its reader gives back as they were."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relscout.instances import Mention, RelationInstance
from relscout.writers.json_lines import write_json_lines


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
