"""BioC, the exchange format of biomedical text mining, as XML and JSON: BC5CDR, BioRED, PubTator and others.

Comeau et al., *BioC: A Minimalist Approach to Interoperability for Biomedical Text Processing*, Database 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from relscout.core.errors import InputError, MissingExtraError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.annotated import Segments, span
from relscout.io.readers.json_stream import record_outlines, records
from relscout.io.readers.offsets import length_of
from relscout.io.readers.source import Source, attempt, check_unicode, kind_name, require, shorten

DESCRIPTION = "BioC: XML or JSON documents of passages with annotations, and relations between these"
FIELDS = (
    ("documents.passages", "documents.passages.annotations"),
    ("passages.offset", "passages.annotations"),
)

_TYPES = ("type", "relation", "relation_type", "relation type", "label")
#: Infons of an annotation that identify its entity in a knowledge base.
_IDENTIFIERS = (
    "identifier",
    "MESH",
    "mesh",
    "NCBI GENE",
    "NCBI Gene",
    "ncbi_gene",
    "database_id",
    "normalized_id",
)
#: Roles of a relation's nodes that mark the head, and those that mark the tail.
_HEAD_ROLES = ("arg1", "head", "subject", "source", "agent", "cause")
_TAIL_ROLES = ("arg2", "tail", "object", "target", "theme")


def sniff(source: Source) -> bool:
    """Return whether the source is XML of a collection with documents of passages, or JSON with such fields."""
    text = source.sample_text.lstrip()
    if text.startswith("<"):
        return "<collection" in text and ("<document" in text or "BioC" in text)
    return any(
        keys.get("documents.passages") == "["
        or (keys.get("passages[]") == "{" and "passages.offset" in keys)
        or "PubTator3" in keys
        for keys in record_outlines(source)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per relation; the text is the passage (or sentence) of its two annotations.

    Across passages, it is the text from the first to the last. The node with a role such as ``Arg1`` or ``subject`` is
    the
    head, else the first. A relation that names entities by their identifiers in its infons, as BC5CDR and BioRED do,
    gives one instance: the two annotations of these that are nearest to each other. A document without relations gives
    each pair of the annotations of a passage with an unknown relation.

    Raises:
        InputError: The XML is damaged.
        MissingExtraError: It is XML, and the library bioc is not installed.
    """
    documents = _xml(source) if source.sample_text.lstrip().startswith("<") else _json(source)
    for place, document in documents:
        if isinstance(document, RecordError):
            yield document
            continue
        try:
            whole = _Document(source, place, document)
        except InputError as error:
            yield source.error(place, error)
        else:
            yield from whole.instances()


def _json(source: Source) -> Iterator[tuple[str, Any]]:
    for place, record in records(source, ("documents", "passages", "PubTator3"), published="lines"):
        name = next(
            (field for field in ("documents", "PubTator3") if isinstance(record, dict) and field in record),
            None,
        )
        if name is None or isinstance(record, RecordError):
            yield place, record
        elif isinstance(record[name], list):
            yield from (
                (f"{place}, {name}[{number}]", document) for number, document in enumerate(record[name])
            )
        else:
            yield (
                place,
                source.error(place, f"the field {name!r} is {kind_name(record[name])}; expected a list"),
            )


def _xml(source: Source) -> Iterator[tuple[str, Any]]:
    try:
        from bioc import biocxml
    except ImportError as error:
        raise MissingExtraError("to read BioC XML", "bioc") from error
    number = 0
    with source.open() as stream:
        try:
            # lxml refuses entities that expand exponentially, and very deep trees
            for number, document in enumerate(biocxml.BioCXMLDocumentReader(stream), 1):
                yield f"document {number}", _as_json(document)
        except InputError:
            raise
        except Exception as error:
            # the library passes on any error of int() and lxml
            reason = str(error).split("\n")[0] or type(error).__name__
            raise source.error(f"document {number + 1}", f"not BioC XML ({reason})") from error


def _as_json(item: Any) -> dict[str, Any]:
    """Return a document of the library, or a part of one, as in BioC JSON."""
    result: dict[str, Any] = {"infons": dict(item.infons)}
    for name in ("id", "text", "offset"):
        if (value := getattr(item, name, None)) is not None:
            result[name] = value
    for name in ("passages", "sentences", "annotations", "relations"):
        if hasattr(item, name):
            result[name] = [_as_json(part) for part in getattr(item, name)]
    if hasattr(item, "locations"):
        result["locations"] = [
            {"offset": location.offset, "length": location.length} for location in item.locations
        ]
    if hasattr(item, "nodes"):
        result["nodes"] = [{"refid": node.refid, "role": node.role} for node in item.nodes]
    return result


class _Document:
    def __init__(self, source: Source, place: str, document: Any) -> None:
        self._source, self._place = source, place
        identifier = document.get("id") if isinstance(document, dict) else None
        if isinstance(identifier, str):
            check_unicode("id", identifier)
        self._relations: list[tuple[str, Any]] = []
        annotations: list[tuple[str, Any]] = []
        texts: list[str] = []
        self._offsets: list[int] = []
        for number, passage in enumerate(require(document, "passages", list)):
            self._part(f"passages[{number}]", passage, texts, annotations)
        self._listed("", document, annotations)
        self._segments = Segments(source, str(identifier) if isinstance(identifier, str | int) else "", texts)
        self._annotations: dict[str, tuple[int, Mention] | InputError] = {}
        self._by_entity: dict[str, list[tuple[int, Mention]]] = {}
        for where, annotation in annotations:
            try:
                numbered: tuple[int, Mention] | InputError = self._annotation(annotation)
            except InputError as error:
                numbered = error
            name = annotation.get("id") if isinstance(annotation, dict) else None
            self._annotations.setdefault(str(name) if isinstance(name, str | int) else where, numbered)
            if not isinstance(numbered, InputError) and numbered[1].entity_id:
                for named in {
                    numbered[1].entity_id,
                    *numbered[1].entity_id.replace(";", ",").replace("|", ",").split(","),
                }:
                    self._by_entity.setdefault(named.strip().removeprefix("MESH:"), []).append(numbered)

    def _part(self, where: str, part: Any, texts: list[str], annotations: list[tuple[str, Any]]) -> None:
        """Add a passage: its sentences if any has text, else the whole passage."""
        sentences = (
            []
            if not isinstance(part, dict) or not part.get("sentences")
            else require(part, "sentences", list)
        )
        for number, sentence in enumerate(sentences):
            self._part(f"{where}.sentences[{number}]", sentence, texts, annotations)
        if not sentences:
            text = part.get("text") if isinstance(part, dict) else None
            texts.append("" if text is None and isinstance(part, dict) else require(part, "text", str))
            self._offsets.append(require(part, "offset", int))
        self._listed(where, part, annotations)

    def _listed(self, where: str, part: dict[str, Any], annotations: list[tuple[str, Any]]) -> None:
        for name, target in (("annotations", annotations), ("relations", self._relations)):
            if part.get(name) is not None:
                target += [
                    (f"{where}{'.' if where else ''}{name}[{number}]", inner)
                    for number, inner in enumerate(require(part, name, list))
                ]

    def _annotation(self, annotation: Any) -> tuple[int, Mention]:
        locations = require(annotation, "locations", list)
        if len(locations) != 1:
            raise InputError(f"the annotation has {len(locations)} locations; expected one")
        start, length = (
            require(locations[0], edge, int, inside="locations") for edge in ("offset", "length")
        )
        infons = annotation.get("infons")
        infons = infons if isinstance(infons, dict) else {}
        kind = infons.get("type")
        entity = next((infons[name] for name in _IDENTIFIERS if isinstance(infons.get(name), str)), None)
        for name, value in (("type", kind), ("identifier", entity)):
            if isinstance(value, str):
                check_unicode(name, value)
        for number, (offset, text) in enumerate(zip(self._offsets, self._segments.texts, strict=True)):
            if offset <= start < offset + length_of(text, self._source.offsets):
                mention = span(
                    "annotation",
                    text,
                    start - offset,
                    start - offset + length,
                    self._source.offsets,
                    type=kind if isinstance(kind, str) and kind else None,
                    entity_id=entity if entity not in ("", "-", "None") else None,
                    surface=annotation.get("text"),
                )
                return number, mention
        raise InputError(
            f"the annotation at {start} lies in no passage; offsets count from the start of the document"
        )

    def instances(self) -> Iterator[RelationInstance | RecordError]:
        if not self._relations:
            right = [
                (f"annotation {name}", *numbered)
                for name, numbered in self._annotations.items()
                if not isinstance(numbered, InputError)
            ]
            for name, numbered in self._annotations.items():
                if isinstance(numbered, InputError):
                    yield self._source.error(f"{self._place}, annotation {name}", numbered)
            yield from self._segments.unlabelled(self._place, right)
        for where, relation in self._relations:
            yield attempt(self._source, f"{self._place}, {where}", relation, self._instance)

    def _instance(self, relation: Any, provenance: str) -> RelationInstance:
        infons = require(relation, "infons", dict)
        kind = next((infons[name] for name in _TYPES if isinstance(infons.get(name), str)), None)
        check_unicode("type", kind or "")
        nodes = require(relation, "nodes", list) if relation.get("nodes") is not None else []
        if len(nodes) == 2:
            head, tail = self._in_order(
                [(str(node.get("refid")), node.get("role")) for node in nodes if isinstance(node, dict)]
            )
            return self._segments.instance(head, tail, kind, provenance)
        if nodes:
            raise InputError(f"the relation has {len(nodes)} nodes; expected two")
        named = [value for name, value in infons.items() if isinstance(value, str) and name not in _TYPES]
        entities = [
            self._by_entity[identifier]
            for value in named
            if (identifier := value.removeprefix("MESH:")) in self._by_entity
        ]
        if len(entities) != 2:
            raise InputError(
                f"the relation has no nodes, and {len(entities)} of its infons name its entities; expected two"
            )
        head, tail = min(
            (pair for pair in product(*entities) if pair[0] != pair[1]),
            key=lambda pair: (
                abs(pair[0][0] - pair[1][0]),
                abs(pair[0][1].start - pair[1][1].start),
                pair[0][0],
            ),
            default=(entities[0][0], entities[1][0]),
        )
        return self._segments.instance(head, tail, kind, provenance)

    def _in_order(self, nodes: list[tuple[str, Any]]) -> tuple[tuple[int, Mention], tuple[int, Mention]]:
        if len(nodes) != 2:
            raise InputError("a node of the relation is no object")
        roles = [role.casefold() if isinstance(role, str) else "" for _, role in nodes]
        if roles[1] in _HEAD_ROLES or roles[0] in _TAIL_ROLES:
            nodes.reverse()
        ends = []
        for role, (name, _) in zip(("head", "tail"), nodes, strict=True):
            numbered = self._annotations.get(name)
            if numbered is None:
                raise InputError(f"the {role} is {shorten(name)}, which is no annotation of the document")
            if isinstance(numbered, InputError):
                raise InputError(f"the {role} {shorten(name)}: {numbered}")
            ends.append(numbered)
        return ends[0], ends[1]
