"""Neo4j: a folder with ``entities.csv`` and ``relations.csv`` for ``neo4j-admin database import``.

* Entities have the labels ``Entity`` and their types; their id is the URI of
  :mod:`relscout.io.writers.identity`.
* The type of a relationship is the relation's name in upper snake case and its number, ``WAS_BORN_IN_0``:
  the number keeps relations with equal names apart. The name as it is stands in the property ``name``.
* By default, the importer treats a field that spans lines as a missing quote. So a line break
  becomes a space here, one for one: offsets stay true. Characters that XML 1.0 cannot hold become U+FFFD, as
  in GraphML.
* Of facts, every relationship is a fact with its ``support``, and entities have their ``aliases``. Both these and the
  ``evidence`` are arrays, in which ``;`` parts the values; one inside a value becomes a comma.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relscout.core.files import whole_folder
from relscout.core.instances import Entity as MergedEntity
from relscout.core.instances import Fact, Triple
from relscout.io.writers.identity import Entities, Entity, merged_entities, merged_entity_uri, relation_slug
from relscout.io.writers.textfile import text_file, xml

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
    "related:double",
    "polarity",
    "sentence",
    "head_start:int",
    "head_end:int",
    "tail_start:int",
    "tail_end:int",
    "instance_id",
    "source",
    "document",
    "document_start:long",
)
_FACT_ENTITY_COLUMNS = ("entity:ID", "name", "aliases:string[]", "mentions:long", "documents:long", ":LABEL")
_FACT_COLUMNS = (
    ":START_ID",
    ":END_ID",
    ":TYPE",
    "name",
    "relation_id:long",
    "support:long",
    "documents:long",
    "confidence:double",
    "phrase",
    "evidence:string[]",
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


def write_facts(facts: Iterable[Fact], path: Path) -> None:
    """Write both files for facts and their entities; which folders are replaced is as for :func:`write`.

    Raises:
        OutputError: ``path`` is a file or a folder with something else in it, or cannot be written.
    """
    given = list(facts)
    with whole_folder(path, contents=(ENTITIES, RELATIONS)) as folder:
        _write_table(folder / RELATIONS, _FACT_COLUMNS, map(_fact, given))
        rows = (_merged_entity(uri, entity) for uri, entity in merged_entities(given))
        _write_table(folder / ENTITIES, _FACT_ENTITY_COLUMNS, rows)


def relationship_type(of: Triple | Fact) -> str:
    """Return the relationship type of a triple or fact: a Cypher name in upper snake case, ending in the number."""
    slug = relation_slug(of.relation.upper(), joint="_")
    if not slug[:1].isalpha():
        slug = f"RELATION_{slug}" if slug else "RELATION"
    return f"{slug}_{of.relation_id}"


def _relation(triple: Triple, entities: Entities) -> Iterator[str | int | float | None]:
    instance = triple.instance
    yield entities.add(instance, instance.head)
    yield entities.add(instance, instance.tail)
    yield relationship_type(triple)
    yield _line(triple.relation)
    yield int(triple.relation_id)
    yield float(triple.confidence)
    # an empty field without quotes is a property that is not there
    yield None if triple.related is None else float(triple.related)
    yield triple.polarity
    yield _line(instance.text)
    yield from (instance.head.start, instance.head.end, instance.tail.start, instance.tail.end)
    yield _line(instance.id)
    yield _line(instance.source)
    yield _line(instance.document)
    yield instance.document_start


def _entity(uri: str, entity: Entity) -> Iterator[str]:
    yield uri
    yield _line(entity.name)
    yield _labels(entity.types)


def _fact(fact: Fact) -> Iterator[str | int | float]:
    yield merged_entity_uri(fact.head)
    yield merged_entity_uri(fact.tail)
    yield relationship_type(fact)
    yield _line(fact.relation)
    yield from (int(fact.relation_id), fact.support, fact.documents, float(fact.confidence))
    yield _line(fact.phrase)
    yield _array(fact.evidence)


def _merged_entity(uri: str, entity: MergedEntity) -> Iterator[str | int]:
    yield uri
    yield _line(entity.name)
    yield _array(entity.aliases)
    yield from (entity.mentions, entity.documents)
    yield _labels({entity.type} if entity.type else set())


def _labels(types: set[str]) -> str:
    # ";" would part one label into two
    labels = {re.sub(r"\W+", "_", entity_type).strip("_") for entity_type in types}
    return ";".join(["Entity", *sorted(labels - {"", "Entity"})])


def _array(values: Iterable[str]) -> str:
    return ";".join(_line(value).replace(";", ",") for value in values)


def _line(text: str) -> str:
    return _LINE_BREAK.sub(" ", xml(text))


def _write_table(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with text_file(path) as stream:
        stream.write(",".join(columns) + "\n")
        # all strings are quoted: the importer trims unquoted ones, which would shift the offsets
        csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
