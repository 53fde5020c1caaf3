"""GLiREL's training lines: tokens, entities and relations with the positions of their ends.

Boylan et al., *GLiREL: Generalist Model for Zero-Shot Relation Extraction*, NAACL 2025.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import Source, attempt, check_unicode, optional_text, require
from relscout.io.readers.tokens import TokenText, check_surface

DESCRIPTION = "GLiREL: JSON Lines with tokenized_text, ner and relations (head and tail with position)"
FIELDS = (
    (
        "tokenized_text",
        "ner",
        "relations.head.position",
        "relations.tail.position",
        "relations.relation_text",
    ),
)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has ``tokenized_text`` with entities or relations."""
    return any(
        keys.get("tokenized_text") == "[" and ("ner" in keys or "relations" in keys)
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation; the text is the tokens joined by single blanks.

    The end of a position is inclusive, unless the ``mention`` fits only an exclusive end. A record
    without a field ``relations`` gives each pair of its entities with an unknown relation.
    """
    for place, record in records(source, ("tokenized_text",), published="lines"):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            tokens = TokenText(require(record, "tokenized_text", list))
            check_unicode("tokenized_text", tokens.text)
            judged = record.get("relations") is not None
            relations = require(record, "relations", list) if judged else []
            entities = [] if judged else require(record, "ner", list)
        except InputError as error:
            yield source.error(place, error)
            continue
        annotated = Annotated(source, place, tokens.text)
        for number, entity in enumerate(entities):
            annotated.add(f"ner[{number}]", partial(_entity, tokens, entity))
        yield from annotated.unlabelled()
        for number, relation in enumerate(relations):
            yield attempt(source, f"{place}, relations[{number}]", relation, partial(_relation, tokens))


def _entity(tokens: TokenText, entity: Any) -> Mention:
    if not isinstance(entity, list) or len(entity) not in (3, 4):
        raise InputError("expected an entity [first token, last token, type, mention]")
    whole = dict(zip(("start", "end", "type", "mention"), entity, strict=False))
    return _located("entity", tokens, whole["start"], whole["end"], whole)


def _relation(tokens: TokenText, relation: Any, provenance: str) -> RelationInstance:
    ends = []
    for role in ("head", "tail"):
        end = require(relation, role, dict)
        position = require(end, "position", list, inside=role)
        if len(position) != 2:
            raise InputError(
                f"'{role}.position' has {len(position)} items; expected [first token, last token]"
            )
        ends.append(_located(role, tokens, position[0], position[1], end))
    return RelationInstance(
        tokens.text, ends[0], ends[1], optional_text(relation, "relation_text"), source=provenance
    )


def _located(role: str, tokens: TokenText, start: Any, last: Any, described: dict[str, Any]) -> Mention:
    kind, name = optional_text(described, "type"), optional_text(described, "mention")
    exclusive = last + 1 if type(last) is int else last
    mention = None
    try:
        mention = tokens.mention(role, start, exclusive, type=kind)
        if name is not None:
            check_surface(role, mention.surface(tokens.text), name)
    except InputError:
        if name is None:
            raise
        # data made for GLiNER's readers and by Python slices has ends that are exclusive
        try:
            other = tokens.mention(role, start, last, type=kind)
            check_surface(role, other.surface(tokens.text), name)
        except InputError:
            other = None
        if other is None:
            raise
        return other
    return mention
