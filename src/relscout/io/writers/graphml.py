"""GraphML: a directed graph in which several edges may join the same two nodes.

Nodes are entities, with their URI (see :mod:`relscout.io.writers.identity`) as node id, a ``label`` and a
``type``; several types are sorted and joined by ``;``. Edges are triples, from head to tail, with the name of
the relation as ``label`` and their sentence. What is empty is left out. Characters that XML 1.0 cannot hold
become U+FFFD.

Of facts, every edge is a fact with its ``support``, and the nodes are merged entities with their ``aliases``; several
aliases, and the ids of the triples that are the ``evidence``, are lines of one string.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from relscout.core.instances import Fact, Triple
from relscout.io.writers.identity import Entities, merged_entities, merged_entity_uri
from relscout.io.writers.textfile import text_file, xml

DESCRIPTION = "GraphML, a directed multigraph of entities, for networkx, Gephi and Cytoscape"

_FOOT = "</graph>\n</graphml>\n"
_Content = Mapping[str, str | int | float]

_NODE_KEYS = {"label": "string", "type": "string"}
_EDGE_KEYS = {
    "label": "string",
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
_FACT_NODE_KEYS = {**_NODE_KEYS, "aliases": "string", "mentions": "long", "documents": "long"}
_FACT_EDGE_KEYS = {
    "label": "string",
    "relation_id": "long",
    "support": "long",
    "documents": "long",
    "confidence": "double",
    "phrase": "string",
    "evidence": "string",
}


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write all nodes, then all edges, which wait in a temporary file until all entities are known.

    Raises:
        OutputError: The file cannot be written.
    """
    with text_file(path) as stream, _scratch(path) as edges:
        entities = Entities()
        for triple in triples:
            edges.write(_edge(triple, entities))
        stream.write(_head(_NODE_KEYS, _EDGE_KEYS))
        for uri, entity in entities:
            stream.write(_node(uri, {"label": entity.name, "type": ";".join(sorted(entity.types))}))
        edges.seek(0)
        shutil.copyfileobj(edges, stream)
        stream.write(_FOOT)


def write_facts(facts: Iterable[Fact], path: Path) -> None:
    """Write the entities of all facts as nodes, then the facts as edges.

    Raises:
        OutputError: The file cannot be written.
    """
    given = list(facts)
    with text_file(path) as stream:
        stream.write(_head(_FACT_NODE_KEYS, _FACT_EDGE_KEYS))
        for uri, entity in merged_entities(given):
            node: _Content = {
                "label": entity.name,
                "type": entity.type or "",
                "aliases": "\n".join(entity.aliases),
                "mentions": entity.mentions,
                "documents": entity.documents,
            }
            stream.write(_node(uri, node))
        for fact in given:
            content: _Content = {
                "label": fact.relation,
                "relation_id": int(fact.relation_id),
                "support": fact.support,
                "documents": fact.documents,
                "confidence": float(fact.confidence),
                "phrase": fact.phrase,
                "evidence": "\n".join(fact.evidence),
            }
            stream.write(_line(merged_entity_uri(fact.head), merged_entity_uri(fact.tail), content))
        stream.write(_FOOT)


def _scratch(path: Path) -> TextIO:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="", dir=path.parent)


def _head(node_keys: Mapping[str, str], edge_keys: Mapping[str, str]) -> str:
    keys = [
        f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{type_}"/>'
        for kind, names in (("node", node_keys), ("edge", edge_keys))
        for name, type_ in names.items()
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
            *keys,
            '<graph id="relscout" edgedefault="directed">\n',
        ]
    )


def _node(uri: str, content: _Content) -> str:
    return f"<node id={quoteattr(uri)}>{_data('node', content)}</node>\n"


def _edge(triple: Triple, entities: Entities) -> str:
    instance = triple.instance
    head, tail = entities.add(instance, instance.head), entities.add(instance, instance.tail)
    content: _Content = {
        "label": triple.relation,
        "relation_id": int(triple.relation_id),
        "confidence": float(triple.confidence),
        "related": "" if triple.related is None else float(triple.related),
        "polarity": triple.polarity,
        "sentence": instance.text,
        "head_start": instance.head.start,
        "head_end": instance.head.end,
        "tail_start": instance.tail.start,
        "tail_end": instance.tail.end,
        "instance_id": instance.id,
        "source": instance.source,
        "document": instance.document,
        "document_start": "" if instance.document_start is None else instance.document_start,
    }
    return _line(head, tail, content)


def _line(head: str, tail: str, content: _Content) -> str:
    return f"<edge source={quoteattr(head)} target={quoteattr(tail)}>{_data('edge', content)}</edge>\n"


def _data(kind: str, content: _Content) -> str:
    # a bare carriage return would be read back as a line feed
    return "".join(
        f'<data key="{kind}_{name}">{escape(xml(str(value)), {chr(13): "&#13;"})}</data>'
        for name, value in content.items()
        if value != ""
    )
