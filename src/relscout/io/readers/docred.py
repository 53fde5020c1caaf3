"""DocRED and Re-DocRED: documents in which every entity, every relation and its evidence sentences are judged.

Yao et al., *DocRED: A Large-Scale Document-Level Relation Extraction Dataset*, ACL 2019; Tan et al., *Revisiting
DocRED*, EMNLP 2022.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate, product
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import (
    NO_RELATION,
    Source,
    check_unicode,
    kind_name,
    optional_text,
    require,
    unrelated_pairs,
)
from relscout.io.readers.tokens import TokenText, blanks_before, check_surface

DESCRIPTION = (
    "DocRED, Re-DocRED: JSON list of documents with sentences, entities, relations and their evidence"
)

#: Sentence → (head entity, tail entity) → relations that the sentence expresses, in the order of the file.
_Expressed = dict[int, dict[tuple[int, int], list[str]]]


def sniff(source: Source) -> bool:
    """Return whether the start is a list of objects with a list of entities or of sentences, as DocRED names them."""
    return any(
        "[" in (keys.get("vertexSet"), keys.get("sents")) for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield the pairs of mentions that share a sentence, the text being that sentence.

    A pair has a relation where a label relates its two entities and names the sentence as evidence. A label without
    evidence, of which Re-DocRED has many, makes no instance, nor does one whose entities do not share a sentence that
    is evidence. With ``source.pairs == "all"`` every other pair of mentions of two entities follows as
    ``no_relation``: one that is related in the document, but not by this sentence, too.

    A pair with several relations is one instance for each, and these have the same id. The document is the title, and
    its text the sentences with a blank between them.
    """
    for place, record in records(source, ("sents", "vertexSet")):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            sentences = _sentences(require(record, "sents", list))
            entities = require(record, "vertexSet", list)
            labels = require(record, "labels", list)
            title = optional_text(record, "title") or ""
        except InputError as error:
            yield source.error(place, error)
            continue
        mentions: dict[int, list[tuple[int, Mention]]] = defaultdict(list)
        for result in _mentions(source, place, entities, sentences):
            if isinstance(result, RecordError):
                yield result
            elif result[1:] not in mentions[result[0]]:
                mentions[result[0]].append(result[1:])
        expressed: _Expressed = defaultdict(dict)
        for number, label in enumerate(labels):
            try:
                _add_label(label, len(entities), len(sentences), expressed)
            except InputError as error:
                yield source.error(f"{place}, labels[{number}]", error)
        starts = [0, *accumulate(len(sentence.text) + 1 for sentence in sentences)]
        for number, sentence in enumerate(sentences):
            for head, tail, relation in _pairs(mentions[number], expressed[number], source):
                yield RelationInstance(
                    sentence.text,
                    head,
                    tail,
                    relation,
                    source=source.at(f"{place}, sents[{number}]"),
                    document=title,
                    document_start=starts[number],
                )


def _pairs(
    mentions: list[tuple[int, Mention]], expressed: dict[tuple[int, int], list[str]], source: Source
) -> Iterator[tuple[Mention, Mention, str]]:
    by_entity: dict[int, list[Mention]] = defaultdict(list)
    for entity, mention in mentions:
        by_entity[entity].append(mention)
    for (one, other), relations in expressed.items():
        for head, tail in product(by_entity[one], by_entity[other]):
            if (head.start, head.end) != (tail.start, tail.end) and not head.crosses(tail):
                yield from ((head, tail, relation) for relation in relations)
    if source.pairs == "all":
        for (_, head), (_, tail) in unrelated_pairs(
            mentions, lambda a, b: a == b or (a, b) in expressed or (b, a) in expressed
        ):
            yield head, tail, NO_RELATION


def _sentences(sents: list[Any]) -> list[TokenText]:
    sentences = []
    for number, tokens in enumerate(sents):
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise InputError(f"sents[{number}] is no list of strings; expected the tokens of a sentence")
        # a token may be a no-break space, or have a line break in it
        clean = [" ".join(token.split()) for token in tokens]
        check_unicode(f"sents[{number}]", " ".join(clean))
        try:
            sentences.append(TokenText(clean, blanks_before(clean)))
        except InputError as error:
            raise InputError(f"sents[{number}]: {error}") from error
    return sentences


def _mentions(
    source: Source, place: str, entities: list[Any], sentences: list[TokenText]
) -> Iterator[tuple[int, int, Mention] | RecordError]:
    """Yield ``(sentence, entity, mention)``, or the error of a mention or entity."""
    for number, entity in enumerate(entities):
        if not isinstance(entity, list):
            reason = f"expected a list of mentions, got {kind_name(entity)}"
            yield source.error(f"{place}, vertexSet[{number}]", reason)
            continue
        for count, mention in enumerate(entity):
            try:
                sentence, found = _mention(mention, sentences)
            except InputError as error:
                yield source.error(f"{place}, vertexSet[{number}][{count}]", error)
            else:
                yield sentence, number, found


def _mention(mention: Any, sentences: list[TokenText]) -> tuple[int, Mention]:
    number = require(mention, "sent_id", int)
    if not 0 <= number < len(sentences):
        raise InputError(
            f"'sent_id' is {number}, but the document has {len(sentences)} sentences, counted from 0"
        )
    span = require(mention, "pos", list)
    if len(span) != 2:
        raise InputError(f"'pos' has {len(span)} items; expected [start, end], in tokens of the sentence")
    sentence = sentences[number]
    found = sentence.mention("mention", *span, type=optional_text(mention, "type"))
    name = optional_text(mention, "name")
    if name is not None:
        # names with a line break begin with what stood on the line before
        check_surface("mention", found.surface(sentence.text), name.strip().rpartition("\n")[2])
    return number, found


def _add_label(label: Any, n_entities: int, n_sentences: int, expressed: _Expressed) -> None:
    relation = require(label, "r", str)
    if not relation.strip():
        raise InputError("the relation 'r' is empty")
    pair = require(label, "h", int), require(label, "t", int)
    for name, entity in zip("ht", pair, strict=True):
        if not 0 <= entity < n_entities:
            raise InputError(
                f"{name!r} is {entity}, but the document has {n_entities} entities, counted from 0"
            )
    if pair[0] == pair[1]:
        raise InputError(f"'h' and 't' are both {pair[0]}; a relation needs two different entities")
    evidence = [] if label.get("evidence") is None else require(label, "evidence", list)
    for number in evidence:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < n_sentences:
            raise InputError(
                f"'evidence' names the sentence {number!r:.40}, but the document has {n_sentences} sentences, "
                "counted from 0"
            )
    for number in evidence:
        relations = expressed[number].setdefault(pair, [])
        if relation not in relations:
            relations.append(relation)
