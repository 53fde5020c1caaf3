"""PubAnnotation's JSON: a text with denotations and relations between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.json_stream import has_fields, records
from relscout.io.readers.source import Source, attempt, optional_text, require

DESCRIPTION = (
    "PubAnnotation: JSON documents with text, denotations (span, obj) and relations (subj, pred, obj)"
)
FIELDS = (("text", "denotations.span", "denotations.obj", "relations.subj", "relations.pred"),)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text and denotations, or tracks of them."""
    return has_fields(source, {"text": '"', "denotations": "["}, {"text": '"', "tracks": "["})


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation, ``subj`` being the head and ``obj`` the tail.

    In a document (or track) without a field ``relations``, each pair of denotations is an instance whose relation is
    unknown.
    """
    for place, record in records(source, ("text", "denotations"), published="lines"):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            text = require(record, "text", str)
            document = _document(record)
            tracks = [(place, record)] if record.get("denotations") is not None else []
            if record.get("tracks") is not None:
                given = require(record, "tracks", list)
                tracks += [(f"{place}, tracks[{number}]", track) for number, track in enumerate(given)]
            if not tracks:
                raise InputError("the field 'denotations' is missing; expected a list")
        except InputError as error:
            yield source.error(place, error)
            continue
        for where, track in tracks:
            yield from _track(source, where, text, document, track)


def _track(
    source: Source, place: str, text: str, document: str, track: Any
) -> Iterator[RelationInstance | RecordError]:
    annotated = Annotated(source, place, text, document=document, document_start=0 if document else None)
    try:
        denotations = require(track, "denotations", list)
        judged = track.get("relations") is not None
        relations = require(track, "relations", list) if judged else []
    except InputError as error:
        yield source.error(place, error)
        return
    for number, denotation in enumerate(denotations):
        key = denotation.get("id") if isinstance(denotation, dict) else None
        key = key if isinstance(key, str) else f"denotations[{number}]"
        annotated.add(key, partial(_denotation, annotated, denotation))
    if not judged:
        yield from annotated.unlabelled()
    for number, relation in enumerate(relations):
        yield attempt(source, f"{place}, relations[{number}]", relation, partial(_relation, annotated))


def _document(record: dict[str, Any]) -> str:
    name, number = optional_text(record, "sourcedb"), record.get("sourceid")
    if name and isinstance(number, int | str):
        return f"{name}:{number}"
    return ""


def _denotation(annotated: Annotated, denotation: Any) -> Mention:
    if isinstance(denotation, dict) and isinstance(denotation.get("span"), list):
        if len(denotation["span"]) != 1:
            raise InputError("the denotation is discontinuous; expected one span {begin, end}")
        denotation = {**denotation, "span": denotation["span"][0]}
    given = require(denotation, "span", dict)
    start, end = (require(given, edge, int, inside="span") for edge in ("begin", "end"))
    return annotated.span("denotation", start, end, type=optional_text(denotation, "obj"))


def _relation(annotated: Annotated, relation: Any, provenance: str) -> RelationInstance:
    head, tail = (require(relation, end, str) for end in ("subj", "obj"))
    return annotated.instance(head, tail, optional_text(relation, "pred"), provenance)
