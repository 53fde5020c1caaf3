"""Triples and facts as RDF, in N-Triples and Turtle (W3C Recommendations, both of RDF 1.1, 2014).

Each triple becomes the plain statement ``head relation tail`` and one ``rdf:Statement`` (a blank node) with its
source. Entities and relations have their ``rdfs:label`` where they occur first.
URIs are those of :mod:`relscout.io.writers.identity`. The vocabulary, under ``urn:relscout:vocabulary:``:

=============================  ==============================================================================
``entityType``                 of an entity: its type, such as "PERSON"; one for each type seen
``relationId``                 of a relation: its number in the discovery, ``xsd:integer``
``sentence``                   of a statement: its sentence
``headStart``, ``headEnd``,    of a statement: offsets into the sentence in code points, end exclusive,
``tailStart``, ``tailEnd``     ``xsd:integer``
``confidence``                 of a statement: in [0, 1], ``xsd:double``
``related``                    of a statement: in [0, 1], ``xsd:double``, where it was estimated
``polarity``                   of a statement: "asserted", "negated" or "hypothetical"
``phrase``                     of a statement: what its sentences say of the two, where that is clear
``instanceId``, ``source``     of a statement: id of the relation instance; file and line it comes from
``document``,                  of a statement: the document; offset of the sentence in it, ``xsd:integer``
``documentStart``
``support``, ``documents``     of a fact's statement: number of sentences and of documents, ``xsd:integer``
``evidence``                   of a fact's statement: id of a triple, one for each
``mentions``                   of an entity: number of its mentions, ``xsd:integer``
=============================  ==============================================================================

A relation that was matched to a vocabulary is linked to the URIs of the entries that fit it. The best one is its
``owl:equivalentProperty`` (or ``owl:inverseOf``, if it fits from tail to head) if its score is at least
:data:`relscout.core.instances.EQUIVALENT`; the others are ``skos:closeMatch`` (or ``skos:relatedMatch``), since two
equivalent properties of one relation would be equivalent to each other. Entries without a URI that would be equivalent
are an ``skos:altLabel``.

Only asserted triples become plain statements; the others have an ``rdf:Statement`` only.

Each fact becomes a plain statement and one ``rdf:Statement``. The entities of facts are instances of the class of their
type and have an ``skos:altLabel`` for each alias. A relation has an ``rdfs:domain`` (or ``rdfs:range``) where at least
half of its facts have a head (or tail) of one type: a typical type, not a constraint.

NUL and lone surrogates, which ``xsd:string`` excludes, become U+FFFD.

The files are not written by rdflib, which holds the whole graph in memory and takes several times as long (measured by
``benchmarks/export_speed.py``).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from relscout.core.instances import EQUIVALENT, Entity, Fact, Mention, RelationInstance, Triple
from relscout.io.writers.identity import (
    CLASS,
    ENTITY,
    RELATION,
    entity_name,
    entity_uri,
    merged_entity_uri,
    relation_uri,
    type_uri,
)
from relscout.io.writers.textfile import literal, text_file

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OWL = "http://www.w3.org/2002/07/owl#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
XSD = "http://www.w3.org/2001/XMLSchema#"
VOCABULARY = "urn:relscout:vocabulary:"

TYPE = RDF + "type"
INTEGER = XSD + "integer"
DOUBLE = XSD + "double"

#: Prefixes of Turtle, which queries may use without declaring them.
PREFIXES = {
    "owl": OWL,
    "rdf": RDF,
    "rdfs": RDFS,
    "skos": SKOS,
    "xsd": XSD,
    "wd": "http://www.wikidata.org/entity/",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "entity": ENTITY,
    "relation": RELATION,
    "type": CLASS,
    "relscout": VOCABULARY,
}

# stricter than the grammar's PN_LOCAL, to suit every parser; other URIs are written in full
_LOCAL_NAME = re.compile("[A-Za-z0-9](?:[A-Za-z0-9_-]|%[0-9A-F]{2})*")
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Literal(NamedTuple):
    """A value; ``datatype`` is a URI, ``None`` for a plain string."""

    value: str
    datatype: str | None = None


Properties: TypeAlias = list[tuple[str, str | Literal]]
"""URIs of predicates, each with its object, which is a URI or a literal."""

Description: TypeAlias = tuple[str | None, Properties]
"""The URI of a subject, or ``None`` for a blank node that nothing else refers to, and at least one property."""


@dataclass(frozen=True, slots=True)
class RdfWriter:
    """A serialisation of RDF, in UTF-8."""

    DESCRIPTION: str
    """One line for users."""

    serialised: Callable[[Iterable[Description]], Iterator[str]]
    """Returns the pieces of the text."""

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write triples one by one.

        Raises:
            OutputError: The file cannot be written.
        """
        self._write(descriptions(triples), path)

    def write_facts(self, facts: Iterable[Fact], path: Path) -> None:
        """Write facts and their entities.

        Raises:
            OutputError: The file cannot be written.
        """
        self._write(fact_descriptions(facts), path)

    def _write(self, described: Iterable[Description], path: Path) -> None:
        with text_file(path) as stream:
            stream.writelines(self.serialised(described))


def _n_triples(described: Iterable[Description]) -> Iterator[str]:
    """Yield one statement per line."""

    def term(of: str | Literal) -> str:
        if isinstance(of, str):
            return f"<{of}>"
        return _quoted(of.value) + (f"^^<{of.datatype}>" if of.datatype else "")

    for number, (uri, properties) in enumerate(described):
        subject = term(uri) if uri else f"_:b{number}"
        for predicate, target in properties:
            yield f"{subject} <{predicate}> {term(target)} .\n"


def _turtle(described: Iterable[Description]) -> Iterator[str]:
    """Yield one sentence per subject."""

    def term(of: str | Literal) -> str:
        if isinstance(of, str):
            return shortened(of)
        if of.datatype is None:
            return _quoted(of.value)
        return of.value if of.datatype == INTEGER else f"{_quoted(of.value)}^^{shortened(of.datatype)}"

    for prefix, namespace in PREFIXES.items():
        yield f"@prefix {prefix}: <{namespace}> .\n"
    for uri, properties in described:
        verbs = ("a" if predicate == TYPE else shortened(predicate) for predicate, _ in properties)
        parts = (f"{verb} {term(target)}" for verb, (_, target) in zip(verbs, properties, strict=True))
        yield f"\n{shortened(uri) if uri else '[]'} " + " ;\n    ".join(parts) + " .\n"


def shortened(uri: str) -> str:
    """Return a URI as Turtle and SPARQL write it: with a prefix of :data:`PREFIXES`, or in angle brackets."""
    for prefix, namespace in PREFIXES.items():
        if uri.startswith(namespace) and _LOCAL_NAME.fullmatch(uri, len(namespace)):
            return f"{prefix}:{uri[len(namespace) :]}"
    return f"<{uri}>"


NTRIPLES: Final = RdfWriter("N-Triples (RDF), with the sentence of every triple by reification", _n_triples)
TURTLE: Final = RdfWriter("Turtle (RDF), with the sentence of every triple by reification", _turtle)


def _quoted(text: str) -> str:
    """Return ``text`` as a quoted string on one line, escaped as both N-Triples and Turtle require."""

    def escaped(character: re.Match[str]) -> str:
        return _SHORT_ESCAPES.get(character[0]) or f"\\u{ord(character[0]):04X}"

    return '"' + _ESCAPED.sub(escaped, literal(text)) + '"'


def descriptions(triples: Iterable[Triple]) -> Iterator[Description]:
    """Yield the descriptions of triples; only URIs and entity types are kept in memory."""
    seen: set[tuple[str, str]] = set()
    for triple in triples:
        instance = triple.instance
        head, tail = entity_uri(instance, instance.head), entity_uri(instance, instance.tail)
        relation = relation_uri(triple)
        for uri, mention in ((head, instance.head), (tail, instance.tail)):
            if new := _entity(uri, instance, mention, seen):
                yield uri, new
        if (relation, "") not in seen:
            seen.add((relation, ""))
            yield relation, _relation(triple)
        if triple.polarity == "asserted":
            yield head, [(relation, tail)]
        yield None, _statement(head, relation, tail) + _provenance(triple)


def _entity(uri: str, instance: RelationInstance, mention: Mention, seen: set[tuple[str, str]]) -> Properties:
    properties: Properties = []
    if (uri, "") not in seen:
        seen.add((uri, ""))
        properties.append((RDFS + "label", Literal(entity_name(instance, mention))))
    if mention.type and (uri, mention.type) not in seen:
        seen.add((uri, mention.type))
        properties.append((VOCABULARY + "entityType", Literal(mention.type)))
    return properties


def fact_descriptions(facts: Iterable[Fact]) -> Iterator[Description]:
    """Yield the descriptions of facts, which are kept in memory: the types of a relation depend on all of them."""
    given = list(facts)
    ends: defaultdict[str, tuple[Counter[str | None], Counter[str | None]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for fact in given:
        for counts, entity in zip(ends[relation_uri(fact)], (fact.head, fact.tail), strict=True):
            counts[entity.type] += 1
    seen: set[str] = set()
    for fact in given:
        head, relation, tail = merged_entity_uri(fact.head), relation_uri(fact), merged_entity_uri(fact.tail)
        for uri, entity in ((head, fact.head), (tail, fact.tail)):
            if entity.type is not None and type_uri(entity.type) not in seen:
                seen.add(type_uri(entity.type))
                yield (
                    type_uri(entity.type),
                    [(TYPE, RDFS + "Class"), (RDFS + "label", Literal(entity.type))],
                )
            if uri not in seen:
                seen.add(uri)
                yield uri, _merged_entity(entity)
        if relation not in seen:
            seen.add(relation)
            typical = zip(("domain", "range"), ends[relation], strict=True)
            classes: Properties = [
                (RDFS + side, type_uri(kind)) for side, counts in typical for kind in _dominating(counts)
            ]
            yield relation, _relation(fact) + classes
        yield head, [(relation, tail)]
        yield (
            None,
            [
                *_statement(head, relation, tail),
                (VOCABULARY + "support", _integer(fact.support)),
                (VOCABULARY + "documents", _integer(fact.documents)),
                (VOCABULARY + "confidence", _double(fact.confidence)),
                *([(VOCABULARY + "phrase", Literal(fact.phrase))] if fact.phrase else []),
                *((VOCABULARY + "evidence", Literal(id)) for id in fact.evidence),
            ],
        )


def _merged_entity(entity: Entity) -> Properties:
    properties: Properties = []
    if entity.type is not None:
        properties.append((TYPE, type_uri(entity.type)))
    properties.append((RDFS + "label", Literal(entity.name)))
    properties += [(SKOS + "altLabel", Literal(alias)) for alias in entity.aliases if alias != entity.name]
    properties.append((VOCABULARY + "mentions", _integer(entity.mentions)))
    return properties


def _dominating(counts: Counter[str | None]) -> list[str]:
    """Return the type that at least half of the entities have, if there is one."""
    return sorted(
        (kind for kind, count in counts.items() if kind is not None and 2 * count >= counts.total()),
        key=lambda kind: (-counts[kind], kind),
    )[:1]


def _relation(of: Triple | Fact) -> Properties:
    return [
        (TYPE, RDF + "Property"),
        (RDFS + "label", Literal(of.relation)),
        (VOCABULARY + "relationId", _integer(of.relation_id)),
        *_links(of),
    ]


def _links(of: Triple | Fact) -> Properties:
    """Return the links of a relation to the entries of a vocabulary that fit it."""
    links: Properties = []
    for place, match in enumerate(of.matches):
        is_equivalent = place == 0 and match.score >= EQUIVALENT
        if not match.uri:
            if is_equivalent and not match.inverse:
                links.append((SKOS + "altLabel", Literal(match.name)))
        elif is_equivalent:
            links.append((OWL + ("inverseOf" if match.inverse else "equivalentProperty"), match.uri))
        else:
            links.append((SKOS + ("relatedMatch" if match.inverse else "closeMatch"), match.uri))
    return links


def _statement(head: str, relation: str, tail: str) -> Properties:
    return [
        (TYPE, RDF + "Statement"),
        (RDF + "subject", head),
        (RDF + "predicate", relation),
        (RDF + "object", tail),
    ]


def _provenance(triple: Triple) -> Properties:
    instance = triple.instance
    values: list[tuple[str, Literal | None]] = [
        ("sentence", Literal(instance.text)),
        ("headStart", _integer(instance.head.start)),
        ("headEnd", _integer(instance.head.end)),
        ("tailStart", _integer(instance.tail.start)),
        ("tailEnd", _integer(instance.tail.end)),
        ("confidence", _double(triple.confidence)),
        ("polarity", Literal(triple.polarity)),
        ("phrase", Literal(triple.phrase) if triple.phrase else None),
        ("instanceId", Literal(instance.id)),
        ("related", None if triple.related is None else _double(triple.related)),
        ("source", Literal(instance.source) if instance.source else None),
        ("document", Literal(instance.document) if instance.document else None),
        ("documentStart", None if instance.document_start is None else _integer(instance.document_start)),
    ]
    return [(VOCABULARY + name, value) for name, value in values if value is not None]


def _integer(number: int) -> Literal:
    return Literal(str(int(number)), INTEGER)


def _double(number: float) -> Literal:
    return Literal(repr(float(number)), DOUBLE)
