"""Prodigy's JSON Lines of ``rel.manual``: texts with tokens, spans and relations between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import Source, attempt, optional_text, require

DESCRIPTION = "Prodigy: JSON Lines of rel.manual with text, spans and relations (head_span, child_span)"
FIELDS = (("text", "spans.start", "spans.end", "relations.head_span", "relations.child_span"),)

_OWN = frozenset(
    ("_input_hash", "_task_hash", "_view_id", "relations.head_span", "relations.child", "spans.token_start")
)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text and spans or relations as Prodigy names them."""
    return any(
        keys.get("text") == '"' and ("spans" in keys or "relations" in keys) and not _OWN.isdisjoint(keys)
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation, the head of the arc being the head.

    If a relation names tokens only, each end is the span that contains its token, or else the token itself. Texts that
    were rejected or ignored are left out. In a record without a field ``relations``, each pair of spans is an instance
    whose relation is unknown.
    """
    for place, record in records(source, ("text",), published="lines"):
        if isinstance(record, RecordError):
            yield record
            continue
        if isinstance(record, dict) and record.get("answer") in ("reject", "ignore"):
            continue
        try:
            annotated = Annotated(source, place, require(record, "text", str))
            tokens, spans, relations = (
                [] if record.get(name) is None else require(record, name, list)
                for name in ("tokens", "spans", "relations")
            )
        except InputError as error:
            yield source.error(place, error)
            continue
        for number, given in enumerate(tokens):
            annotated.add(f"token {number}", partial(_span, annotated, given))
        if record.get("relations") is None:
            annotated = Annotated(source, place, annotated.text)
            for number, given in enumerate(spans):
                annotated.add(f"spans[{number}]", partial(_span, annotated, given))
            yield from annotated.unlabelled()
        for number, relation in enumerate(relations):
            parse = partial(_relation, annotated, spans)
            yield attempt(source, f"{place}, relations[{number}]", relation, parse)


def _span(annotated: Annotated, given: Any) -> Mention:
    start, end = (require(given, edge, int) for edge in ("start", "end"))
    return annotated.span("span", start, end, type=optional_text(given, "label"), surface=given.get("text"))


def _relation(annotated: Annotated, spans: list[Any], relation: Any, provenance: str) -> RelationInstance:
    ends = []
    for end in ("head", "child"):
        given: dict[str, Any] | None
        if isinstance(relation, dict) and relation.get(f"{end}_span") is not None:
            given = require(relation, f"{end}_span", dict)
        else:
            token = require(relation, end, int)
            given = next((item for item in spans if isinstance(item, dict) and _holds(item, token)), None)
        mention = annotated.mention(end, f"token {token}") if given is None else _span(annotated, given)
        ends.append(mention)
    return annotated.of(ends[0], ends[1], optional_text(relation, "label"), provenance)


def _holds(given: dict[str, Any], token: int) -> bool:
    first, last = given.get("token_start"), given.get("token_end")
    return isinstance(first, int) and isinstance(last, int) and first <= token <= last
