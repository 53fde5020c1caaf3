"""N-Triples: RDF, one statement per line (W3C Recommendation "RDF 1.1 N-Triples", 2014)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from relscout.core.instances import Fact, Triple
from relscout.io.writers.rdf import Description, Literal, Resource, descriptions, fact_descriptions, quoted
from relscout.io.writers.textfile import text_file

DESCRIPTION = "N-Triples (RDF), with the sentence of every triple by reification"


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write what :mod:`relscout.io.writers.rdf` says about the triples, one statement per line, in UTF-8.

    Raises:
        OutputError: The file cannot be written.
    """
    _write(descriptions(triples), path)


def write_facts(facts: Iterable[Fact], path: Path) -> None:
    """Write what :mod:`relscout.io.writers.rdf` says about facts and their entities, one statement per line, in UTF-8.

    Raises:
        OutputError: The file cannot be written.
    """
    _write(fact_descriptions(facts), path)


def _write(said: Iterable[Description], path: Path) -> None:
    with text_file(path) as stream:
        for number, description in enumerate(said):
            subject = _term(description.subject) if description.subject else f"_:b{number}"
            for predicate, target in description.properties:
                stream.write(f"{subject} <{predicate}> {_term(target)} .\n")


def _term(term: Resource | Literal) -> str:
    if isinstance(term, Resource):
        return f"<{term.uri}>"
    return quoted(term.value) + (f"^^<{term.datatype}>" if term.datatype else "")
