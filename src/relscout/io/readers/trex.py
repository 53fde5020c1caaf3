"""T-REx: Wikipedia abstracts aligned with Wikidata triples, as JSON documents, which REBEL has too.

ElSahar et al., *T-REx: A Large Scale Alignment of Natural Language with Knowledge Base Triples*, LREC 2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.offsets import Offsets, check_mention, in_characters
from relscout.io.readers.source import Source, attempt, kind_name, require

DESCRIPTION = "T-REx and REBEL: JSON documents with sentence boundaries, entities and Wikidata triples"
FIELDS = (("text", "triples.subject.boundaries", "triples.predicate.uri", "triples.object.boundaries"),)

_OWN_KEYS = frozenset(
    ("sentences_boundaries", "words_boundaries", "triples.predicate.uri", "triples.subject.surfaceform")
)
_FIRST_KEYS = frozenset(("docid", "title", "uri", "text"))


def sniff(source: Source) -> bool:
    """Return whether one of the first records has keys of T-REx."""
    return any(
        not _OWN_KEYS.isdisjoint(keys) or keys.keys() >= _FIRST_KEYS for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per triple: its sentence, offsets counted from the start of the sentence.

    The relation is the last part of the predicate's URI (``P31``), the entity ids those of subject and object
    (``Q937``); a document without sentence boundaries is one sentence.
    A literal, such as a date, has none. A triple whose subject the sentence does not name, as the
    NoSubject aligner of T-REx writes them, is an error.
    """
    for place, document in records(source, _OWN_KEYS | _FIRST_KEYS):
        if isinstance(document, RecordError):
            yield document
            continue
        try:
            triples = require(document, "triples", list)
        except InputError as error:
            yield source.error(place, error)
            continue
        for count, triple in enumerate(triples, 1):
            yield attempt(
                source, f"{place}, triple {count}", triple, partial(_instance, source.offsets, document)
            )


def _instance(offsets: Offsets, document: dict[str, Any], triple: Any, provenance: str) -> RelationInstance:
    text = require(document, "text", str)
    sentence = (0, len(text))
    # the lines of REBEL have no sentence boundaries: their texts are short
    if document.get("sentences_boundaries") is not None:
        sentences = require(document, "sentences_boundaries", list)
        index = require(triple, "sentence_id", int)
        if not 0 <= index < len(sentences):
            raise InputError(f"'sentence_id' is {index}, but the document has {len(sentences)} sentences")
        sentence = _span("the sentence", sentences[index], text, sentence, offsets)
    predicate = require(triple, "predicate", dict)
    relation = _last_part(require(predicate, "uri", str, inside="predicate"))
    if not relation:
        raise InputError("the predicate's 'uri' does not end in a relation's identifier")
    return RelationInstance(
        text[sentence[0] : sentence[1]],
        _mention("subject", require(triple, "subject", dict), text, sentence, offsets),
        _mention("object", require(triple, "object", dict), text, sentence, offsets),
        relation=relation,
        source=provenance,
    )


def _mention(
    role: str, entity: dict[str, Any], text: str, sentence: tuple[int, int], offsets: Offsets
) -> Mention:
    if entity.get("boundaries") is None:
        raise InputError(f"the {role} has no boundaries: the sentence does not name it")
    start, end = _span(f"the {role}", entity["boundaries"], text, sentence, offsets)
    if entity.get("surfaceform") is not None:
        check_mention(role, text, Mention(start, end), entity["surfaceform"], offsets)
    uri = require(entity, "uri", str, inside=role)
    entity_id = None if "^^" in uri else _last_part(uri)
    return Mention(start - sentence[0], end - sentence[0], entity_id=entity_id or None)


def _span(
    what: str, boundaries: Any, text: str, within: tuple[int, int], offsets: Offsets
) -> tuple[int, int]:
    if not isinstance(boundaries, list):
        raise InputError(f"the boundaries of {what} are {kind_name(boundaries)}; expected [start, end]")
    if [type(number) for number in boundaries] != [int, int]:
        kinds = " and ".join(kind_name(number) for number in boundaries[:3]) or "nothing"
        raise InputError(f"the boundaries of {what} hold {kinds}; expected two whole numbers, [start, end]")
    start, end = in_characters(text, boundaries[0], boundaries[1], offsets)
    if not within[0] <= start < end <= within[1]:
        raise InputError(
            f"{what} at [{start}, {end}) lies outside [{within[0]}, {within[1]}), where it was expected; "
            "boundaries count characters of the document's text, the end is exclusive"
        )
    return start, end


def _last_part(uri: str) -> str:
    return re.split(r"[/#]", uri)[-1].strip()
