"""relscout's own exchange format: JSON Lines, one relation instance per line.

Spans count the characters of ``text`` (or the tokens of ``tokens``); the end is exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import line_outlines
from relscout.io.readers.source import Source, attempt, check_unicode, optional_offset, optional_text, require
from relscout.io.readers.tokens import TokenText, check_surface

DESCRIPTION = "relscout's own: JSON Lines with text (or tokens), head and tail; span ends are exclusive"


def sniff(source: Source) -> bool:
    """Return whether one of the first lines has a text or tokens, and the fields ``head`` and ``tail``.

    One of the two is enough where it is an object.
    """
    return any(
        ("text" in keys or "tokens" in keys)
        and (("head" in keys and "tail" in keys) or "{" in (keys.get("head"), keys.get("tail")))
        for keys in line_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per line; fields that the format does not know are ignored."""
    for number, record in source.json_lines():
        yield attempt(source, f"line {number}", record, instance_of)


def instance_of(record: Any, provenance: str) -> RelationInstance:
    """Return the instance of a record.

    Args:
        record: What a line holds, as JSON values.
        provenance: Source of the instance where the record names none.

    Raises:
        InputError: The record is not one of an instance.
    """
    if isinstance(record, dict) and "text" in record and "tokens" in record:
        raise InputError(
            "the record has both 'text' and 'tokens', so what its spans count is not clear; keep one"
        )
    if isinstance(record, dict) and "tokens" in record:
        tokens = TokenText(require(record, "tokens", list))
        text = tokens.text
        check_unicode("tokens", text)
    else:
        tokens, text = None, require(record, "text", str)
    instance = RelationInstance(
        text,
        _mention("head", record, tokens),
        _mention("tail", record, tokens),
        relation=optional_text(record, "relation"),
        id=optional_text(record, "id") or "",
        source=optional_text(record, "source") or provenance,
        document=optional_text(record, "document") or "",
        document_start=optional_offset(record, "document_start"),
    )
    for role, found in (("head", instance.head_text), ("tail", instance.tail_text)):
        expected = optional_text(record[role], "text", inside=role)
        if expected is not None:
            check_surface(role, found, expected)
    return instance


def _mention(role: str, record: Any, tokens: TokenText | None) -> Mention:
    span = require(record, role, dict)
    start, end = require(span, "start", int, inside=role), require(span, "end", int, inside=role)
    entity_type, entity_id = (
        optional_text(span, "type", inside=role),
        optional_text(span, "entity_id", inside=role),
    )
    if tokens is None:
        return Mention(start, end, entity_type, entity_id)
    return tokens.mention(role, start, end, type=entity_type, entity_id=entity_id)
