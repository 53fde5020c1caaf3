"""Vocabularies of relations: names that already exist, with descriptions, to which discovered relations are matched.

A vocabulary is a list of names, a table, JSON, or an ontology in OWL or RDF. Wikidata's properties are recognised by
their ids, and get the URIs that Wikidata uses in statements.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relscout.core.config_files import read_config
from relscout.core.errors import InputError, MissingExtraError, RecordError
from relscout.core.files import lines, parsed_json
from relscout.core.surfaces import composed

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

#: Formats of rdflib by file extension.
_RDF_FORMATS = {
    ".owl": "xml",
    ".rdf": "xml",
    ".xml": "xml",
    ".ttl": "turtle",
    ".nt": "nt",
    ".n3": "n3",
    ".jsonld": "json-ld",
}
#: Fields of an entry, each with the names that files give to it, in lower case; the first that has a value counts.
_FIELDS = {
    "name": (
        "name",
        "label",
        "relation",
        "property",
        "propertylabel",
        "rdfs:label",
        "title",
        "names",
        "relations",
    ),
    "id": ("id", "pid", "identifier", "propertyid"),
    "description": ("description", "definition", "comment", "desc", "propertydescription", "rdfs:comment"),
    "uri": ("uri", "iri", "url"),
    "aliases": ("aliases", "alias", "altlabel", "also known as"),
    "domain": ("domain", "subject", "subject type", "head type", "head_type"),
    "range": ("range", "object", "object type", "tail type", "tail_type"),
}
_WIKIDATA_ID = re.compile(r"P[1-9][0-9]*")
#: Share of the ids that must be like Wikidata's; FewRel's list of Wikidata's properties has a ``P0`` too.
_WIKIDATA_SHARE = 0.9
#: Namespace of Wikidata's properties as they occur in statements.
_WIKIDATA = "http://www.wikidata.org/prop/direct/"
#: URIs that Wikidata has for a property, as the results of its Query Service have them.
_WIKIDATA_URI = re.compile(
    r"https?://www\.wikidata\.org/(?:entity/|prop/direct/|wiki/Property:)(P[1-9][0-9]*)"
)
#: What RDF accepts as an absolute IRI, and those of them that an id is taken to be.
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20\x7f-\x9f<>\"{}|\\^`\ud800-\udfff\ufffe\uffff]+")
_IRI_SCHEMES = ("http://", "https://", "urn:")
#: Characters that no text should have: controls that are no white space, and halves of surrogate pairs.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+")
_KNOWN = (
    ".json, .jsonl, .csv, .tsv, .txt (one name per line), or with the extra 'rdf' "
    ".owl, .rdf, .xml, .ttl, .nt, .n3, .jsonld"
)


@dataclass(frozen=True, slots=True)
class VocabularyEntry:
    """One relation of a vocabulary.

    Args:
        id: Its identifier, unique in the vocabulary; the name if it has no other.
        name: Its name, such as ``"head of government"``, which reads from head to tail or names the tail.
        description: One or more sentences about its meaning; empty if there are none.
        uri: Its URI; empty if there is none.
        aliases: Other names.
        domain: Labels of the classes of its heads.
        range: Labels of the classes of its tails.
    """

    id: str
    name: str
    description: str = ""
    uri: str = ""
    aliases: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """The relations to which discovered ones are matched.

    Args:
        entries: At least one entry, each with an id of its own.
        source: Where they come from, such as the name of the file.

    Raises:
        InputError: There are no entries, two have the same id, or one has no name.
    """

    entries: tuple[VocabularyEntry, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if not self.entries:
            raise InputError(
                f"{self.source or 'the vocabulary'} has no relations; expected at least one name"
            )
        ids: set[str] = set()
        for number, entry in enumerate(self.entries, 1):
            if not entry.name.strip():
                raise RecordError(self.source or "vocabulary", f"entry {number}", "the name is empty")
            if entry.id in ids:
                raise RecordError(
                    self.source or "vocabulary",
                    f"entry {number}",
                    f"the id {entry.id!r} occurs twice; ids must be unique",
                )
            ids.add(entry.id)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def fingerprint(self) -> str:
        """A short hash of all entries, whatever their order."""
        digest = blake2b(digest_size=8)
        for text in sorted(map(repr, self.entries)):
            digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    @classmethod
    def of(cls, names: Iterable[str | tuple[str, str] | VocabularyEntry], *, source: str = "") -> Vocabulary:
        """Build a vocabulary of names, pairs of name and description, or entries; equal names are one entry.

        Raises:
            InputError: There are none, or a name is empty.
        """
        entries: dict[str, VocabularyEntry] = {}
        for given in names:
            if isinstance(given, VocabularyEntry):
                entry = given
            else:
                name, description = (given, "") if isinstance(given, str) else given
                entry = VocabularyEntry(composed(name.strip()), composed(name.strip()), description)
            entries.setdefault(entry.id, entry)
        return cls(tuple(entries.values()), source)


def read_vocabulary(path: str | Path) -> Vocabulary:
    """Read a vocabulary; the format depends on the end of the file name.

    ``.txt`` has one name per line. ``.csv`` and ``.tsv`` have a column ``name`` (or ``label``), and optional columns
    ``id``, ``description``, ``uri``, ``aliases`` (joined by ``|``), ``domain`` and ``range``; a file with one column
    needs no header. Another delimiter (``;``, tab, ``,`` or ``|``) is recognised by the header, UTF-16 by its
    byte-order mark. ``property`` and ``propertyLabel`` of the Wikidata Query Service give id and name. ``.json`` is a
    list of names or of objects with these fields, an object ``{id: name}``, ``{id: [name, description]}`` (such as
    FewRel's ``pid2name.json``) or ``{id: {"name": …}}``. ``.jsonl`` has one name or object per line. From OWL and RDF,
    every ``owl:ObjectProperty`` (also functional, inverse functional, symmetric and transitive ones),
    ``owl:DatatypeProperty`` and ``rdf:Property`` is read, with its English or unmarked ``rdfs:label`` (else the end of
    its URI), ``skos:altLabel``, ``rdfs:comment`` or ``skos:definition``, ``rdfs:domain`` and ``rdfs:range``.

    Raises:
        InputError: The file cannot be read, or has no relations.
        RecordError: An entry has no name, or one with control characters, or two entries have the same id.
        MissingExtraError: The file is an ontology, and rdflib is not installed.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if file.is_dir():
        raise InputError(f"{file} is a folder; expected a file")
    if not suffix:
        raise InputError(f"{file}: the file name has no extension; known are {_KNOWN}")
    try:
        if suffix in _RDF_FORMATS:
            entries = _from_rdf(file, _RDF_FORMATS[suffix])
        elif suffix == ".json":
            entries = list(_from_json(file, read_config(file)))
        elif suffix == ".jsonl":
            entries = [
                _entry(file, f"line {number}", _parsed_line(file, number, line))
                for number, line in lines(file)
                if line.strip()
            ]
        elif suffix in (".csv", ".tsv"):
            entries = list(_from_table(file, "\t" if suffix == ".tsv" else ","))
        elif suffix == ".txt":
            entries = list(_from_lines(file))
        else:
            raise InputError(f"{file}: {suffix!r} is no format of vocabularies; known are {_KNOWN}")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from error
    return Vocabulary(_with_uris(_without_repeats(entries)), file.name)


def _without_repeats(entries: Sequence[VocabularyEntry]) -> list[VocabularyEntry]:
    """Leave out entries that repeat an earlier one exactly; lists of names often do."""
    return list(dict.fromkeys(entries))


def _with_uris(entries: Sequence[VocabularyEntry]) -> tuple[VocabularyEntry, ...]:
    """Add the URIs that follow from the ids: those that are URIs, and those of Wikidata if most ids are its own."""
    count = sum(_WIKIDATA_ID.fullmatch(entry.id) is not None for entry in entries)
    wikidata = count >= _WIKIDATA_SHARE * len(entries)
    return tuple(
        entry
        if entry.uri
        else VocabularyEntry(
            entry.id,
            entry.name,
            entry.description,
            _WIKIDATA + entry.id if wikidata and _WIKIDATA_ID.fullmatch(entry.id) else _as_uri(entry.id),
            entry.aliases,
            entry.domain,
            entry.range,
        )
        for entry in entries
    )


def _as_uri(id: str) -> str:
    return id if id.startswith(_IRI_SCHEMES) and _IRI.fullmatch(id) else ""


def _from_lines(file: Path) -> Iterator[VocabularyEntry]:
    for number, line in lines(file):
        if "\t" in line.strip():
            raise RecordError(
                file, f"line {number}", "expected one name per line; save a table as .tsv with a header"
            )
        yield _entry(file, f"line {number}", line)


def _from_json(file: Path, content: Any) -> Iterator[VocabularyEntry]:
    if isinstance(content, list):
        for number, record in enumerate(content, 1):
            yield _entry(file, f"entry {number}", record)
    elif isinstance(content, Mapping):
        for key, value in content.items():
            if isinstance(value, list):
                if len(value) not in (1, 2) or not all(isinstance(part, str) for part in value):
                    raise RecordError(file, repr(key), f"{_shown(value)}; expected [name, description]")
                value = dict(zip(("name", "description"), value, strict=False))
            elif isinstance(value, str):
                value = {"name": value}
            if not isinstance(value, Mapping):
                raise RecordError(
                    file,
                    repr(key),
                    f"{_shown(value)}; expected a name, [name, description], or an object with a name",
                )
            yield _entry(file, repr(key), {"id": key, **value})
    else:
        raise InputError(f"{file}: {_shown(content)}; expected a list of names, or an object {{id: name}}")


def _parsed_line(file: Path, number: int, line: str) -> Any:
    try:
        return parsed_json(line)
    except ValueError as error:
        raise RecordError(
            file, f"line {number}", f"not JSON ({error}); expected a name or an object"
        ) from error


def _from_table(file: Path, delimiter: str) -> Iterator[VocabularyEntry]:
    content = file.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if wide else "UTF-8"
        raise InputError(f"{file}: byte {error.start} is not {encoding}; save the file as UTF-8") from error
    delimiter = _delimiter_of(text, delimiter)
    # strict, so that a quotation mark that is never closed is an error instead of a very long name
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for row in table:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in row]
                if any(cell in _FIELDS["name"] for cell in header):
                    continue
                if len(row) > 1:
                    raise RecordError(
                        file,
                        f"line {table.line_num}",
                        f"the columns are {', '.join(map(repr, row))}; expected a header with a column 'name', and "
                        "'id' and 'description' if there are any",
                    )
                header = ["name"]
            if len(row) > len(header):
                raise RecordError(
                    file,
                    f"line {table.line_num}",
                    f"{len(row)} cells, but the table has {len(header)} columns",
                )
            record: dict[str, str] = {}
            for column, cell in zip(header, row, strict=False):
                if cell.strip():
                    record.setdefault(column, cell)
            yield _entry(file, f"line {table.line_num}", record)
    except csv.Error as error:
        raise RecordError(file, f"line {table.line_num}", str(error)) from error


def _delimiter_of(text: str, usual: str) -> str:
    """Return the delimiter that makes a known header of the first line, if the usual one does not divide it."""
    # no header is as long as the limit of the reader
    header = next((line for line in io.StringIO(text, newline="") if line.strip()), "").strip("\r\n")[:9999]
    if len(next(csv.reader([header], delimiter=usual), [])) == 1:
        known = {name for names in _FIELDS.values() for name in names}
        for delimiter in ";\t,|":
            cells = next(csv.reader([header], delimiter=delimiter), [])
            if len(cells) > 1 and any(cell.strip().lower() in known for cell in cells):
                return delimiter
    return usual


def _entry(file: Path, place: str, record: Any) -> VocabularyEntry:
    """Build an entry from a name, or from an object with any of the known fields.

    Raises:
        RecordError: It has no name, or a field has another type.
    """
    if isinstance(record, str):
        record = {"name": record}
    if not isinstance(record, Mapping):
        raise RecordError(file, place, f"{_shown(record)}; expected a name or an object with a name")
    values = _values(record)
    name = values.get("name")
    if not isinstance(name, str) or not name.strip():
        raise RecordError(
            file, place, f"the name is {name!r}; expected a text in one of {', '.join(_FIELDS['name'][:2])}"
        )
    for field in ("id", "description", "uri"):
        if isinstance(value := values.get(field, ""), bool | list | Mapping):
            raise RecordError(file, place, f"{field} is {_shown(value)}; expected a text")
    if _CONTROL.search(name):
        raise RecordError(file, place, f"the name {_shown(name)} has control characters; take them out")
    name, uri = _clean(name), str(values.get("uri", "")).strip()
    if uri and not _IRI.fullmatch(uri):
        raise RecordError(
            file, place, f"uri is {uri!r}; expected an absolute URI, such as http://example.org/name"
        )
    id = _clean(str(values.get("id", ""))) or name
    if known := _WIKIDATA_URI.fullmatch(id):
        id = known[1]
        uri = uri or _WIKIDATA + id
    return VocabularyEntry(
        id=id,
        name=name,
        description=_clean(str(values.get("description", ""))),
        uri=uri,
        aliases=_several(file, place, "aliases", values.get("aliases", ())),
        domain=_several(file, place, "domain", values.get("domain", ())),
        range=_several(file, place, "range", values.get("range", ())),
    )


def _values(record: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the values of the known fields; of several names of a field, the first of ``_FIELDS`` counts."""
    given: dict[str, Any] = {}
    for key, value in record.items():
        if value is not None:
            given.setdefault(str(key).strip().lower(), value)
    values: dict[str, Any] = {}
    for field, names in _FIELDS.items():
        several = [given[name] for name in names if name in given]
        if field == "name" and len(several) > 1:
            # the Wikidata Query Service has the URI in "property" and the name in "propertyLabel"
            uris = [value for value in several if isinstance(value, str) and _as_uri(value.strip())]
            several = [value for value in several if value not in uris] or several
            if uris:
                values["id"] = uris[0]
        filled = (value for value in several if not isinstance(value, str) or value.strip())
        if several:
            values[field] = next(filled, several[0])
    return values


def _several(file: Path, place: str, field: str, value: Any) -> tuple[str, ...]:
    parts = value.split("|") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise RecordError(
            file, place, f"{field} is {_shown(value)}; expected texts, in a table joined by '|'"
        )
    return tuple(dict.fromkeys(_clean(part) for part in parts if part.strip()))


def _clean(text: str) -> str:
    return composed(" ".join(_CONTROL.sub("", text).split()))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _from_rdf(file: Path, format: str) -> list[VocabularyEntry]:
    try:
        import rdflib
    except ImportError as error:
        raise MissingExtraError("reading vocabularies in OWL and RDF", "rdf") from error
    from rdflib.namespace import OWL, RDF, RDFS, SKOS

    graph = _parsed_graph(file, format)
    kinds = (
        OWL.ObjectProperty,
        OWL.DatatypeProperty,
        RDF.Property,
        OWL.FunctionalProperty,
        OWL.InverseFunctionalProperty,
        OWL.SymmetricProperty,
        OWL.TransitiveProperty,
    )
    # in the order of the URIs, since a graph has none
    properties = sorted(
        {
            str(uri)
            for kind in kinds
            for uri in graph.subjects(RDF.type, kind)
            if isinstance(uri, rdflib.URIRef)
        }
    )
    if not properties:
        raise InputError(
            f"{file}: there are no properties; expected owl:ObjectProperty, owl:DatatypeProperty or rdf:Property"
        )
    entries = []
    for uri in properties:
        node = rdflib.URIRef(uri)
        labels = _texts(graph, node, RDFS.label, SKOS.prefLabel)
        entries.append(
            VocabularyEntry(
                id=uri,
                name=labels[0] if labels else _from_uri(uri),
                description=" ".join(_texts(graph, node, RDFS.comment, SKOS.definition)[:1]),
                uri=uri if _IRI.fullmatch(uri) else "",
                aliases=tuple(dict.fromkeys(_texts(graph, node, SKOS.altLabel))),
                domain=_classes(graph, node, RDFS.domain),
                range=_classes(graph, node, RDFS.range),
            )
        )
    return entries


def _parsed_graph(file: Path, format: str) -> Graph:
    """Parse RDF; ontologies in files ``.owl`` are mostly in XML, and some in Turtle."""
    import rdflib

    content = file.read_bytes()
    reasons: list[str] = []
    for candidate in (format, "turtle") if file.suffix.lower() == ".owl" else (format,):
        graph = rdflib.Graph()
        try:
            graph.parse(data=content, format=candidate)
        except Exception as error:  # each of the parsers has its own kind of error
            reason = " ".join(str(error).split()) or type(error).__name__
            reasons.append(f"{candidate} ({reason})")
        else:
            return graph
    raise InputError(f"{file}: not RDF in the format {' or '.join(reasons)}")


def _texts(graph: Graph, subject: Node, *predicates: Node) -> list[str]:
    """Return the literals of some predicates in English or without a language, or else in any language."""
    literals = [
        (getattr(value, "language", None) or "", _clean(str(value)))
        for predicate in predicates
        for value in sorted(graph.objects(subject, predicate), key=str)
        if str(value).strip()
    ]
    ranked = sorted(literals, key=lambda literal: not literal[0].startswith("en") and literal[0] != "")
    usable = [text for language, text in ranked if language == "" or language.startswith("en")]
    return usable or [text for _, text in ranked]


def _classes(graph: Graph, subject: Node, predicate: Node) -> tuple[str, ...]:
    from rdflib import URIRef
    from rdflib.namespace import RDFS

    classes = sorted(
        (node for node in graph.objects(subject, predicate) if isinstance(node, URIRef)), key=str
    )
    return tuple((_texts(graph, node, RDFS.label) or [_from_uri(str(node))])[0] for node in classes)


def _from_uri(uri: str) -> str:
    """Return the words at the end of a URI: ``http://dbpedia.org/ontology/birthPlace`` gives ``birth place``."""
    end = re.split(r"[/#:]", uri.rstrip("/#"))[-1]
    return " ".join(_CAMEL.sub(" ", end).lower().split()) or uri
