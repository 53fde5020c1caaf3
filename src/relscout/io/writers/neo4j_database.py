"""Writes facts or triples to a Neo4j database through its driver (extra ``neo4j``).

Nodes and relationships have the labels, types and property names of the CSV that
:mod:`relscout.io.writers.property_graph` writes; the property ``entity`` is the URI of an entity, and ``kind`` of a
relationship is ``fact`` or ``triple``. Texts keep their line breaks and semicolons.

Everything is merged, so that writing again changes nothing: an entity is the node with its URI, which a constraint
makes unique; a fact is the relationship of its type and of the kind ``fact`` between its two entities; a triple is that
with its ``instance_id``. Facts and triples can therefore be in one database. Batches are transactions of their own.
After a failure, earlier batches are in the database, and writing again completes the others.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from relscout.core.errors import MissingExtraError, OutputError, SettingError
from relscout.core.instances import Fact, Triple
from relscout.core.progress import Progress, silent
from relscout.io.writers.identity import Entities, merged_entity_uri
from relscout.io.writers.property_graph import (
    fact_properties,
    labels,
    merged_nodes,
    nodes,
    relationship_type,
    triple_properties,
)
from relscout.io.writers.textfile import literal

if TYPE_CHECKING:
    from neo4j import Driver

SCHEMES: Final = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
#: Rows of a transaction.
BATCH: Final = 1_000
_CONSTRAINT = "CREATE CONSTRAINT relscout_entity IF NOT EXISTS FOR (n:Entity) REQUIRE n.entity IS UNIQUE"
_NODES = "UNWIND $rows AS row MERGE (n:Entity {entity: row.entity}) SET n += row.properties"
_EDGES = "UNWIND $rows AS row MATCH (h:Entity {entity: row.head}) MATCH (t:Entity {entity: row.tail}) "

Row = dict[str, Any]


class Sessions(Protocol):
    """What is used of a driver of Neo4j."""

    def session(self, *, database: str | None = None) -> Any:
        """Return a session, a context manager with ``run`` and ``execute_write``."""
        ...


@contextlib.contextmanager
def connected(uri: str, *, user: str | None = None, password: str | None = None) -> Iterator[Driver]:
    """Yield a driver of a server that accepts the credentials; it is closed at the end.

    Args:
        uri: For example ``neo4j://localhost:7687``; a scheme of :data:`SCHEMES`.
        user: Name of the user, usually ``neo4j``; ``None`` for a server without authentication.
        password: Password of the user.

    Raises:
        MissingExtraError: The driver is not installed.
        SettingError: The URI has another form, or has credentials.
        OutputError: The server cannot be reached, or refuses the credentials.
    """
    check_address(uri)
    try:
        from neo4j import GraphDatabase
        from neo4j.exceptions import ConfigurationError
    except ImportError as error:
        raise MissingExtraError("writing to a Neo4j database", "neo4j") from error
    auth = None if user is None else (user, password or "")
    try:
        driver = GraphDatabase.driver(uri, auth=auth, connection_timeout=15.0, user_agent="relscout")
    except (ValueError, ConfigurationError) as error:
        raise SettingError(f"cannot use {uri!r} as the address of a server: {error}") from error
    with driver, explained(uri):
        try:
            driver.verify_connectivity()
        except (OSError, ValueError) as error:  # the name of the host cannot be resolved
            raise OutputError(f"cannot write to {uri}: no connection ({error}); check the address") from error
        yield driver


def check_address(uri: str) -> None:
    """Check the address of a server, and that it holds no password, which messages would show.

    Raises:
        SettingError: It has another form, or holds credentials.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise SettingError(
            f"the address of the server cannot be read: {error}; expected {SCHEMES[0]}://HOST:7687"
        ) from None
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise SettingError(
            f"{uri!r} is no address; expected {SCHEMES[0]}://HOST:7687, or {', '.join(SCHEMES[1:])}"
        )
    if "@" in parts.netloc:
        raise SettingError(
            f"the address of {parts.hostname} has a user or a password in it; give them separately, since "
            "addresses are shown"
        )


def write_facts_to(
    driver: Sessions,
    facts: Iterable[Fact],
    *,
    database: str | None = None,
    batch: int = BATCH,
    progress: Progress = silent,
) -> int:
    """Merge facts and their entities into a database.

    Args:
        driver: A driver, for example of :func:`connected`.
        facts: The facts.
        database: Name of the database (default: that of the server, or of the user).
        batch: Rows of a transaction, at least 1.
        progress: Called with the number of facts written, stage ``"write"``.

    Returns:
        The number of facts.

    Raises:
        SettingError: ``batch`` is below 1.
        OutputError: The server cannot be reached, or refuses the data.
    """
    given = list(facts)
    entities = [
        (uri, {"name": name, **_without(values, "type")}, labels(values))
        for uri, name, values in merged_nodes(given)
    ]
    edges = [
        (
            relationship_type(fact),
            merged_entity_uri(fact.head),
            merged_entity_uri(fact.tail),
            _properties(fact),
        )
        for fact in given
    ]
    _merge(driver, entities, edges, key="kind", database=database, batch=batch, progress=progress)
    return len(given)


def write_triples_to(
    driver: Sessions,
    triples: Iterable[Triple],
    *,
    database: str | None = None,
    batch: int = BATCH,
    progress: Progress = silent,
) -> int:
    """Merge triples and their entities into a database, one relationship per triple; see :func:`write_facts_to`.

    Returns:
        The number of triples.

    Raises:
        SettingError: ``batch`` is below 1.
        OutputError: The server cannot be reached, or refuses the data.
    """
    seen = Entities()
    edges = []
    for triple in triples:
        instance = triple.instance
        ends = seen.add(instance, instance.head), seen.add(instance, instance.tail)
        edges.append((relationship_type(triple), *ends, _properties(triple)))
    entities = [(uri, {"name": name}, labels(values)) for uri, name, values in nodes(seen)]
    _merge(driver, entities, edges, key="instance_id", database=database, batch=batch, progress=progress)
    return len(edges)


def _merge(
    driver: Sessions,
    entities: Sequence[tuple[str, Row, list[str]]],
    edges: Sequence[tuple[str, str, str, Row]],
    *,
    key: str,
    database: str | None,
    batch: int,
    progress: Progress,
) -> None:
    if batch < 1:
        raise SettingError(f"the batch has {batch} rows; expected at least 1")
    progress("write", 0, len(edges))
    with explained(), driver.session(database=database) as session:
        session.run(_CONSTRAINT).consume()
        # labels and types cannot be parameters before Neo4j 5.26, so that each needs a statement of its own
        for names, group in groupby(sorted(entities, key=lambda entity: entity[2]), lambda entity: entity[2]):
            others = "".join(f":{_quoted(name)}" for name in names if name != "Entity")
            statement = f"{_NODES} SET n{others}" if others else _NODES
            rows = [{"entity": literal(uri), "properties": _clean(values)} for uri, values, _ in group]
            for part in _parts(rows, batch):
                _send(session, statement, part)
        written = 0
        for kind, same in groupby(sorted(edges, key=lambda edge: edge[0]), lambda edge: edge[0]):
            edge = f"[r:{_quoted(kind)} {{{key}: row.properties.{key}}}]"
            statement = f"{_EDGES}MERGE (h)-{edge}->(t) SET r += row.properties"
            rows = [
                {"head": literal(head), "tail": literal(tail), "properties": _clean(values)}
                for _, head, tail, values in same
            ]
            for part in _parts(rows, batch):
                _send(session, statement, part)
                written += len(part)
                progress("write", written, len(edges))


def _parts(rows: Sequence[Row], batch: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), batch):
        yield rows[start : start + batch]


def _send(session: Any, statement: str, rows: Sequence[Row]) -> None:
    # the driver repeats a transaction that failed for a moment; repeated merges change nothing
    session.execute_write(lambda transaction: transaction.run(statement, rows=rows).consume())


def _properties(of: Fact | Triple) -> Row:
    if isinstance(of, Fact):
        return {"name": of.relation, "kind": "fact", **fact_properties(of)}
    return {"name": of.relation, "kind": "triple", **triple_properties(of)}


def _without(values: Any, name: str) -> Row:
    return {key: value for key, value in values.items() if key != name}


def _clean(values: Row) -> Row:
    """Return properties with texts that UTF-8 can encode, and sequences as lists."""
    return {
        name: literal(value)
        if isinstance(value, str)
        else [literal(part) for part in value]
        if isinstance(value, Sequence)
        else value
        for name, value in values.items()
    }


def _quoted(name: str) -> str:
    """Return a name as Cypher quotes it."""
    return "`" + re.sub("`", "``", name) + "`"


@contextlib.contextmanager
def explained(uri: str = "the server") -> Iterator[None]:
    """Turn errors of the driver into errors that say what to do and have no credentials."""
    try:
        yield
    except OutputError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith("neo4j"):
            raise
        raise OutputError(f"cannot write to {uri}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    from neo4j import exceptions

    code = str(getattr(error, "code", "") or "")
    text = str(getattr(error, "message", "") or error).strip().splitlines()
    first = text[0] if text else type(error).__name__
    if "DatabaseNotFound" in code:
        return f"{first.rstrip('.')}; name another database, or create it"
    if isinstance(error, exceptions.AuthError):
        return "it refuses the user or the password; set NEO4J_USERNAME and NEO4J_PASSWORD"
    if isinstance(error, exceptions.Forbidden):
        return f"the user may not do this ({first.rstrip('.')}); it needs the role 'publisher', and 'architect' once"
    if isinstance(error, exceptions.ServiceUnavailable | exceptions.SessionExpired):
        return f"no connection ({first.rstrip('.')}); is the server running, and the address right?"
    return f"{code + ': ' if code else ''}{first}"
