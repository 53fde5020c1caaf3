"""FewRel's JSON (Han et al. 2018, *FewRel: A Large-Scale Supervised Few-Shot Relation Classification …*).

A mention is the list of its token indices, so its last one is inclusive. An entity may be mentioned several
times; the first mention counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import grouped_records, has_fields, outlines, record_outlines, records
from relscout.io.readers.source import Source, attempt, check_unicode, optional_text, require
from relscout.io.readers.tokens import TokenText, check_surface

DESCRIPTION = "FewRel: a JSON object {relation: [records]}, or a list of records; token indices are inclusive"
FIELDS = (("tokens", "h", "t"),)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has tokens and a list ``h`` or ``t``."""
    outlined = [*outlines(source.sample_text, within="{["), *record_outlines(source)]
    return any("tokens" in keys and "[" in (keys.get("h"), keys.get("t")) for keys in outlined)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per record; in a plain list of records the relations are not known."""
    if not source.sample_text.lstrip().startswith("[") and not has_fields(source, {"tokens": "["}):
        for place, relation, record in grouped_records(source):
            yield attempt(source, place, record, partial(_instance, relation=relation))
    else:
        for place, record in records(source, ("tokens",)):
            yield attempt(source, place, record, partial(_instance, relation=None))


def _instance(record: Any, provenance: str, *, relation: str | None) -> RelationInstance:
    check_unicode("relation", relation or "")
    tokens = TokenText(require(record, "tokens", list))
    check_unicode("tokens", tokens.text)
    head, head_name = _mention("head", record, "h", tokens)
    tail, tail_name = _mention("tail", record, "t", tokens)
    instance = RelationInstance(tokens.text, head, tail, relation=relation or None, source=provenance)
    check_surface("head", instance.head_text, head_name)
    check_surface("tail", instance.tail_text, tail_name)
    return instance


def _mention(role: str, record: Any, field: str, tokens: TokenText) -> tuple[Mention, str]:
    entity = require(record, field, list)
    if len(entity) != 3:
        raise InputError(
            f"the field {field!r} has {len(entity)} items; expected [name, entity id, [[token index, …], …]]"
        )
    named = dict(zip(("name", "entity id", "mentions"), entity, strict=True))
    name = require(named, "name", str, inside=field)
    entity_id = optional_text(named, "entity id", inside=field)
    mentions = require(named, "mentions", list, inside=field)
    indices = mentions[0] if mentions else None
    if not isinstance(indices, list) or not indices or not all(type(index) is int for index in indices):
        raise InputError(f"the first mention of {field!r} is not a list of token indices, such as [4, 5]")
    if any(after - before != 1 for before, after in pairwise(indices)):
        raise InputError(f"the token indices {indices} of {field!r} do not follow one another")
    return tokens.mention(role, indices[0], indices[-1] + 1, entity_id=entity_id), name
