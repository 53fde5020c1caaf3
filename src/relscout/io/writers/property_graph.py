"""Property graphs: nodes are entities, edges are triples or facts with their properties. GraphML and the CSV of Neo4j.

Ids of nodes are the URIs of :mod:`relscout.io.writers.identity`. Characters that XML 1.0 cannot hold become U+FFFD.

**GraphML** is a directed graph in which several edges may join the same two nodes. Several types of an entity are
sorted and joined by ``;``. The aliases of a merged entity, and the ids of the triples that are the evidence of a fact,
are lines of one string. Empty properties are omitted. The files are not written
by networkx, which holds the whole graph (over 1 KB per edge) and, without lxml, writes carriage returns that are read
back as line feeds.

**Neo4j** is a folder with ``entities.csv`` and ``relations.csv`` for ``neo4j-admin database import``.

* Entities have the labels ``Entity`` and their types.
* The type of a relationship is the relation's name in upper snake case and its number, ``WAS_BORN_IN_0``: the number
  distinguishes relations with equal names. The property ``name`` has the name itself.
* By default, the importer treats a field that spans lines as a missing quote. Each line break therefore
  becomes one space, and offsets stay valid.
* The aliases of entities and the evidence of facts are arrays, in which ``;`` separates the values; a
  semicolon inside a value becomes a comma.
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from relscout.core.files import whole_folder
from relscout.core.instances import Fact, Triple
from relscout.io.writers.identity import Entities, merged_entities, merged_entity_uri, relation_slug
from relscout.io.writers.textfile import text_file, xml

_Value: TypeAlias = str | int | float | Sequence[str] | None
_Values: TypeAlias = Mapping[str, _Value]

# name → type, in Neo4j's words
_ENTITY = {"type": "string"}
_TRIPLE = {
    "relation_id": "long",
    "confidence": "double",
    "related": "double",
    "polarity": "string",
    "sentence": "string",
    "head_start": "int",
    "head_end": "int",
    "tail_start": "int",
    "tail_end": "int",
    "instance_id": "string",
    "source": "string",
    "document": "string",
    "document_start": "long",
}
_MERGED_ENTITY = {**_ENTITY, "aliases": "string[]", "mentions": "long", "documents": "long"}
_FACT = {
    "relation_id": "long",
    "support": "long",
    "documents": "long",
    "confidence": "double",
    "phrase": "string",
    "evidence": "string[]",
}


def triple_properties(triple: Triple) -> _Values:
    """Return the properties of an edge by name, apart from its relation's name."""
    instance = triple.instance
    return {
        "relation_id": int(triple.relation_id),
        "confidence": float(triple.confidence),
        "related": None if triple.related is None else float(triple.related),
        "polarity": triple.polarity,
        "sentence": instance.text,
        "head_start": instance.head.start,
        "head_end": instance.head.end,
        "tail_start": instance.tail.start,
        "tail_end": instance.tail.end,
        "instance_id": instance.id,
        "source": instance.source,
        "document": instance.document,
        "document_start": instance.document_start,
    }


def fact_properties(fact: Fact) -> _Values:
    """Return the properties of an edge by name, apart from its relation's name."""
    return {
        "relation_id": int(fact.relation_id),
        "support": fact.support,
        "documents": fact.documents,
        "confidence": float(fact.confidence),
        "phrase": fact.phrase,
        "evidence": fact.evidence,
    }


def nodes(entities: Entities) -> Iterator[tuple[str, str, _Values]]:
    """Yield URI, name and properties of the entities of triples."""
    for uri, entity in entities:
        yield uri, entity.name, {"type": sorted(entity.types)}


def merged_nodes(facts: Iterable[Fact]) -> Iterator[tuple[str, str, _Values]]:
    """Yield URI, name and properties of the entities of facts."""
    for uri, entity in merged_entities(facts):
        yield (
            uri,
            entity.name,
            {
                "type": [entity.type] if entity.type else [],
                "aliases": entity.aliases,
                "mentions": entity.mentions,
                "documents": entity.documents,
            },
        )


class _GraphML:
    DESCRIPTION = "GraphML, a directed multigraph of entities, for networkx, Gephi and Cytoscape"

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write all nodes, then all edges, which wait in a temporary file until all entities are known.

        Raises:
            OutputError: The file cannot be written.
        """
        with (
            text_file(path) as stream,
            tempfile.TemporaryFile("w+", encoding="utf-8", newline="", dir=path.parent) as edges,
        ):
            entities = Entities()
            for triple in triples:
                instance = triple.instance
                ends = entities.add(instance, instance.head), entities.add(instance, instance.tail)
                edges.write(_edge(ends, triple.relation, triple_properties(triple)))
            stream.write(_head(_ENTITY, _TRIPLE))
            stream.writelines(_node(*node) for node in nodes(entities))
            edges.seek(0)
            shutil.copyfileobj(edges, stream)
            stream.write(_FOOT)

    def write_facts(self, facts: Iterable[Fact], path: Path) -> None:
        """Write the entities of all facts as nodes, then the facts as edges.

        Raises:
            OutputError: The file cannot be written.
        """
        given = list(facts)
        with text_file(path) as stream:
            stream.write(_head(_MERGED_ENTITY, _FACT))
            stream.writelines(_node(*node) for node in merged_nodes(given))
            for fact in given:
                ends = merged_entity_uri(fact.head), merged_entity_uri(fact.tail)
                stream.write(_edge(ends, fact.relation, fact_properties(fact)))
            stream.write(_FOOT)


GRAPHML: Final = _GraphML()

_FOOT = "</graph>\n</graphml>\n"


def _head(node_types: Mapping[str, str], edge_types: Mapping[str, str]) -> str:
    keys = [
        f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{type_.removesuffix("[]")}"/>\n'
        for kind, types in (("node", node_types), ("edge", edge_types))
        for name, type_ in {"label": "string", **types}.items()
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n{"".join(keys)}'
        '<graph id="relscout" edgedefault="directed">\n'
    )


def _node(uri: str, name: str, values: _Values) -> str:
    # the types of an entity are joined as Neo4j's labels are
    types = ";".join(_strings(values["type"]))
    return f"<node id={quoteattr(uri)}>{_data('node', {'label': name, **values, 'type': types})}</node>\n"


def _edge(ends: tuple[str, str], label: str, values: _Values) -> str:
    source, target = map(quoteattr, ends)
    return f"<edge source={source} target={target}>{_data('edge', {'label': label, **values})}</edge>\n"


def _data(kind: str, values: _Values) -> str:
    written = {
        name: str(value) if isinstance(value, str | int | float) else "\n".join(_strings(value))
        for name, value in values.items()
    }
    # a bare carriage return would be read back as a line feed
    return "".join(
        f'<data key="{kind}_{name}">{escape(xml(text), {chr(13): "&#13;"})}</data>'
        for name, text in written.items()
        if text
    )


def _strings(value: _Value) -> Sequence[str]:
    return value if isinstance(value, Sequence) else ()


ENTITIES = "entities.csv"
RELATIONS = "relations.csv"


class _Neo4j:
    DESCRIPTION = "a folder with entities.csv and relations.csv for neo4j-admin database import"

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write both files; an older export in the folder is replaced, any other folder with content is refused.

        Raises:
            OutputError: ``path`` is a file or a folder with something else in it, or cannot be written.
        """
        with whole_folder(path, contents=(ENTITIES, RELATIONS)) as folder:
            entities = Entities()
            rows = (
                [
                    entities.add(triple.instance, triple.instance.head),
                    entities.add(triple.instance, triple.instance.tail),
                    *_relationship(triple, triple_properties(triple)),
                ]
                for triple in triples
            )
            _write_table(folder / RELATIONS, _relation_columns(_TRIPLE), rows)
            _write_table(folder / ENTITIES, _entity_columns(_ENTITY), map(_entity_row, nodes(entities)))

    def write_facts(self, facts: Iterable[Fact], path: Path) -> None:
        """Write both files for facts and their entities; an older export is replaced as by :meth:`write`.

        Raises:
            OutputError: ``path`` is a file or a folder with something else in it, or cannot be written.
        """
        given = list(facts)
        with whole_folder(path, contents=(ENTITIES, RELATIONS)) as folder:
            rows = (
                [
                    merged_entity_uri(fact.head),
                    merged_entity_uri(fact.tail),
                    *_relationship(fact, fact_properties(fact)),
                ]
                for fact in given
            )
            _write_table(folder / RELATIONS, _relation_columns(_FACT), rows)
            entities = map(_entity_row, merged_nodes(given))
            _write_table(folder / ENTITIES, _entity_columns(_MERGED_ENTITY), entities)


NEO4J: Final = _Neo4j()

_LINE_BREAK = re.compile("[\n\r\x85\u2028\u2029]")


def relationship_type(of: Triple | Fact) -> str:
    """Return the relationship type of a triple or fact: a Cypher name in upper snake case, ending in the number."""
    slug = relation_slug(of.relation.upper(), joint="_")
    if not slug[:1].isalpha():
        slug = f"RELATION_{slug}" if slug else "RELATION"
    return f"{slug}_{of.relation_id}"


def _relation_columns(types: Mapping[str, str]) -> list[str]:
    return [":START_ID", ":END_ID", ":TYPE", "name", *_columns(types)]


def _entity_columns(types: Mapping[str, str]) -> list[str]:
    return ["entity:ID", "name", *_columns({name: types[name] for name in types if name != "type"}), ":LABEL"]


def _columns(types: Mapping[str, str]) -> list[str]:
    return [name if type_ == "string" else f"{name}:{type_}" for name, type_ in types.items()]


def _relationship(of: Triple | Fact, values: _Values) -> list[_Value]:
    return [relationship_type(of), _line(of.relation), *map(_field, values.values())]


def _entity_row(node: tuple[str, str, _Values]) -> list[_Value]:
    uri, name, values = node
    fields = (_field(value) for name, value in values.items() if name != "type")
    return [uri, _line(name), *fields, ";".join(labels(values))]


def labels(values: _Values) -> list[str]:
    """Return the labels of a node with some properties: ``Entity``, then its types as Cypher names."""
    # ";" would split the label
    types = {re.sub(r"\W+", "_", entity_type).strip("_") for entity_type in _strings(values["type"])}
    return ["Entity", *sorted(types - {"", "Entity"})]


def _field(value: _Value) -> _Value:
    if isinstance(value, str):
        return _line(value)
    return ";".join(_line(part).replace(";", ",") for part in value) if isinstance(value, Sequence) else value


def _line(text: str) -> str:
    return _LINE_BREAK.sub(" ", xml(text))


def _write_table(path: Path, columns: Iterable[str], rows: Iterable[Iterable[_Value]]) -> None:
    with text_file(path) as stream:
        stream.write(",".join(columns) + "\n")
        # all strings are quoted: the importer trims unquoted ones, which would shift the offsets;
        # an empty field without quotes is a missing property
        csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
