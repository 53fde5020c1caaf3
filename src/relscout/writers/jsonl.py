"""JSON Lines: one object per triple, the format that keeps every character as it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relscout.triples import Triple
from relscout.writers.exchange import mention_record
from relscout.writers.json_lines import write_json_lines

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
        "text": instance.text,
        "id": instance.id,
        "source": instance.source,
    }
