"""The JSON of SpERT, in which CoNLL04, SciERC and ADE circulate: tokens, entities, relations between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import has_fields, records
from relscout.io.readers.source import NO_RELATION, Source, attempt, check_unicode, require, unrelated_pairs
from relscout.io.readers.tokens import TokenText

DESCRIPTION = "SpERT (CoNLL04, SciERC, ADE): JSON list of tokens, entities and relations"
FIELDS = (("tokens", "entities.start", "entities.end", "relations.head", "relations.tail"),)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has lists of tokens, entities and relations."""
    return has_fields(source, dict.fromkeys(("tokens", "entities", "relations"), "["))


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation; the text is the tokens joined by single blanks.

    With ``source.pairs == "all"`` the pairs of entities of the sentence without a relation follow, as ``no_relation``.
    Otherwise, a sentence without relations has no instance. A pair with several relations is one instance for each,
    and these have the same id.
    """
    for place, record in records(source, ("tokens",)):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            tokens = TokenText(require(record, "tokens", list))
            check_unicode("tokens", tokens.text)
            entities = require(record, "entities", list)
            relations = require(record, "relations", list)
        except InputError as error:
            yield source.error(place, error)
            continue
        parse = partial(_instance, tokens, entities)
        for count, relation in enumerate(relations, 1):
            yield attempt(source, f"{place}, relation {count}", relation, parse)
        if source.pairs == "all":
            yield from _unrelated(source, place, tokens, entities, relations)


def _unrelated(
    source: Source, place: str, tokens: TokenText, entities: list[Any], relations: list[Any]
) -> Iterator[RelationInstance | RecordError]:
    mentions = []
    for number, entity in enumerate(entities):
        try:
            mentions.append((number, _entity("entity", tokens, entity)))
        except InputError as error:
            yield source.error(f"{place}, entity {number + 1}", error)
    # an invalid relation still says that the two are related
    related = {
        frozenset((relation.get("head"), relation.get("tail")))
        for relation in relations
        if isinstance(relation, dict) and all(isinstance(relation.get(end), int) for end in ("head", "tail"))
    }
    for (first, head), (second, tail) in unrelated_pairs(mentions, lambda *pair: frozenset(pair) in related):
        provenance = source.at(f"{place}, entities {first + 1} and {second + 1}")
        yield RelationInstance(tokens.text, head, tail, NO_RELATION, source=provenance)


def _instance(tokens: TokenText, entities: list[Any], relation: Any, provenance: str) -> RelationInstance:
    name = require(relation, "type", str)
    if not name.strip():
        raise InputError("the relation's 'type' is empty")
    head, tail = (_mention(role, tokens, entities, relation) for role in ("head", "tail"))
    return RelationInstance(tokens.text, head, tail, name, source=provenance)


def _mention(role: str, tokens: TokenText, entities: list[Any], relation: dict[str, Any]) -> Mention:
    index = require(relation, role, int)
    if not 0 <= index < len(entities):
        raise InputError(f"{role!r} is {index}, but the record has {len(entities)} entities, counted from 0")
    return _entity(role, tokens, entities[index])


def _entity(role: str, tokens: TokenText, entity: Any) -> Mention:
    start, end = (require(entity, edge, int, inside=role) for edge in ("start", "end"))
    return tokens.mention(role, start, end, type=require(entity, "type", str, inside=role) or None)
