"""relscout's own exchange format: JSON Lines, one relation instance per line.

Spans count the characters of ``text`` (or the tokens of ``tokens``); the end is exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.offsets import CONVENTIONS, Offsets, check_mention, placed
from relscout.io.readers.source import Source, attempt, check_unicode, optional_offset, optional_text, require

if TYPE_CHECKING:
    from relscout.io.readers.tokens import TokenText

DESCRIPTION = "relscout's own: JSON Lines with text (or tokens), head and tail; span ends are exclusive"
FIELDS = (("text", "head.start", "head.end", "tail.start", "tail.end"), ("text", "head", "tail"))


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text or tokens, and the fields ``head`` and ``tail``.

    One of the two fields is enough if it is an object.
    """
    return any(
        ("text" in keys or "tokens" in keys)
        and (
            ("head" in keys and "tail" in keys)
            or ("head_start" in keys and "tail_start" in keys)
            or "{" in (keys.get("head"), keys.get("tail"))
        )
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per record; fields that the format does not know are ignored."""
    for place, record in records(source, ("text", "tokens"), published="lines"):
        yield attempt(
            source,
            place,
            record,
            partial(_of_row if is_row(record) else instance_of, offsets=source.offsets),
        )


def is_row(record: Any) -> bool:
    """Return whether a record is the row of a table: its mentions are strings, or offsets in columns of their own."""
    if not isinstance(record, Mapping) or any(
        isinstance(record.get(role), Mapping) for role in ("head", "tail")
    ):
        return False
    return isinstance(record.get("head"), str) or "head_start" in record


def _of_row(record: Any, provenance: str, *, offsets: Offsets) -> RelationInstance:
    from relscout.io.readers.table import row_instance

    return row_instance(record, provenance, offsets=offsets)


def instance_of(record: Any, provenance: str, *, offsets: Offsets = "characters") -> RelationInstance:
    """Return the instance of a record.

    Args:
        record: The record of a line, as JSON values.
        provenance: Source of the instance where the record names none.
        offsets: The unit of the offsets of the text.

    Raises:
        InputError: The record is not an instance.
    """
    if isinstance(record, dict) and "text" in record and "tokens" in record:
        raise InputError(
            "the record has both 'text' and 'tokens', so what its spans count is not clear; keep one"
        )
    if isinstance(record, dict) and "tokens" in record:
        if offsets != "characters":
            raise InputError(
                f"the spans of 'tokens' count tokens, not {CONVENTIONS[offsets]}; leave offsets out"
            )
        from relscout.io.readers.tokens import TokenText

        tokens = TokenText(require(record, "tokens", list))
        text = tokens.text
        check_unicode("tokens", text)
    else:
        tokens, text = None, require(record, "text", str)
    instance = RelationInstance(
        text,
        _mention("head", record, text, tokens, offsets),
        _mention("tail", record, text, tokens, offsets),
        relation=optional_text(record, "relation"),
        id=optional_text(record, "id") or "",
        source=optional_text(record, "source") or provenance,
        document=optional_text(record, "document") or "",
        document_start=optional_offset(record, "document_start"),
    )
    for role, mention in (("head", instance.head), ("tail", instance.tail)):
        expected = optional_text(record[role], "text", inside=role)
        if expected is not None and tokens is None:
            check_mention(role, text, mention, expected, offsets)
        elif expected is not None:
            from relscout.io.readers.tokens import check_surface

            check_surface(role, mention.surface(text), expected)
    return instance


def _mention(role: str, record: Any, text: str, tokens: TokenText | None, offsets: Offsets) -> Mention:
    span = require(record, role, dict)
    start, end = require(span, "start", int, inside=role), require(span, "end", int, inside=role)
    entity_type, entity_id = (
        optional_text(span, "type", inside=role),
        optional_text(span, "entity_id", inside=role),
    )
    if tokens is None:
        return placed(
            role, text, start, end, offsets, type=entity_type, entity_id=entity_id, surface=span.get("text")
        )
    return tokens.mention(role, start, end, type=entity_type, entity_id=entity_id)
