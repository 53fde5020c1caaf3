"""SciERC and DyGIE++: documents of sentences, spans that count the tokens of the document, ends inclusive.

Luan et al., *Multi-Task Identification of Entities, Relations, and Coreference …*, EMNLP 2018; Wadden et al., *Entity,
Relation, and Event Extraction with Contextualized Span Representations*, EMNLP 2019.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Annotated
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.source import Source, attempt, check_unicode, kind_name, optional_text, require
from relscout.io.readers.tokens import TokenText

DESCRIPTION = (
    "SciERC, DyGIE++, PURE: JSON Lines with sentences, ner and relations in tokens of the document, inclusive"
)
FIELDS = (("sentences", "ner", "relations"),)

_SPANS = tuple(
    f"{before}{name}{after}"
    for name in ("ner", "relations")
    for before in ("", "predicted_")
    for after in ("", "_with_subtoken")
)


def sniff(source: Source) -> bool:
    """Return whether one of the first records has lists of sentences and of entities or relations for them."""
    return any(
        keys.get("sentences[]") == "[" and any(keys.get(name) == "[" for name in _SPANS)
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation; the text is its sentence (or all from the first to the last that it spans).

    The tokens are joined by single blanks. Types are those of ``ner`` at the same spans. Gold annotations are used if
    there are any, else those with ``predicted_`` in their names. Without relations, each pair of the entities of a
    sentence is an instance whose relation is unknown.
    """
    for place, record in records(source, ("sentences",), published="lines"):
        if isinstance(record, RecordError):
            yield record
            continue
        try:
            document = _Document(source, place, record)
        except InputError as error:
            yield source.error(place, error)
        else:
            yield from document.instances()


class _Document:
    def __init__(self, source: Source, place: str, record: Any) -> None:
        self._source, self._place = source, place
        sentences = require(record, "sentences", list)
        for number, tokens in enumerate(sentences):
            if (
                not isinstance(tokens, list)
                or not tokens
                or not all(isinstance(token, str) for token in tokens)
            ):
                raise InputError(
                    f"sentences[{number}] is no list of strings; expected the tokens of a sentence"
                )
        self._tokens = [token for sentence in sentences for token in sentence]
        check_unicode("sentences", " ".join(self._tokens))
        self._starts = [0, *accumulate(len(sentence) for sentence in sentences)]
        self._name = optional_text(record, "doc_key") or ""
        self._ner_field, ner = _given(record, "ner")
        self._relations_field, self._relations = _given(record, "relations")
        if ner is None and self._relations is None:
            raise InputError("the fields 'ner' and 'relations' are missing; expected a list per sentence")
        self._entities = [(where, entity) for where, entity in _flat(self._ner_field, ner or [])]
        self._types: dict[tuple[int, int], str] = {}
        for _, entity in self._entities:
            if _is_span(entity, 2) and len(entity) > 2 and isinstance(entity[2], str):
                self._types.setdefault((int(entity[0]), int(entity[1])), entity[2])
        lengths = [0, *accumulate(len(token) + 1 for token in self._tokens)]
        self._offsets = [lengths[start] for start in self._starts]

    def instances(self) -> Iterator[RelationInstance | RecordError]:
        if self._relations is None:
            yield from self._unlabelled()
            return
        for where, relation in _flat(self._relations_field, self._relations):
            yield attempt(self._source, f"{self._place}, {where}", relation, self._instance)

    def _instance(self, relation: Any, provenance: str) -> RelationInstance:
        if not _is_span(relation, 4) or len(relation) < 5 or not isinstance(relation[4], str):
            raise InputError(
                f"expected a relation [first, last, first, last, label] of token numbers, got {str(relation)[:60]}"
            )
        check_unicode("label", relation[4])
        spans = [(int(relation[0]), int(relation[1])), (int(relation[2]), int(relation[3]))]
        for start, last in spans:
            if not 0 <= start <= last < len(self._tokens):
                raise InputError(
                    f"the span [{start}, {last}] does not fit the document's {len(self._tokens)} tokens; the end is "
                    "inclusive"
                )
        first = bisect_right(self._starts, min(start for start, _ in spans)) - 1
        final = bisect_right(self._starts, max(last for _, last in spans)) - 1
        origin = self._starts[first]
        text = TokenText(self._tokens[origin : self._starts[final + 1]])
        head, tail = (
            self._mention(role, text, origin, span)
            for role, span in zip(("head", "tail"), spans, strict=True)
        )
        return self._of(text, head, tail, relation[4] or None, provenance, first)

    def _of(
        self, text: TokenText, head: Mention, tail: Mention, relation: str | None, provenance: str, first: int
    ) -> RelationInstance:
        return RelationInstance(
            text.text,
            head,
            tail,
            relation,
            source=provenance,
            document=self._name,
            document_start=self._offsets[first],
        )

    def _mention(self, role: str, text: TokenText, origin: int, span: tuple[int, int]) -> Mention:
        return text.mention(role, span[0] - origin, span[1] + 1 - origin, type=self._types.get(span) or None)

    def _unlabelled(self) -> Iterator[RelationInstance | RecordError]:
        texts: dict[int, Annotated] = {}
        for where, entity in self._entities:
            place = f"{self._place}, {where}"
            if not _is_span(entity, 2):
                yield self._source.error(
                    place, "expected an entity [first, last, type] in tokens of the document"
                )
                continue
            start, last = int(entity[0]), int(entity[1])
            if not 0 <= start <= last < len(self._tokens):
                yield self._source.error(place, f"the span [{start}, {last}] does not fit the document")
                continue
            first = bisect_right(self._starts, start) - 1
            origin = self._starts[first]
            text = TokenText(self._tokens[origin : self._starts[first + 1]])
            if first not in texts:
                texts[first] = Annotated(
                    self._source,
                    self._place,
                    text.text,
                    document=self._name,
                    document_start=self._offsets[first],
                )
            span = (start, last)
            texts[first].add(where, partial(self._mention, "entity", text, origin, span))
        for _, annotated in sorted(texts.items()):
            yield from annotated.unlabelled()


def _given(record: dict[str, Any], name: str) -> tuple[str, list[Any] | None]:
    """Return the field with the entities or relations, and its value; ``None`` if there is none."""
    for field in (spans for spans in _SPANS if name in spans):
        if record.get(field) is not None:
            return field, require(record, field, list)
    return name, None


def _flat(field: str, per_sentence: list[Any]) -> Iterator[tuple[str, Any]]:
    for number, items in enumerate(per_sentence):
        if isinstance(items, list):
            yield from ((f"{field}[{number}][{count}]", item) for count, item in enumerate(items))
        else:
            yield f"{field}[{number}]", kind_name(items)


def _is_span(item: Any, edges: int) -> bool:
    """Return whether a list begins with ``count`` token numbers, which are strings in Parquet's lists."""
    if not isinstance(item, list) or len(item) < edges:
        return False
    return all(
        type(edge) is int or (isinstance(edge, str) and edge.isascii() and edge.isdigit() and len(edge) < 10)
        for edge in item[:edges]
    )
