"""Triples and facts as RDF: the terms, their escaping and the vocabulary that N-Triples and Turtle share.

Each found triple becomes the plain statement ``head relation tail`` and one ``rdf:Statement`` (a blank node)
that says where it was read. Entities and relations get their ``rdfs:label`` once, where they appear first.
URIs are those of :mod:`relscout.io.writers.identity`. The vocabulary, under ``urn:relscout:vocabulary:``:

=============================  ==============================================================================
``entityType``                 of an entity: its type, such as "PERSON"; one for each type seen
``relationId``                 of a relation: its number in the discovery, ``xsd:integer``
``sentence``                   of a statement: the text it was read in
``headStart``, ``headEnd``,    of a statement: offsets into the sentence in code points, end exclusive,
``tailStart``, ``tailEnd``     ``xsd:integer``
``confidence``                 of a statement: in [0, 1], ``xsd:double``
``related``                    of a statement: in [0, 1], ``xsd:double``, where it was estimated
``polarity``                   of a statement: "asserted", "negated" or "hypothetical"
``instanceId``, ``source``     of a statement: id of the relation instance; file and line it comes from
``document``,                  of a statement: the document; offset of the sentence in it, ``xsd:integer``
``documentStart``
``support``, ``documents``     of a fact's statement: number of sentences and of documents, ``xsd:integer``
``evidence``                   of a fact's statement: id of a triple, one for each
``mentions``                   of an entity: number of its mentions, ``xsd:integer``
=============================  ==============================================================================

Only asserted triples become plain statements; of the others there is the ``rdf:Statement`` only.

Each fact becomes a plain statement and one ``rdf:Statement``. The entities of facts are instances of the class of their
type and have an ``skos:altLabel`` for each alias. A relation has an ``rdfs:domain`` (or ``rdfs:range``) where at least
half of its facts have a head (or tail) of one type: it says what is typical, not what is allowed.

NUL and lone surrogates, which no ``xsd:string`` may hold, become U+FFFD; all else is kept.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from relscout.core.instances import Entity, Fact, Mention, RelationInstance, Triple
from relscout.io.writers.identity import entity_name, entity_uri, merged_entity_uri, relation_uri, type_uri
from relscout.io.writers.textfile import literal

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
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
            if details := _entity(entity.uri, instance, mention, seen):
                yield Description(entity, details)
        if (relation.uri, "") not in seen:
            seen.add((relation.uri, ""))
            yield Description(relation, _relation(triple))
        if triple.polarity == "asserted":
            yield Description(head, [(relation.uri, tail)])
        yield Description(None, _provenance(triple, head, relation, tail))


def _entity(
    uri: str, instance: RelationInstance, mention: Mention, seen: set[tuple[str, str]]
) -> list[tuple[str, Resource | Literal]]:
    details: list[tuple[str, Resource | Literal]] = []
    if (uri, "") not in seen:
        seen.add((uri, ""))
        details.append((RDFS + "label", Literal(entity_name(instance, mention))))
    if mention.type and (uri, mention.type) not in seen:
        seen.add((uri, mention.type))
        details.append((VOCABULARY + "entityType", Literal(mention.type)))
    return details


def fact_descriptions(facts: Iterable[Fact]) -> Iterator[Description]:
    """Yield all that RDF says about facts, which are held: the types of a relation depend on all of them."""
    given = list(facts)
    ends: defaultdict[str, tuple[Counter[str | None], Counter[str | None]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for fact in given:
        for counts, entity in zip(ends[relation_uri(fact)], (fact.head, fact.tail), strict=True):
            counts[entity.type] += 1
    seen: set[str] = set()
    for fact in given:
        head, relation, tail = (
            Resource(uri)
            for uri in (merged_entity_uri(fact.head), relation_uri(fact), merged_entity_uri(fact.tail))
        )
        for resource, entity in ((head, fact.head), (tail, fact.tail)):
            if entity.type is not None and type_uri(entity.type) not in seen:
                seen.add(type_uri(entity.type))
                about: list[tuple[str, Resource | Literal]] = [
                    (TYPE, Resource(RDFS + "Class")),
                    (RDFS + "label", Literal(entity.type)),
                ]
                yield Description(Resource(type_uri(entity.type)), about)
            if resource.uri not in seen:
                seen.add(resource.uri)
                yield Description(resource, _merged_entity(entity))
        if relation.uri not in seen:
            seen.add(relation.uri)
            typical = zip(("domain", "range"), ends[relation.uri], strict=True)
            classes: list[tuple[str, Resource | Literal]] = [
                (RDFS + side, Resource(type_uri(kind)))
                for side, counts in typical
                for kind in _dominating(counts)
            ]
            yield Description(relation, _relation(fact) + classes)
        yield Description(head, [(relation.uri, tail)])
        statement: list[tuple[str, Resource | Literal]] = [
            (TYPE, Resource(RDF + "Statement")),
            (RDF + "subject", head),
            (RDF + "predicate", relation),
            (RDF + "object", tail),
            (VOCABULARY + "support", _integer(fact.support)),
            (VOCABULARY + "documents", _integer(fact.documents)),
            (VOCABULARY + "confidence", _double(fact.confidence)),
        ]
        yield Description(None, statement + [(VOCABULARY + "evidence", Literal(id)) for id in fact.evidence])


def _merged_entity(entity: Entity) -> list[tuple[str, Resource | Literal]]:
    details: list[tuple[str, Resource | Literal]] = []
    if entity.type is not None:
        details.append((TYPE, Resource(type_uri(entity.type))))
    details.append((RDFS + "label", Literal(entity.name)))
    details += [(SKOS + "altLabel", Literal(alias)) for alias in entity.aliases if alias != entity.name]
    details.append((VOCABULARY + "mentions", _integer(entity.mentions)))
    return details


def _dominating(counts: Counter[str | None]) -> list[str]:
    """Return the type that at least half of the entities have, if there is one."""
    return sorted(
        (kind for kind, count in counts.items() if kind is not None and 2 * count >= counts.total()),
        key=lambda kind: (-counts[kind], kind),
    )[:1]


def _relation(of: Triple | Fact) -> list[tuple[str, Resource | Literal]]:
    return [
        (TYPE, Resource(RDF + "Property")),
        (RDFS + "label", Literal(of.relation)),
        (VOCABULARY + "relationId", _integer(of.relation_id)),
    ]


def _provenance(
    triple: Triple, head: Resource, relation: Resource, tail: Resource
) -> list[tuple[str, Resource | Literal]]:
    instance = triple.instance
    details: list[tuple[str, Resource | Literal]] = [
        (TYPE, Resource(RDF + "Statement")),
        (RDF + "subject", head),
        (RDF + "predicate", relation),
        (RDF + "object", tail),
        (VOCABULARY + "sentence", Literal(instance.text)),
        (VOCABULARY + "headStart", _integer(instance.head.start)),
        (VOCABULARY + "headEnd", _integer(instance.head.end)),
        (VOCABULARY + "tailStart", _integer(instance.tail.start)),
        (VOCABULARY + "tailEnd", _integer(instance.tail.end)),
        (VOCABULARY + "confidence", _double(triple.confidence)),
        (VOCABULARY + "polarity", Literal(triple.polarity)),
        (VOCABULARY + "instanceId", Literal(instance.id)),
    ]
    if triple.related is not None:
        details.append((VOCABULARY + "related", _double(triple.related)))
    if instance.source:
        details.append((VOCABULARY + "source", Literal(instance.source)))
    if instance.document:
        details.append((VOCABULARY + "document", Literal(instance.document)))
    if instance.document_start is not None:
        details.append((VOCABULARY + "documentStart", _integer(instance.document_start)))
    return details


def _integer(number: int) -> Literal:
    return Literal(str(int(number)), INTEGER)


def _double(number: float) -> Literal:
    return Literal(repr(float(number)), DOUBLE)


def _escape(char: str) -> str:
    return _SHORT_ESCAPES.get(char) or f"\\u{ord(char):04X}"
