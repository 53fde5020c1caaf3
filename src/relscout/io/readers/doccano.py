"""doccano's JSON Lines: texts with entities and, of projects with relations, relations between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import Source, attempt, kind_name, optional_text, require

DESCRIPTION = (
    "doccano: JSON Lines with text, entities (start_offset, end_offset) and relations (from_id, to_id)"
)
FIELDS = (("text", "entities.start_offset", "entities.end_offset", "relations.from_id"), ("text", "label"))

_LABELS = ("label", "labels")


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text with doccano's entities, relations or lists of labels."""
    return any(_is_ours(keys) for keys in record_outlines(source))


def _is_ours(keys: dict[str, str]) -> bool:
    if keys.get("text") != '"':
        return False
    if "entities.start_offset" in keys or "relations.from_id" in keys:
        return True
    empty = keys.get("entities[]") == keys.get("relations[]") == "]"
    return empty or any(keys.get(f"{name}[]") == "[" for name in _LABELS)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation, ``from_id`` being the head.

    In a record without a field ``relations``, entities are annotated and relations are not: each pair of entities is an
    instance whose relation is unknown. There, entities may also be lists ``[start, end, label]`` in ``label``.
    """
    for place, record in records(source, ("text",), published="lines"):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            annotated = Annotated(source, place, require(record, "text", str))
            entities = _entities(record)
            judged = record.get("relations") is not None
            relations = require(record, "relations", list) if judged else []
        except InputError as error:
            yield source.error(place, error)
            continue
        for number, entity in enumerate(entities):
            key = entity.get("id") if isinstance(entity, dict) else None
            if not isinstance(key, int | str):
                key = f"entities[{number}]"
            annotated.add(key, partial(_entity, annotated, entity))
        if not judged:
            yield from annotated.unlabelled()
        for number, relation in enumerate(relations):
            yield attempt(source, f"{place}, relations[{number}]", relation, partial(_relation, annotated))


def _entities(record: Any) -> list[Any]:
    for name in ("entities", *_LABELS):
        if record.get(name) is not None:
            return require(record, name, list)
    raise InputError("the field 'entities' is missing; expected a list")


def _entity(annotated: Annotated, entity: Any) -> Mention:
    if isinstance(entity, list):
        if len(entity) != 3:
            raise InputError(f"the entity has {len(entity)} items; expected [start, end, label]")
        entity = dict(zip(("start_offset", "end_offset", "label"), entity, strict=True))
    start, end = (require(entity, edge, int) for edge in ("start_offset", "end_offset"))
    return annotated.span("entity", start, end, type=optional_text(entity, "label"))


def _relation(annotated: Annotated, relation: Any, provenance: str) -> RelationInstance:
    head, tail = (identifier(relation, end) for end in ("from_id", "to_id"))
    return annotated.instance(head, tail, optional_text(relation, "type"), provenance)


def identifier(record: Any, field: str) -> int | str:
    """Return a field that must be an identifier, a whole number or a string.

    Raises:
        InputError: The field is missing or of another kind.
    """
    value = record.get(field) if isinstance(record, dict) else None
    if isinstance(value, str):
        return require(record, field, str)
    if value is not None and type(value) is not int:
        raise InputError(f"the field {field!r} is {kind_name(value)}; expected a whole number or a string")
    return require(record, field, int)
