"""Triples as RDF: the terms, their escaping and the vocabulary that N-Triples and Turtle share.

Each found triple becomes the plain statement ``head relation tail`` and one ``rdf:Statement`` (a blank node)
that says where it was read. Entities and relations get their ``rdfs:label`` once, where they appear first.
URIs are those of :mod:`relscout.writers.identity`. The vocabulary, under ``urn:relscout:vocabulary:``:

=============================  ==============================================================================
``entityType``                 of an entity: its type, such as "PERSON"; one for each type seen
``relationId``                 of a relation: its number in the discovery, ``xsd:integer``
``sentence``                   of a statement: the text it was read in
``headStart``, ``headEnd``,    of a statement: offsets into the sentence in code points, end exclusive,
``tailStart``, ``tailEnd``     ``xsd:integer``
``confidence``                 of a statement: in [0, 1], ``xsd:double``
``instanceId``, ``source``     of a statement: id of the relation instance; file and line it comes from
=============================  ==============================================================================

NUL and lone surrogates, which no ``xsd:string`` may hold, become U+FFFD; all else is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from relscout.instances import Mention, RelationInstance
from relscout.triples import Triple
from relscout.writers.characters import literal
from relscout.writers.identity import entity_name, entity_uri, relation_uri

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
XSD = "http://www.w3.org/2001/XMLSchema#"
VOCABULARY = "urn:relscout:vocabulary:"

TYPE = RDF + "type"
INTEGER = XSD + "integer"
DOUBLE = XSD + "double"

_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Resource:
    """Something with a URI."""

    uri: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; ``datatype`` is a URI, ``None`` for a plain string."""

    value: str
    datatype: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """One subject with its properties.

    Args:
        subject: The resource, or ``None`` for a blank node that nothing else refers to.
        properties: Predicate URIs and objects, at least one.
    """

    subject: Resource | None
    properties: list[tuple[str, Resource | Literal]]


def quoted(text: str) -> str:
    """Return ``text`` as a quoted string on one line, escaped as both N-Triples and Turtle want it."""
    return '"' + _ESCAPED.sub(lambda found: _escape(found[0]), literal(text)) + '"'


def descriptions(triples: Iterable[Triple]) -> Iterator[Description]:
    """Yield all that RDF says about the triples; of what was said, only URIs and entity types are held."""
    seen: set[tuple[str, str]] = set()
    for triple in triples:
        instance = triple.instance
        head = Resource(entity_uri(instance, instance.head))
        relation = Resource(relation_uri(triple))
        tail = Resource(entity_uri(instance, instance.tail))
        for entity, mention in ((head, instance.head), (tail, instance.tail)):
            if told := _entity(entity.uri, instance, mention, seen):
                yield Description(entity, told)
        if (relation.uri, "") not in seen:
            seen.add((relation.uri, ""))
            yield Description(relation, _relation(triple))
        yield Description(head, [(relation.uri, tail)])
        yield Description(None, _provenance(triple, head, relation, tail))


def _entity(
    uri: str, instance: RelationInstance, mention: Mention, seen: set[tuple[str, str]]
) -> list[tuple[str, Resource | Literal]]:
    told: list[tuple[str, Resource | Literal]] = []
    if (uri, "") not in seen:
        seen.add((uri, ""))
        told.append((RDFS + "label", Literal(entity_name(instance, mention))))
    if mention.type and (uri, mention.type) not in seen:
        seen.add((uri, mention.type))
        told.append((VOCABULARY + "entityType", Literal(mention.type)))
    return told


def _relation(triple: Triple) -> list[tuple[str, Resource | Literal]]:
    return [
        (TYPE, Resource(RDF + "Property")),
        (RDFS + "label", Literal(triple.relation)),
        (VOCABULARY + "relationId", _integer(triple.relation_id)),
    ]


def _provenance(
    triple: Triple, head: Resource, relation: Resource, tail: Resource
) -> list[tuple[str, Resource | Literal]]:
    instance = triple.instance
    told: list[tuple[str, Resource | Literal]] = [
        (TYPE, Resource(RDF + "Statement")),
        (RDF + "subject", head),
        (RDF + "predicate", relation),
        (RDF + "object", tail),
        (VOCABULARY + "sentence", Literal(instance.text)),
        (VOCABULARY + "headStart", _integer(instance.head.start)),
        (VOCABULARY + "headEnd", _integer(instance.head.end)),
        (VOCABULARY + "tailStart", _integer(instance.tail.start)),
        (VOCABULARY + "tailEnd", _integer(instance.tail.end)),
        (VOCABULARY + "confidence", Literal(repr(float(triple.confidence)), DOUBLE)),
        (VOCABULARY + "instanceId", Literal(instance.id)),
    ]
    if instance.source:
        told.append((VOCABULARY + "source", Literal(instance.source)))
    return told


def _integer(number: int) -> Literal:
    return Literal(str(int(number)), INTEGER)


def _escape(char: str) -> str:
    return _SHORT_ESCAPES.get(char) or f"\\u{ord(char):04X}"
