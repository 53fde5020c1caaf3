"""Pre-annotations for annotation tools: texts with entities and relations, in the formats that the tools import.

Successive instances of one text make one record. If there are confidences, the least certain records come first, since
they are most worth checking. The labels that a project of the tool needs are written next to the records,
with ``no_relation`` for relations that a person rejects.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from relscout.core.files import whole_folder
from relscout.core.instances import (
    BRAT_NAMES,
    NAMES_OF_NONE,
    UNKNOWN,
    UNTYPED,
    Mention,
    RelationInstance,
    Triple,
)
from relscout.io.writers.textfile import encodable, json_line, text_file, xml

#: Default origin of predictions.
MODEL_VERSION = "relscout"
#: The label of rejected relations.
REJECTED = "no_relation"
#: ``(instance, relation, certainty)``; the certainty is ``None`` if unknown.
_Related = tuple[RelationInstance, str | None, float | None]


@dataclass
class _Record:
    """A text with its different mentions and the relations between them, which count mentions from 0."""

    text: str
    document: str
    document_start: int | None
    model_version: str
    mentions: list[Mention] = field(default_factory=list)
    relations: list[tuple[int, int, str]] = field(default_factory=list)
    certainties: list[float | None] = field(default_factory=list)

    def add(self, instance: RelationInstance, relation: str | None, certainty: float | None) -> None:
        for mention in (instance.head, instance.tail):
            if mention not in self.mentions:
                self.mentions.append(mention)
        head, tail = self.mentions.index(instance.head), self.mentions.index(instance.tail)
        self.relations.append((head, tail, encodable(relation or UNKNOWN)))
        self.certainties.append(certainty)

    @property
    def certainty(self) -> float | None:
        """The certainty of the least certain relation."""
        return min((value for value in self.certainties if value is not None), default=None)

    def entities(self) -> Iterator[tuple[int, Mention, str]]:
        """Yield ``(number, mention, type)``."""
        for number, mention in enumerate(self.mentions):
            yield number, mention, encodable(mention.type or UNTYPED)


def _records(related: Iterable[_Related], model_version: str) -> Iterator[_Record]:
    for (text, document, start), group in groupby(
        related, key=lambda item: (item[0].text, item[0].document, item[0].document_start)
    ):
        record = _Record(encodable(text), encodable(document), start, model_version)
        for item in group:
            record.add(*item)
        yield record


@dataclass
class _Labels:
    """The labels of records, in order of first occurrence."""

    types: dict[str, None] = field(default_factory=dict)
    relations: dict[str, None] = field(default_factory=dict)

    def counted(self, records: Iterable[_Record]) -> Iterator[_Record]:
        """Yield the records, and collect their labels."""
        for record in records:
            self.types.update(dict.fromkeys(kind for _, _, kind in record.entities()))
            self.relations.update(dict.fromkeys(name for _, _, name in record.relations))
            yield record

    @property
    def choices(self) -> list[str]:
        """The relations to choose from, including the one that rejects a pair."""
        rejects = any(name.casefold() in NAMES_OF_NONE for name in self.relations)
        return [*self.relations, *(() if rejects else (REJECTED,))]


@dataclass
class Tool:
    """A writer for an annotation tool.

    Args:
        DESCRIPTION: Its output, in one line.
        save: Writes records to a file or folder.
        label_files: File suffix → the content of a file that is written next to the records.
        is_folder: Whether it writes a folder.
    """

    DESCRIPTION: str
    save: Callable[[Iterable[_Record], Path], None]
    label_files: Mapping[str, Callable[[_Labels], str]] = field(default_factory=dict)
    is_folder: bool = False

    def write(self, triples: Iterable[Triple], path: Path, *, model_version: str = MODEL_VERSION) -> None:
        """Write triples, those of the least certain texts first.

        Args:
            triples: The triples.
            path: The file.
            model_version: The origin of the predictions that the tool shows.

        Raises:
            OutputError: The file cannot be written.
        """
        related = (
            (
                triple.instance,
                triple.relation,
                triple.confidence * (1.0 if triple.related is None else triple.related),
            )
            for triple in triples
        )
        records = _records(related, model_version)
        self._save(sorted(records, key=lambda record: record.certainty or 0.0), path)

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

        self._save(_records(related(), MODEL_VERSION), path)
        return count

    def label_paths(self, path: Path) -> list[Path]:
        """Return the files that are written next to the records at ``path``."""
        stem = re.sub(r"(\.jsonl?)?(\.gz)?$", "", path.name)
        return [path.with_name(f"{stem}.{ending}") for ending in self.label_files]

    def _save(self, records: Iterable[_Record], path: Path) -> None:
        labels = _Labels()
        self.save(labels.counted(records), path)
        for place, content in zip(self.label_paths(path), self.label_files.values(), strict=True):
            with text_file(place) as stream:
                stream.write(content(labels))


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
    prediction: dict[str, Any] = {"model_version": record.model_version, "result": [*regions, *relations]}
    if record.certainty is not None:
        prediction["score"] = record.certainty
    data = {"text": record.text, **({"document": record.document} if record.document else {})}
    return {"data": data, "predictions": [prediction]}


def _label_studio_config(labels: _Labels) -> str:
    """Return the labelling configuration of a project: a text with labelled regions, and relations between them."""
    kinds = "".join(f"    <Label value={quoteattr(xml(kind))}/>\n" for kind in labels.types)
    relations = "".join(f"    <Relation value={quoteattr(xml(name))}/>\n" for name in labels.choices)
    return (
        f"<View>\n  <Relations>\n{relations}  </Relations>\n"
        f'  <Labels name="label" toName="text">\n{kinds}  </Labels>\n'
        '  <Text name="text" value="$text"/>\n</View>\n'
    )


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


#: Colours of labels, which repeat if there are more labels.
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf")


def _doccano_labels(names: Iterable[str]) -> str:
    listed = [
        {
            "text": name,
            "prefix_key": None,
            "suffix_key": None,
            "background_color": _COLOURS[number % len(_COLOURS)],
            "text_color": "#ffffff",
        }
        for number, name in enumerate(names)
    ]
    return json.dumps(listed, ensure_ascii=False, indent=2) + "\n"


def _meta(record: _Record) -> dict[str, Any]:
    meta: dict[str, Any] = {"document": record.document} if record.document else {}
    if record.certainty is None:
        return meta
    return {**meta, "score": record.certainty, "model_version": record.model_version}


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
    """Return the words and punctuation marks of the text, split where an entity begins or ends."""
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


_LINE_BREAK = re.compile("[\n\r]")
_BLANK = re.compile(r"\s")
_NOT_STORED = re.compile("[^a-zA-Z0-9_-]+")


class _BratNames:
    """The names under which brat stores types and relations: letters, digits, ``_`` and ``-`` of ASCII."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self._stored: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return the stored name, which is a key of ``shown``."""
        if name not in self._stored:
            plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
            stem = stored = _NOT_STORED.sub("_", plain).strip("_") or "label"
            number = 1
            while stored in self.shown:
                number += 1
                stored = f"{stem}-{number}"
            self._stored[name] = stored
            self.shown[stored] = _LINE_BREAK.sub(" ", name)
        return self._stored[name]


def _brat(records: Iterable[_Record], path: Path) -> None:
    """Write a folder with a ``.txt`` and an ``.ann`` file per record, numbered in their order, and two ``.conf`` files.

    The confidence of a relation is a note. ``visual.conf`` has the names as they are. People annotate in such a folder,
    so it is never replaced; the same content again is no error.
    """
    names, labels = _BratNames(), _Labels()
    with whole_folder(path, contents=(), same_content=True) as folder:
        for number, record in enumerate(labels.counted(records), 1):
            lines = [
                f"T{place + 1}\t{names(kind)} {mention.start} {mention.end}\t"
                f"{_BLANK.sub(' ', mention.surface(record.text))}\n"
                for place, mention, kind in record.entities()
            ]
            for place, ((head, tail, name), certainty) in enumerate(
                zip(record.relations, record.certainties, strict=True), 1
            ):
                lines.append(f"R{place}\t{names(name)} Arg1:T{head + 1} Arg2:T{tail + 1}\n")
                if certainty is not None:
                    note = f"confidence {certainty:.2f}, {record.model_version}"
                    lines.append(f"#{place}\tAnnotatorNotes R{place}\t{note}\n")
            _save_text(folder / f"{number:06d}.txt", record.text)
            _save_text(folder / f"{number:06d}.ann", "".join(lines))
        kinds = [names(kind) for kind in labels.types]
        relations = [f"{names(name)}\tArg1:<ENTITY>, Arg2:<ENTITY>" for name in labels.choices]
        # two entities may overlap, and one may lie inside the other
        relations.append("<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>")
        sections = {"entities": kinds, "relations": relations, "events": [], "attributes": []}
        _save_text(folder / "annotation.conf", _sections(sections))
        shown = [f"{stored} | {name}" for stored, name in names.shown.items()]
        drawing = ["SPAN_DEFAULT\tfgColor:black, bgColor:lightgreen, borderColor:darken"]
        drawing.append("ARC_DEFAULT\tcolor:black, arrowHead:triangle-5")
        _save_text(
            folder / "visual.conf", f"{BRAT_NAMES}\n{_sections({'labels': shown, 'drawing': drawing})}"
        )


def _sections(sections: Mapping[str, Iterable[str]]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections.items()
    )


def _save_text(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="")


TOOLS = {
    "label-studio": Tool(
        "Label Studio: JSON list of tasks with predictions, and the labelling configuration",
        _list(_label_studio),
        {"labels.xml": _label_studio_config},
    ),
    "doccano": Tool(
        "doccano: JSON Lines with entities and relations, and the lists of labels",
        _lines(_doccano),
        {
            "span-labels.json": lambda labels: _doccano_labels(labels.types),
            "relation-labels.json": lambda labels: _doccano_labels(labels.choices),
        },
    ),
    "prodigy": Tool("Prodigy: JSON Lines for rel.manual, with tokens, spans and relations", _lines(_prodigy)),
    "pubannotation": Tool(
        "PubAnnotation: JSON list of documents with denotations and relations", _list(_pubannotation)
    ),
    "brat": Tool(
        "brat standoff: a folder with a .txt and an .ann file per text, and brat's configuration",
        _brat,
        is_folder=True,
    ),
}
