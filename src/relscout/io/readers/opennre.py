"""OpenNRE's JSON Lines (Han et al. 2019, *OpenNRE: An Open and Extensible Toolkit for Neural Relation …*).

Spans are ``[start, end)``: the end is exclusive. They count tokens, or characters where the record has a
``text``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.offsets import CONVENTIONS, Offsets, check_mention, placed
from relscout.io.readers.source import Source, attempt, check_unicode, optional_text, require
from relscout.io.readers.tokens import TokenText, check_surface

DESCRIPTION = "OpenNRE: JSON Lines with token (or text), h and t; span ends are exclusive"
FIELDS = (("token", "h.name", "h.pos", "t.name", "t.pos"),)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text or tokens and an object ``h`` or ``t``."""
    return any(
        ("token" in keys or "text" in keys) and "{" in (keys.get("h"), keys.get("t"))
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per record; the surface of every span is checked against the entity's name."""
    for place, record in records(source, ("h", "t"), published="lines"):
        yield attempt(source, place, record, partial(_instance, source.offsets))


def _instance(offsets: Offsets, record: Any, provenance: str) -> RelationInstance:
    # like OpenNRE itself: where a record has both, the spans count the characters of the text
    if isinstance(record, dict) and "text" in record:
        tokens, text = None, require(record, "text", str)
    else:
        if offsets != "characters":
            raise InputError(
                f"the spans of 'token' count tokens, not {CONVENTIONS[offsets]}; leave offsets out"
            )
        tokens = TokenText(require(record, "token", list))
        text = tokens.text
        check_unicode("token", text)
    head = _mention("head", record, "h", text, tokens, offsets)
    tail = _mention("tail", record, "t", text, tokens, offsets)
    instance = RelationInstance(
        text, head, tail, relation=optional_text(record, "relation"), source=provenance
    )
    for role, mention, field in (("head", head, "h"), ("tail", tail, "t")):
        if tokens is None:
            check_mention(role, text, mention, record[field]["name"], offsets)
        else:
            check_surface(role, mention.surface(text), record[field]["name"])
    return instance


def _mention(
    role: str, record: Any, field: str, text: str, tokens: TokenText | None, offsets: Offsets
) -> Mention:
    entity = require(record, field, dict)
    require(entity, "name", str, inside=field)
    span = require(entity, "pos", list, inside=field)
    if len(span) != 2:
        raise InputError(
            f"the field '{field}.pos' has {len(span)} items; expected [start, end), the end exclusive"
        )
    ends = dict(zip(("start", "end"), span, strict=True))
    start, end = (require(ends, name, int, inside=f"{field}.pos") for name in ("start", "end"))
    entity_type, entity_id = (
        optional_text(entity, "type", inside=field),
        optional_text(entity, "id", inside=field),
    )
    if tokens is None:
        return placed(
            role, text, start, end, offsets, type=entity_type, entity_id=entity_id, surface=entity["name"]
        )
    return tokens.mention(role, start, end, type=entity_type, entity_id=entity_id)
