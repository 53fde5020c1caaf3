"""TACRED's JSON (Zhang et al. 2017, *Position-aware Attention and Supervised Data Improve Slot Filling*).

Spans count tokens and their ends are inclusive. ``no_relation`` is kept as a gold relation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from relscout.core.errors import RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import Source, attempt, check_unicode, optional_text, require
from relscout.io.readers.tokens import TokenText

DESCRIPTION = "TACRED: JSON list with token, subj_start … obj_end; span ends are inclusive"
FIELDS = (("token", "subj_start", "subj_end", "obj_start", "obj_end"),)

_SPAN_KEYS = {"subj_start", "subj_end", "obj_start", "obj_end"}


def sniff(source: Source) -> bool:
    """Return whether one of the first records has tokens and at least two of TACRED's four span fields."""
    return any("token" in keys and len(_SPAN_KEYS & keys.keys()) >= 2 for keys in record_outlines(source))


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per record: the subject is the head, the object the tail."""
    for place, record in records(source, _SPAN_KEYS):
        yield attempt(source, place, record, _instance)


def _instance(record: Any, provenance: str) -> RelationInstance:
    tokens = TokenText(require(record, "token", list))
    check_unicode("token", tokens.text)
    return RelationInstance(
        tokens.text,
        _mention("head", record, "subj", tokens),
        _mention("tail", record, "obj", tokens),
        relation=optional_text(record, "relation"),
        id=optional_text(record, "id") or "",
        source=provenance,
    )


def _mention(role: str, record: Any, prefix: str, tokens: TokenText) -> Mention:
    start, last = require(record, f"{prefix}_start", int), require(record, f"{prefix}_end", int)
    return tokens.mention(role, start, last + 1, type=optional_text(record, f"{prefix}_type"))
