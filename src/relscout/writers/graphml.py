"""GraphML: a directed graph in which several edges may join the same two nodes.

Nodes are entities, with their URI (see :mod:`relscout.writers.identity`) as node id, a ``label`` and a
``type``; several types are sorted and joined by ``;``. Edges are triples, from head to tail, with the name of
the relation as ``label`` and their sentence. What is empty is left out. Characters that XML 1.0 cannot hold
become U+FFFD.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from relscout.triples import Triple
from relscout.writers.characters import xml
from relscout.writers.entities import Entities, Entity
from relscout.writers.textfile import text_file

DESCRIPTION = "GraphML, a directed multigraph of entities, for networkx, Gephi and Cytoscape"

_NODE_KEYS = {"label": "string", "type": "string"}
_EDGE_KEYS = {
    "label": "string",
    "relation_id": "long",
    "confidence": "double",
    "sentence": "string",
    "head_start": "int",
    "head_end": "int",
    "tail_start": "int",
    "tail_end": "int",
    "instance_id": "string",
    "source": "string",
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
        stream.write(_head())
        for uri, entity in entities:
            stream.write(_node(uri, entity))
        edges.seek(0)
        shutil.copyfileobj(edges, stream)
        stream.write("</graph>\n</graphml>\n")


def _scratch(path: Path) -> TextIO:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="", dir=path.parent)


def _head() -> str:
    keys = [
        f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{type_}"/>'
        for kind, names in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS))
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


def _node(uri: str, entity: Entity) -> str:
    content = {"label": entity.name, "type": ";".join(sorted(entity.types))}
    return f"<node id={quoteattr(uri)}>{_data('node', content)}</node>\n"


def _edge(triple: Triple, entities: Entities) -> str:
    instance = triple.instance
    head, tail = entities.add(instance, instance.head), entities.add(instance, instance.tail)
    content: dict[str, str | int | float] = {
        "label": triple.relation,
        "relation_id": int(triple.relation_id),
        "confidence": float(triple.confidence),
        "sentence": instance.text,
        "head_start": instance.head.start,
        "head_end": instance.head.end,
        "tail_start": instance.tail.start,
        "tail_end": instance.tail.end,
        "instance_id": instance.id,
        "source": instance.source,
    }
    return f"<edge source={quoteattr(head)} target={quoteattr(tail)}>{_data('edge', content)}</edge>\n"


def _data(kind: str, content: Mapping[str, str | int | float]) -> str:
    # a bare carriage return would be read back as a line feed
    return "".join(
        f'<data key="{kind}_{name}">{escape(xml(str(value)), {chr(13): "&#13;"})}</data>'
        for name, value in content.items()
        if value != ""
    )
