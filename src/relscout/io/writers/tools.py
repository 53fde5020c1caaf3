"""Pre-annotations for annotation tools: texts with entities and relations, in the formats that the tools import.

Successive instances of one text make one record. Where there are confidences, the least certain records come first, as
those are the ones that are worth a look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from relscout.core.files import whole_folder
from relscout.core.instances import UNKNOWN, UNTYPED, Mention, RelationInstance, Triple
from relscout.io.writers.textfile import encodable, json_line, text_file

#: ``(instance, relation, certainty)``; the certainty is ``None`` where there is none.
_Related = tuple[RelationInstance, str | None, float | None]


@dataclass
class _Record:
    """A text with its different mentions and the relations between them, which count mentions from 0."""

    text: str
    document: str
    document_start: int | None
    mentions: list[Mention] = field(default_factory=list)
    relations: list[tuple[int, int, str]] = field(default_factory=list)
    certainty: float | None = None

    def add(self, instance: RelationInstance, relation: str | None, certainty: float | None) -> None:
        for mention in (instance.head, instance.tail):
            if mention not in self.mentions:
                self.mentions.append(mention)
        head, tail = self.mentions.index(instance.head), self.mentions.index(instance.tail)
        self.relations.append((head, tail, encodable(relation or UNKNOWN)))
        if certainty is not None:
            self.certainty = certainty if self.certainty is None else min(self.certainty, certainty)

    def entities(self) -> Iterator[tuple[int, Mention, str]]:
        """Yield ``(number, mention, type)``."""
        for number, mention in enumerate(self.mentions):
            yield number, mention, encodable(mention.type or UNTYPED)


def _records(related: Iterable[_Related]) -> Iterator[_Record]:
    for (text, document, start), group in groupby(
        related, key=lambda one: (one[0].text, one[0].document, one[0].document_start)
    ):
        record = _Record(encodable(text), encodable(document), start)
        for one in group:
            record.add(*one)
        yield record


@dataclass
class Tool:
    """A writer for an annotation tool.

    Args:
        DESCRIPTION: What it writes, in one line.
        save: Writes records to a file or folder.
        is_folder: Whether it writes a folder.
    """

    DESCRIPTION: str
    save: Callable[[Iterable[_Record], Path], None]
    is_folder: bool = False

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write triples, those of the least certain texts first.

        Raises:
            OutputError: The file cannot be written.
        """
        related = (
            (one.instance, one.relation, one.confidence * (1.0 if one.related is None else one.related))
            for one in triples
        )
        self.save(sorted(_records(related), key=lambda record: record.certainty or 0.0), path)

    def write_instances(self, instances: Iterable[RelationInstance], path: Path) -> int:
        """Write instances with their gold relations, in their order; return how many.

        Raises:
            OutputError: The file cannot be written.
        """
        count = 0

        def related() -> Iterator[_Related]:
            nonlocal count
            for instance in instances:
                count += 1
                yield instance, instance.relation, None

        self.save(_records(related()), path)
        return count


def _lines(of: Callable[[_Record], Mapping[str, Any]]) -> Callable[[Iterable[_Record], Path], None]:
    def save(records: Iterable[_Record], path: Path) -> None:
        with text_file(path) as stream:
            stream.writelines(json_line(of(record)) for record in records)

    return save


def _list(of: Callable[[_Record], Mapping[str, Any]]) -> Callable[[Iterable[_Record], Path], None]:
    def save(records: Iterable[_Record], path: Path) -> None:
        with text_file(path) as stream:
            stream.write("[")
            for number, record in enumerate(records):
                stream.write(("," if number else "") + "\n" + json.dumps(of(record), ensure_ascii=False))
            stream.write("\n]\n")

    return save


def _label_studio(record: _Record) -> Mapping[str, Any]:
    regions = [
        {
            "id": f"e{number}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": mention.start,
                "end": mention.end,
                "text": mention.surface(record.text),
                "labels": [kind],
            },
        }
        for number, mention, kind in record.entities()
    ]
    relations = [
        {
            "type": "relation",
            "from_id": f"e{head}",
            "to_id": f"e{tail}",
            "direction": "right",
            "labels": [name],
        }
        for head, tail, name in record.relations
    ]
    prediction: dict[str, Any] = {"model_version": "relscout", "result": [*regions, *relations]}
    if record.certainty is not None:
        prediction["score"] = record.certainty
    data = {"text": record.text, **({"document": record.document} if record.document else {})}
    return {"data": data, "predictions": [prediction]}


def _doccano(record: _Record) -> Mapping[str, Any]:
    entities = [
        {"id": number, "label": kind, "start_offset": mention.start, "end_offset": mention.end}
        for number, mention, kind in record.entities()
    ]
    relations = [
        {"id": number, "from_id": head, "to_id": tail, "type": name}
        for number, (head, tail, name) in enumerate(record.relations)
    ]
    return {"text": record.text, "entities": entities, "relations": relations, **_meta(record)}


def _meta(record: _Record) -> dict[str, Any]:
    meta: dict[str, Any] = {"document": record.document} if record.document else {}
    return meta if record.certainty is None else {**meta, "score": record.certainty}


_WORD = re.compile(r"\w+|[^\w\s]")


def _prodigy(record: _Record) -> Mapping[str, Any]:
    tokens = _tokens(record)
    spans = []
    for _, mention, kind in record.entities():
        covered = [
            number
            for number, (start, end) in enumerate(tokens)
            if mention.start < end and start < mention.end
        ]
        ends = {"token_start": covered[0], "token_end": covered[-1]}
        spans.append({"start": mention.start, "end": mention.end, **ends, "label": kind})
    relations = [
        {
            "head": spans[head]["token_end"],
            "child": spans[tail]["token_end"],
            "head_span": spans[head],
            "child_span": spans[tail],
            "label": name,
        }
        for head, tail, name in record.relations
    ]
    listed = [
        {
            "text": record.text[start:end],
            "start": start,
            "end": end,
            "id": number,
            "ws": record.text[end : end + 1] == " ",
        }
        for number, (start, end) in enumerate(tokens)
    ]
    return {
        "text": record.text,
        "tokens": listed,
        "spans": spans,
        "relations": relations,
        "meta": _meta(record),
    }


def _tokens(record: _Record) -> list[tuple[int, int]]:
    """Return the words and signs of the text, cut where an entity begins or ends."""
    edges = sorted({edge for mention in record.mentions for edge in (mention.start, mention.end)})
    tokens: list[tuple[int, int]] = []
    for word in _WORD.finditer(record.text):
        start, end = word.span()
        cuts = [edge for edge in edges if start < edge < end]
        tokens += zip([start, *cuts], [*cuts, end], strict=True)
    return tokens


def _pubannotation(record: _Record) -> Mapping[str, Any]:
    denotations = [
        {"id": f"T{number}", "span": {"begin": mention.start, "end": mention.end}, "obj": kind}
        for number, mention, kind in record.entities()
    ]
    relations = [
        {"id": f"R{number}", "subj": f"T{head}", "pred": name, "obj": f"T{tail}"}
        for number, (head, tail, name) in enumerate(record.relations)
    ]
    database, _, number = record.document.partition(":")
    named = {"sourcedb": database, "sourceid": number} if number and record.document_start == 0 else {}
    return {**named, "text": record.text, "denotations": denotations, "relations": relations}


_BLANK = re.compile(r"\s")


def _brat(records: Iterable[_Record], path: Path) -> None:
    """Write a folder with a ``.txt`` and an ``.ann`` file per record, numbered in their order.

    People annotate in such a folder, so it is never replaced; the same content again is no error.
    """
    with whole_folder(path, contents=(), same_content=True) as folder:
        for number, record in enumerate(records, 1):
            lines = [
                f"T{place + 1}\t{_BLANK.sub('_', kind)} {mention.start} {mention.end}\t"
                f"{_BLANK.sub(' ', mention.surface(record.text))}\n"
                for place, mention, kind in record.entities()
            ]
            lines += [
                f"R{place}\t{_BLANK.sub('_', name)} Arg1:T{head + 1} Arg2:T{tail + 1}\n"
                for place, (head, tail, name) in enumerate(record.relations, 1)
            ]
            for suffix, content in ((".txt", record.text), (".ann", "".join(lines))):
                (folder / f"{number:06d}{suffix}").write_text(content, encoding="utf-8", newline="")


TOOLS = {
    "label-studio": Tool("Label Studio: JSON list of tasks with predictions", _list(_label_studio)),
    "doccano": Tool("doccano: JSON Lines with entities and relations", _lines(_doccano)),
    "prodigy": Tool("Prodigy: JSON Lines for rel.manual, with tokens, spans and relations", _lines(_prodigy)),
    "pubannotation": Tool(
        "PubAnnotation: JSON list of documents with denotations and relations", _list(_pubannotation)
    ),
    "brat": Tool("brat standoff: a folder with a .txt and an .ann file per text", _brat, is_folder=True),
}
