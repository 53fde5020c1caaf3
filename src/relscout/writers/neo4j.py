"""Neo4j: a folder with ``entities.csv`` and ``relations.csv`` for ``neo4j-admin database import``.

* Entities have the labels ``Entity`` and their types; their id is the URI of
  :mod:`relscout.writers.identity`.
* The type of a relationship is the relation's name in upper snake case and its number, ``WAS_BORN_IN_0``:
  the number keeps relations with equal names apart. The name as it is stands in the property ``name``.
* The importer takes a field that spans lines for a missing quote, unless told otherwise. So a line break
  becomes a space here, one for one: offsets stay true. Characters that XML 1.0 cannot hold become U+FFFD, as
  in GraphML.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relscout.files import whole_folder
from relscout.triples import Triple
from relscout.writers.characters import xml
from relscout.writers.entities import Entities, Entity
from relscout.writers.identity import relation_slug
from relscout.writers.textfile import text_file

DESCRIPTION = "a folder with entities.csv and relations.csv for neo4j-admin database import"

ENTITIES = "entities.csv"
RELATIONS = "relations.csv"

_ENTITY_COLUMNS = ("entity:ID", "name", ":LABEL")
_RELATION_COLUMNS = (
    ":START_ID",
    ":END_ID",
    ":TYPE",
    "name",
    "relation_id:long",
    "confidence:double",
    "sentence",
    "head_start:int",
    "head_end:int",
    "tail_start:int",
    "tail_end:int",
    "instance_id",
    "source",
)
_LINE_BREAK = re.compile("[\n\r\x85\u2028\u2029]")


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write both files; an older export in the folder is replaced, any other folder with content is refused.

    Raises:
        OutputError: ``path`` is a file or a folder with something else in it, or cannot be written.
    """
    with whole_folder(path, contents=(ENTITIES, RELATIONS)) as folder:
        entities = Entities()
        _write_table(
            folder / RELATIONS, _RELATION_COLUMNS, (_relation(triple, entities) for triple in triples)
        )
        _write_table(folder / ENTITIES, _ENTITY_COLUMNS, (_entity(uri, entity) for uri, entity in entities))


def relationship_type(triple: Triple) -> str:
    """Return the relationship type of a triple: a Cypher name in upper snake case, ending in the number."""
    slug = relation_slug(triple.relation.upper(), joint="_")
    if not slug[:1].isalpha():
        slug = f"RELATION_{slug}" if slug else "RELATION"
    return f"{slug}_{triple.relation_id}"


def _relation(triple: Triple, entities: Entities) -> Iterator[str | int | float]:
    instance = triple.instance
    yield entities.add(instance, instance.head)
    yield entities.add(instance, instance.tail)
    yield relationship_type(triple)
    yield _line(triple.relation)
    yield int(triple.relation_id)
    yield float(triple.confidence)
    yield _line(instance.text)
    yield from (instance.head.start, instance.head.end, instance.tail.start, instance.tail.end)
    yield _line(instance.id)
    yield _line(instance.source)


def _entity(uri: str, entity: Entity) -> Iterator[str]:
    yield uri
    yield _line(entity.name)
    # ";" would part one label into two
    labels = {re.sub(r"\W+", "_", entity_type).strip("_") for entity_type in entity.types}
    yield ";".join(["Entity", *sorted(labels - {"", "Entity"})])


def _line(text: str) -> str:
    return _LINE_BREAK.sub(" ", xml(text))


def _write_table(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with text_file(path) as stream:
        stream.write(",".join(columns) + "\n")
        # all strings are quoted: the importer trims unquoted ones, which would shift the offsets
        csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
