"""Turtle: RDF for reading (W3C Recommendation "RDF 1.1 Turtle", 2014)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from relscout.core.instances import Fact, Triple
from relscout.io.writers.identity import CLASS, ENTITY, RELATION
from relscout.io.writers.rdf import (
    INTEGER,
    RDF,
    RDFS,
    SKOS,
    TYPE,
    VOCABULARY,
    XSD,
    Description,
    Literal,
    Resource,
    descriptions,
    fact_descriptions,
    quoted,
)
from relscout.io.writers.textfile import text_file

DESCRIPTION = "Turtle (RDF), with the sentence of every triple by reification"

_PREFIXES = {
    "rdf": RDF,
    "rdfs": RDFS,
    "skos": SKOS,
    "xsd": XSD,
    "wd": "http://www.wikidata.org/entity/",
    "entity": ENTITY,
    "relation": RELATION,
    "type": CLASS,
    "relscout": VOCABULARY,
}

# stricter than the grammar's PN_LOCAL, so that no parser stumbles; what does not match keeps its full URI
_LOCAL_NAME = re.compile("[A-Za-z0-9](?:[A-Za-z0-9_-]|%[0-9A-F]{2})*")


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write what :mod:`relscout.io.writers.rdf` says about the triples, grouped by subject, in UTF-8.

    Raises:
        OutputError: The file cannot be written.
    """
    _write(descriptions(triples), path)


def write_facts(facts: Iterable[Fact], path: Path) -> None:
    """Write what :mod:`relscout.io.writers.rdf` says about facts and their entities, grouped by subject, in UTF-8.

    Raises:
        OutputError: The file cannot be written.
    """
    _write(fact_descriptions(facts), path)


def _write(said: Iterable[Description], path: Path) -> None:
    with text_file(path) as stream:
        for prefix, namespace in _PREFIXES.items():
            stream.write(f"@prefix {prefix}: <{namespace}> .\n")
        for description in said:
            stream.write("\n" + _sentence(description) + "\n")


def _sentence(description: Description) -> str:
    subject = _uri(description.subject.uri) if description.subject else "[]"
    properties = (f"{_verb(predicate)} {_term(target)}" for predicate, target in description.properties)
    return f"{subject} " + " ;\n    ".join(properties) + " ."


def _verb(predicate: str) -> str:
    return "a" if predicate == TYPE else _uri(predicate)


def _term(term: Resource | Literal) -> str:
    if isinstance(term, Resource):
        return _uri(term.uri)
    if term.datatype is None:
        return quoted(term.value)
    return term.value if term.datatype == INTEGER else f"{quoted(term.value)}^^{_uri(term.datatype)}"


def _uri(uri: str) -> str:
    for prefix, namespace in _PREFIXES.items():
        if uri.startswith(namespace) and _LOCAL_NAME.fullmatch(uri, len(namespace)):
            return f"{prefix}:{uri[len(namespace) :]}"
    return f"<{uri}>"
