"""spaCy's binary documents, with relations as spaCy's relation-extraction tutorial stores them.

``doc._.rel`` is ``{(first token of the head, first token of the tail): {label: score}}``, the mentions are
``doc.ents``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.source import Source, shorten

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span

DESCRIPTION = "spaCy DocBin: documents with entities and relations in doc._.rel"

#: Relation of a listed pair if no label reaches the threshold: the pair was annotated as unrelated.
NO_RELATION = "no_relation"
#: Lower scores are negative; the tutorial's gold scores are 0.0 and 1.0.
THRESHOLD = 0.5

_USER_DATA_KEY: Any = ("._.", "rel", None, None)


def sniff(source: Source) -> bool:
    """Return whether the start unpacks to a MessagePack map that begins like a DocBin."""
    if not source.sample.startswith(b"\x78"):
        return False
    try:
        start = zlib.decompressobj().decompress(source.sample, 64)
    except zlib.error:
        return False
    return start[:1] >= b"\x80" and b"\xa5attrs" in start


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per listed pair of entities, in the order of the document's dictionary.

    The relation is the label with the highest score, if that is at least 0.5, else ``no_relation``. Pairs of an entity
    with itself, which the tutorial lists with scores of 0, are skipped. The text is the
    sentence, where the document has sentences and one holds both entities, else the document.

    Raises:
        InputError: The file is not a readable DocBin.
    """
    for number, doc in enumerate(_documents(source), 1):
        place = f"document {number}"
        relations = doc.user_data.get(_USER_DATA_KEY)
        if not isinstance(relations, Mapping):
            yield source.error(
                place,
                "the document has no doc._.rel; expected {(first token of the head, first token of the "
                "tail): {label: score}}, saved with DocBin(store_user_data=True)",
            )
            continue
        try:
            entities = {entity.start: entity for entity in doc.ents}
        except (KeyError, ValueError) as error:  # names that the file has no text of
            yield source.error(place, f"its entities are not readable by spaCy ({_line(error)})")
            continue
        for pair, scores in relations.items():
            pair_place = f"{place}, pair {shorten(pair)}"
            try:
                instance = _instance(doc, entities, pair, scores, source.at(pair_place))
            except InputError as error:
                yield source.error(pair_place, error)
            except (KeyError, ValueError) as error:  # names that the file has no text of
                yield source.error(pair_place, f"not readable by spaCy ({_line(error)})")
            else:
                if instance is not None:
                    yield instance


def _documents(source: Source) -> Iterator[Doc]:
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        yield from DocBin().from_bytes(b"".join(source.chunks())).get_docs(Vocab())
    except InputError:
        raise
    except Exception as error:  # spaCy does not check the data: a damaged file can raise anything
        raise InputError(f"{source.path}: not a readable spaCy DocBin ({_line(error)})") from error


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]


def _instance(
    doc: Doc, entities: Mapping[int, Span], pair: Any, scores: Any, provenance: str
) -> RelationInstance | None:
    relation = _relation(scores)
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise InputError("expected a pair (first token of the head, first token of the tail)")
    if pair[0] == pair[1] and relation == NO_RELATION:
        return None
    for role, token in zip(("head", "tail"), pair, strict=True):
        if token not in entities:
            raise InputError(f"no entity starts at token {shorten(token)}, where the {role} was expected")
    head, tail = entities[pair[0]], entities[pair[1]]
    context = _context(doc, head, tail)
    shift = context.start_char
    return RelationInstance(
        context.text, _mention(head, shift), _mention(tail, shift), relation, source=provenance
    )


def _context(doc: Doc, head: Span, tail: Span) -> Span:
    if doc.has_annotation("SENT_START"):
        sentence = head.sent
        if sentence.start <= tail.start and max(head.end, tail.end) <= sentence.end:
            return sentence
    return doc[:]


def _relation(scores: Any) -> str:
    if not isinstance(scores, Mapping) or not all(
        isinstance(label, str) and label.strip() and isinstance(score, Real) and float(score) >= 0
        for label, score in scores.items()
    ):
        raise InputError(f"expected {{label: score}} with scores from 0 to 1, got {shorten(scores)}")
    best = max(scores.values(), default=0)
    if best < THRESHOLD:
        return NO_RELATION
    labels = [label for label, score in scores.items() if score == best]
    if len(labels) > 1:
        raise InputError(f"the labels {' and '.join(labels)} have the same score; expected one to be highest")
    return str(labels[0])


def _mention(entity: Span, shift: int) -> Mention:
    # spaCy's entity linker writes "NIL" for an unknown entity
    entity_id = ("" if entity.kb_id_ == "NIL" else entity.kb_id_) or entity.ent_id_
    return Mention(
        entity.start_char - shift, entity.end_char - shift, entity.label_ or None, entity_id or None
    )
