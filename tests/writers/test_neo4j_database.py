"""Facts and triples in a Neo4j database: the real driver against a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from relscout.core.errors import OutputError, SettingError
from relscout.core.instances import Fact, Triple
from relscout.io.writers.neo4j_database import (
    check_address,
    connected,
    write_facts_to,
    write_triples_to,
)
from tests.writers.bolt_server import PASSWORD, USER, Server, serving
from tests.writers.conftest import NASTY

MakeFact = Callable[..., Fact]
EINSTEIN, ULM = "urn:relscout:entity:made-Albert%20Einstein", "urn:relscout:entity:made-Ulm"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def driver(server: Server) -> Iterator[Any]:
    with connected(server.uri, user=USER, password=PASSWORD) as driver:
        yield driver


def test_a_fact_is_a_relationship_between_its_entities(
    driver: Any, server: Server, make_fact: MakeFact
) -> None:
    assert write_facts_to(driver, [make_fact(aliases=("Einstein",))]) == 1
    assert server.nodes[EINSTEIN] == {
        "name": "Albert Einstein",
        "aliases": ["Albert Einstein", "Einstein"],
        "mentions": 3,
        "documents": 2,
    }
    assert server.labels == {EINSTEIN: {"Entity", "PERSON"}, ULM: {"Entity", "CITY"}}
    ((edge, properties),) = server.edges.items()
    assert edge == ("BORN_IN_0", EINSTEIN, ULM, ("kind", "fact"))
    assert properties == {
        "name": "born in",
        "kind": "fact",
        "relation_id": 0,
        "support": 2,
        "documents": 1,
        "confidence": 0.75,
        "phrase": "",
        "evidence": ["a1", "a2"],
    }


def test_uris_of_entities_are_unique(driver: Any, server: Server, make_fact: MakeFact) -> None:
    write_facts_to(driver, [make_fact()])
    assert server.constraints == [
        "CREATE CONSTRAINT relscout_entity IF NOT EXISTS FOR (n:Entity) REQUIRE n.entity IS UNIQUE"
    ]


def test_writing_again_changes_nothing_but_what_changed(
    driver: Any, server: Server, make_fact: MakeFact
) -> None:
    write_facts_to(driver, [make_fact()])
    nodes, edges = dict(server.nodes), dict(server.edges)
    write_facts_to(driver, [make_fact()])
    assert (server.nodes, server.edges) == (nodes, edges)
    write_facts_to(driver, [replace(make_fact(), support=5), make_fact(tail="Bern")])
    assert sorted(properties["support"] for properties in server.edges.values()) == [2, 5]
    assert len(server.nodes) == 3


def test_a_triple_is_a_relationship_of_its_own(
    driver: Any, server: Server, make_triple: Callable[..., Triple]
) -> None:
    triples = [make_triple(instance_id=id, related=related) for id, related in (("a", 0.5), ("b", None))]
    for _ in range(2):
        assert write_triples_to(driver, triples) == 2
    assert [edge.key for edge in server.edges] == [("instance_id", "a"), ("instance_id", "b")]
    first, second = server.edges.values()
    assert (first["related"], first["sentence"], first["tail_start"]) == (
        0.5,
        "Albert Einstein was born in Ulm.",
        28,
    )
    assert "related" not in second


@pytest.mark.parametrize("facts_first", [True, False])
def test_facts_and_triples_live_side_by_side(
    driver: Any,
    server: Server,
    make_fact: MakeFact,
    make_triple: Callable[..., Triple],
    facts_first: bool,
) -> None:
    fact = make_fact(entity_ids=("Q937", "Q3012"))
    triples = [make_triple(relation="born in", instance_id=id, ids=("Q937", "Q3012")) for id in ("a1", "a2")]
    for is_fact in [facts_first, not facts_first] * 2:
        if is_fact:
            write_facts_to(driver, [fact])
        else:
            write_triples_to(driver, triples)
    assert len(server.nodes) == 2
    assert {edge.kind for edge in server.edges} == {"BORN_IN_0"}
    kinds = {edge.key: properties["kind"] for edge, properties in server.edges.items()}
    assert kinds == {
        ("kind", "fact"): "fact",
        ("instance_id", "a1"): "triple",
        ("instance_id", "a2"): "triple",
    }
    assert [properties.get("support") for properties in server.edges.values()].count(None) == 2


def test_a_relation_may_be_called_like_a_part_of_a_statement(
    driver: Any, server: Server, make_fact: MakeFact
) -> None:
    names = ("key to", "visited Turkey", "type of")
    write_facts_to(driver, [make_fact(relation=name, relation_id=3) for name in names])
    assert {edge.kind for edge in server.edges} == {"KEY_TO_3", "VISITED_TURKEY_3", "TYPE_OF_3"}


def test_rows_are_sent_in_batches(driver: Any, server: Server, make_fact: MakeFact) -> None:
    steps: list[tuple[str, int, int | None]] = []
    facts = [make_fact(f"P{number}") for number in range(7)]
    write_facts_to(driver, facts, batch=3, progress=lambda *step: steps.append(step))
    # 1 city, 7 persons, 7 facts
    assert server.sizes == [1, 3, 3, 1, 3, 3, 1]
    assert steps == [("write", 0, 7), ("write", 3, 7), ("write", 6, 7), ("write", 7, 7)]
    with pytest.raises(SettingError, match="the batch has 0 rows; expected at least 1"):
        write_facts_to(driver, facts, batch=0)


def test_the_order_of_facts_changes_nothing(driver: Any, server: Server, make_fact: MakeFact) -> None:
    facts = [
        make_fact(),
        make_fact(relation="lived in", relation_id=1, types=(None, "CITY")),
        make_fact(tail="Bern"),
    ]
    write_facts_to(driver, facts[:1] + facts[2:])
    nodes, edges = dict(server.nodes), dict(server.edges)
    server.nodes.clear()
    server.edges.clear()
    write_facts_to(driver, [facts[2], facts[0]])
    assert (server.nodes, server.edges) == (nodes, edges)


def test_nasty_text_stays_data(driver: Any, server: Server, make_fact: MakeFact) -> None:
    facts = [
        make_fact(text, relation=text, relation_id=number, types=(text, "x`y"))
        for number, text in enumerate(NASTY.values())
    ]
    write_facts_to(driver, facts)
    assert len(server.edges) == len(NASTY)
    names = {properties["name"] for properties in server.edges.values()}
    assert {NASTY["markup"], NASTY["line breaks"], NASTY["quotes"], NASTY["emoji"]} <= names
    assert "x_y" in server.labels["urn:relscout:entity:made-Ulm"]


def test_facts_go_to_the_database_that_is_named(driver: Any, server: Server, make_fact: MakeFact) -> None:
    write_facts_to(driver, [make_fact()], database="facts")
    assert set(server.databases) == {"facts"}
    with pytest.raises(OutputError, match="Graph not found: no; name another database, or create it"):
        write_facts_to(driver, [make_fact()], database="no")


def test_a_server_that_routes_is_understood(server: Server, make_fact: MakeFact) -> None:
    uri = server.uri.replace("bolt:", "neo4j:")
    with connected(uri, user=USER, password=PASSWORD) as driver:
        write_facts_to(driver, [make_fact()], database="neo4j")
    assert len(server.edges) == 1


@pytest.mark.parametrize(("user", "password"), [(USER, "battery staple"), ("ada", PASSWORD), (None, None)])
def test_wrong_credentials_are_refused_and_not_shown(
    server: Server, user: str | None, password: str | None
) -> None:
    with (
        pytest.raises(OutputError, match="it refuses the user or the password; set NEO4J_USERNAME") as error,
        connected(server.uri, user=user, password=password),
    ):
        pass
    assert "battery" not in str(error.value)
    assert server.nodes == {}


@pytest.mark.parametrize(
    "uri", ["bolt://127.0.0.1:9", "neo4j://127.0.0.1:9", "bolt://no-such-host.invalid:7687"]
)
def test_a_server_that_cannot_be_reached_is_an_error(uri: str) -> None:
    with pytest.raises(OutputError, match=f"cannot write to {uri}: no connection"), connected(uri):
        pass


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://localhost:7474", "expected neo4j://HOST:7687, or neo4j"),
        ("neo4j:", "is no address"),
        ("neo4j://[::1", "the address of the server cannot be read: Invalid IPv6 URL"),
        ("neo4j://neo4j:secret@[::1", "expected neo4j://HOST:7687"),
        ("neo4j://neo4j:secret@localhost", "the address of localhost has a user or a password in it"),
    ],
)
def test_an_address_has_a_scheme_and_no_password(uri: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as error:
        check_address(uri)
    assert "secret" not in str(error.value)


def test_what_the_server_refuses_is_an_error(driver: Any, server: Server, make_fact: MakeFact) -> None:
    server.fails, server.failure = "CREATE CONSTRAINT", "Neo.ClientError.Security.Forbidden"
    with pytest.raises(OutputError, match="the user may not do this"):
        write_facts_to(driver, [make_fact()])
    server.failure = "Neo.ClientError.Schema.ConstraintValidationFailed"
    with pytest.raises(OutputError, match=r"Schema\.ConstraintValidationFailed: as the test wants it"):
        write_facts_to(driver, [make_fact()])


def test_a_failure_in_the_middle_is_completed_by_writing_again(
    driver: Any, server: Server, make_fact: MakeFact
) -> None:
    facts = [make_fact(), make_fact(relation="lived in", relation_id=1)]
    server.fails, server.failure = "LIVED_IN_1", "Neo.ClientError.General.Unknown"
    with pytest.raises(OutputError, match="as the test wants it"):
        write_facts_to(driver, facts)
    assert [edge.kind for edge in server.edges] == ["BORN_IN_0"]
    server.fails = "\0"
    write_facts_to(driver, facts)
    assert [edge.kind for edge in server.edges] == ["BORN_IN_0", "LIVED_IN_1"]


def test_what_fails_for_a_moment_is_repeated(driver: Any, server: Server, make_fact: MakeFact) -> None:
    server.fails, server.failure, server.failures = (
        "BORN_IN",
        "Neo.TransientError.Transaction.DeadlockDetected",
        1,
    )
    write_facts_to(driver, [make_fact()])
    assert (len(server.edges), server.failures) == (1, 0)


def test_the_error_of_another_part_is_not_taken_as_one_of_the_driver(make_fact: MakeFact) -> None:
    class Broken:
        def session(self, **_: Any) -> Any:
            raise KeyError("of our own")

    with pytest.raises(KeyError, match="of our own"):
        write_facts_to(Broken(), [make_fact()])
