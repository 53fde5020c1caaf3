"""DocRED and Re-DocRED: documents in which every entity, every relation and its evidence sentences are judged.

Yao et al., *DocRED: A Large-Scale Document-Level Relation Extraction Dataset*, ACL 2019; Tan et al., *Revisiting
DocRED*, EMNLP 2022.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Segments
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
FIELDS = (("sents", "vertexSet.pos", "vertexSet.sent_id", "labels.h", "labels.t", "labels.r"),)

#: Sentence → (head entity, tail entity) → relations that the sentence expresses, in the order of the file.
_Expressed = dict[int, dict[tuple[int, int], list[str]]]


def sniff(source: Source) -> bool:
    """Return whether the start is a list of objects with a list of entities or of sentences, as DocRED names them."""
    return any("[" in (keys.get("vertexSet"), keys.get("sents")) for keys in record_outlines(source))


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield the pairs of mentions that a label relates, the text being their sentence.

    A pair has a relation where a label relates its two entities and names the sentence as evidence. A label without
    evidence, of which Re-DocRED has many, says of no shared sentence that it expresses the relation.

    A label whose evidence names the two in different sentences only, or whose entities share no sentence at all, makes
    one instance across sentences: the two nearest mentions, in the text from the first one's sentence to the last's.

    With ``source.pairs == "all"`` every other pair of mentions of two entities follows as
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
            labels = _rows(record, "labels")
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
        document = Segments(source, title, [sentence.text for sentence in sentences])
        for number in range(len(sentences)):
            for head, tail, relation in _pairs(mentions[number], expressed[number], source):
                provenance = source.at(f"{place}, sents[{number}]")
                yield document.instance((number, head), (number, tail), relation, provenance)
        if source.pairs == "related":
            yield from _across(source, place, labels, mentions, document)


def _across(
    source: Source,
    place: str,
    labels: list[Any],
    mentions: dict[int, list[tuple[int, Mention]]],
    document: Segments,
) -> Iterator[RelationInstance | RecordError]:
    """Yield the pairs of mentions of different sentences, one for each label that no sentence expresses by itself."""
    where: dict[int, list[tuple[int, Mention]]] = defaultdict(list)
    for sentence, there in sorted(mentions.items()):
        for entity, mention in there:
            where[entity].append((sentence, mention))
    seen = set()
    for number, label in enumerate(labels):
        try:
            relation, pair, evidence = _label(label, None, len(document.texts))
        except InputError:
            continue  # already reported as an error
        ends = [where[entity] for entity in pair]
        named = [[mention for mention in end if mention[0] in evidence] for end in ends]
        # evidence that names both counts; without evidence, a label counts only if the two share no sentence
        chosen = named if all(named) else ends
        first, second = ({sentence for sentence, _ in end} for end in chosen)
        if not first or not second or first & second or (pair, relation) in seen:
            continue
        seen.add((pair, relation))
        head, tail = min(
            product(*chosen),
            key=lambda two: (
                abs(two[0][0] - two[1][0]),
                min(two[0][0], two[1][0]),
                two[0][1].start,
                two[1][1].start,
            ),
        )
        provenance = source.at(f"{place}, labels[{number}]")
        yield document.instance(head, tail, relation, provenance)


def _pairs(
    mentions: list[tuple[int, Mention]], expressed: dict[tuple[int, int], list[str]], source: Source
) -> Iterator[tuple[Mention, Mention, str]]:
    by_entity: dict[int, list[Mention]] = defaultdict(list)
    for entity, mention in mentions:
        by_entity[entity].append(mention)
    for (first, second), relations in expressed.items():
        for head, tail in product(by_entity[first], by_entity[second]):
            if (head.start, head.end) != (tail.start, tail.end) and not head.crosses(tail):
                yield from ((head, tail, relation) for relation in relations)
    if source.pairs == "all":
        for (_, head), (_, tail) in unrelated_pairs(
            mentions, lambda a, b: a == b or (a, b) in expressed or (b, a) in expressed
        ):
            yield head, tail, NO_RELATION


def _rows(record: Any, field: str) -> list[Any]:
    """Return a list of labels; Hugging Face datasets keep it as an object of lists, under other names."""
    if not isinstance(record, dict) or not isinstance(record.get(field), dict):
        return require(record, field, list)
    columns = record[field]
    names = {"h": "head", "t": "tail", "r": "relation_id", "evidence": "evidence"}
    lists = {ours: require(columns, theirs, list, inside=field) for ours, theirs in names.items()}
    if len({len(values) for values in lists.values()}) != 1:
        raise InputError(
            f"the lists in {field!r} have different lengths; expected one item per label in each"
        )
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


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
                sentence, mentioned = _mention(mention, sentences)
            except InputError as error:
                yield source.error(f"{place}, vertexSet[{number}][{count}]", error)
            else:
                yield sentence, number, mentioned


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
    covered = sentence.mention("mention", *span, type=optional_text(mention, "type"))
    name = optional_text(mention, "name")
    if name is not None:
        # names with a line break begin with the previous line
        check_surface("mention", covered.surface(sentence.text), name.strip().rpartition("\n")[2])
    return number, covered


def _label(label: Any, n_entities: int | None, n_sentences: int) -> tuple[str, tuple[int, int], list[int]]:
    """Return relation, (head entity, tail entity) and evidence of a label."""
    relation = require(label, "r", str)
    if not relation.strip():
        raise InputError("the relation 'r' is empty")
    pair = require(label, "h", int), require(label, "t", int)
    for name, entity in zip("ht", pair, strict=True):
        if n_entities is not None and not 0 <= entity < n_entities:
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
    return relation, pair, evidence


def _add_label(label: Any, n_entities: int, n_sentences: int, expressed: _Expressed) -> None:
    relation, pair, evidence = _label(label, n_entities, n_sentences)
    for number in evidence:
        relations = expressed[number].setdefault(pair, [])
        if relation not in relations:
            relations.append(relation)
