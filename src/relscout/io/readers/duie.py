"""DuIE: Chinese texts with subjects, predicates and objects as strings.

Li et al., *DuIE: A Large-Scale Chinese Dataset for Information Extraction*, NLPCC 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import has_fields, records
from relscout.io.readers.occurrences import nearest_pair
from relscout.io.readers.source import Source, attempt, check_unicode, kind_name, optional_text, require

DESCRIPTION = "DuIE: JSON Lines with text and spo_list (subject, predicate, object as strings)"
FIELDS = (("text", "spo_list.subject", "spo_list.predicate", "spo_list.object"),)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text and ``spo_list``."""
    return has_fields(source, {"text": '"', "spo_list": "["})


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per subject and object, their strings at the places that :func:`nearest_pair` finds.

    An object of several parts, as DuIE 2.0 has them, gives one instance for each part that is not empty; the name of a
    part other than ``@value`` follows the predicate after a slash. A string that does not occur in the text is an
    error.
    """
    for place, record in records(source, ("text", "spo_list"), published="lines"):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            text = require(record, "text", str)
            triples = require(record, "spo_list", list)
        except InputError as error:
            yield source.error(place, error)
            continue
        for number, triple in enumerate(triples):
            where = f"{place}, spo_list[{number}]"
            try:
                parts = _parts(triple)
            except InputError as error:
                yield source.error(where, error)
                continue
            for part in parts:
                yield attempt(source, where, part, partial(_instance, text, triple))


def _parts(triple: Any) -> list[tuple[str, str, str | None]]:
    """Return ``(relation, object, type of the object)`` of each part."""
    predicate = require(triple, "predicate", str)
    if not isinstance(triple.get("object"), dict):
        return [(predicate, require(triple, "object", str), optional_text(triple, "object_type"))]
    types = triple.get("object_type")
    parts = []
    for name, value in triple["object"].items():
        if value not in (None, ""):
            kind = types.get(name) if isinstance(types, dict) else types
            check_unicode("object", name)
            relation = predicate if name == "@value" else f"{predicate}/{name}"
            parts.append((relation, require(triple["object"], name, str, inside="object"), kind or None))
    return parts


def _instance(
    text: str, triple: dict[str, Any], part: tuple[str, str, Any], provenance: str
) -> RelationInstance:
    relation, target, kind = part
    if kind is not None and not isinstance(kind, str):
        raise InputError(f"the field 'object_type' is {kind_name(kind)}; expected a string")
    check_unicode("object_type", kind or "")
    first, second = nearest_pair(text, require(triple, "subject", str), target)
    return RelationInstance(
        text,
        Mention(*first, optional_text(triple, "subject_type")),
        Mention(*second, kind),
        relation or None,
        source=provenance,
    )
