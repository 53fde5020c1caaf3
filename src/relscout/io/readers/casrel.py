"""Triples of strings as CasRel and the copy models have them: NYT, WebNLG, NYT10 and NYT11.

Wei et al., *A Novel Cascade Binary Tagging Framework for Relational Triple Extraction*, ACL 2020; Zeng et al.,
*Extracting Relational Facts by an End-to-End Neural Model with Copy Mechanism*, ACL 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import has_fields, records
from relscout.io.readers.occurrences import nearest_pair
from relscout.io.readers.source import Source, attempt, check_unicode, optional_text, require

DESCRIPTION = (
    "CasRel (NYT, WebNLG): JSON list or lines with text and triple_list of [head, relation, tail] strings"
)
FIELDS = (("text", "triple_list"), ("sentText", "relationMentions"))


def sniff(source: Source) -> bool:
    """Return whether one of the first records has a text and a list of triples, as CasRel or NYT10 name them."""
    return has_fields(source, {"text": '"', "triple_list": "["}, {"sentText": '"', "relationMentions": "["})


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per triple, its strings at the places that :func:`nearest_pair` finds.

    A triple with a string that does not occur in the text is an error. In NYT10, the label ``None`` stands for no
    relation and is kept.
    """
    for place, record in records(source, ("text", "triple_list", "sentText")):
        if isinstance(record, RecordError):
            yield record
            continue
        field = (
            "relationMentions" if isinstance(record, dict) and "relationMentions" in record else "triple_list"
        )
        try:
            text = require(record, "sentText" if field == "relationMentions" else "text", str)
            triples = require(record, field, list)
            types = _types(record)
        except InputError as error:
            yield source.error(place, error)
            continue
        for number, triple in enumerate(triples):
            yield attempt(source, f"{place}, {field}[{number}]", triple, partial(_instance, text, types))


def _types(record: dict[str, Any]) -> dict[str, str]:
    """Return the types of the entities by their strings, where the record lists them."""
    entities = [] if record.get("entityMentions") is None else require(record, "entityMentions", list)
    return {
        text: kind
        for entity in entities
        if (text := optional_text(entity, "text")) and (kind := optional_text(entity, "label"))
    }


def _instance(text: str, types: dict[str, str], triple: Any, provenance: str) -> RelationInstance:
    if isinstance(triple, list):
        if len(triple) != 3 or not all(isinstance(part, str) for part in triple):
            raise InputError("expected a triple of strings, [head, relation, tail]")
        head, relation, tail = triple
        for part in triple:
            check_unicode("triple", part)
    else:
        head, relation, tail = (require(triple, name, str) for name in ("em1Text", "label", "em2Text"))
    first, second = nearest_pair(text, head, tail)
    return RelationInstance(
        text,
        Mention(*first, types.get(head)),
        Mention(*second, types.get(tail)),
        relation or None,
        source=provenance,
    )
