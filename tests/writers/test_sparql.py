"""SPARQL on facts and triples: the graphs, the results, and what is refused."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rdflib import Graph
from rdflib.compare import isomorphic

from relscout.core.errors import InputError, RecordError, SettingError
from relscout.core.instances import Fact, Triple
from relscout.io.writers import write, write_facts
from relscout.io.writers.sparql import KNOWN_PREFIXES, QueryResult, checked, run_query
from tests.writers.conftest import NASTY

Ask = Callable[..., QueryResult]


@pytest.fixture
def facts(make_fact: Callable[..., Fact]) -> list[Fact]:
    return [
        make_fact(entity_ids=("Q937", None)),
        make_fact("Marie Curie", "Warsaw", evidence=("c1",)),
        make_fact(
            "Warsaw", "Poland", relation="capital of", relation_id=1, types=("CITY", None), evidence=("p1",)
        ),
    ]


@pytest.fixture
def triples(make_triple: Callable[..., Triple]) -> list[Triple]:
    return [
        make_triple(instance_id="a1"),
        make_triple("Marie Curie", "Warsaw", instance_id="c1", confidence=0.5, polarity="negated"),
    ]


@pytest.fixture
def ask(facts: list[Fact], triples: list[Triple]) -> Ask:
    def answer(query: str, **settings: float) -> QueryResult:
        return run_query(query, facts=lambda: facts, triples=lambda: triples, **settings)

    return answer


def test_the_default_graph_is_what_the_writer_of_facts_writes(
    ask: Ask, facts: list[Fact], tmp_path: Path
) -> None:
    write_facts(facts, tmp_path / "facts.nt")
    everything = ask("CONSTRUCT WHERE { ?s ?p ?o }").serialised("nt")
    assert isomorphic(Graph().parse(data=everything, format="nt"), Graph().parse(tmp_path / "facts.nt"))


def test_the_graph_of_triples_is_what_the_writer_of_triples_writes(
    ask: Ask, triples: list[Triple], tmp_path: Path
) -> None:
    write(triples, tmp_path / "triples.nt")
    everything = ask("CONSTRUCT { ?s ?p ?o } FROM graph:triples WHERE { ?s ?p ?o }").serialised("ttl")
    assert isomorphic(Graph().parse(data=everything, format="turtle"), Graph().parse(tmp_path / "triples.nt"))


def test_facts_are_joined_with_the_sentences_that_are_their_evidence(ask: Ask) -> None:
    result = ask("""
        SELECT ?head ?sentence ?polarity {
            ?fact rdf:subject/rdfs:label ?head ; relscout:evidence ?id .
            GRAPH graph:triples {
                [] relscout:instanceId ?id ; relscout:sentence ?sentence ; relscout:polarity ?polarity
            }
        } ORDER BY ?head
    """)
    assert list(result) == [
        ("Albert Einstein", "Albert Einstein was born in Ulm.", "asserted"),
        ("Marie Curie", "Marie Curie was born in Warsaw.", "negated"),
    ]


def test_triples_are_not_computed_for_a_query_on_facts(facts: list[Fact]) -> None:
    def fail() -> list[Triple]:
        raise AssertionError("nobody asked for triples")

    query = 'ASK { ?s ?p "GRAPH" } # GRAPH'
    assert run_query(query, facts=lambda: facts, triples=fail).answer is False


def test_rows_have_values_of_their_types(ask: Ask) -> None:
    result = ask("""
        SELECT ?e ?support ?confidence ?sure ?nothing {
            ?f rdf:subject ?e ; relscout:support ?support ; relscout:confidence ?confidence .
            FILTER(?e = wd:Q937) BIND(?confidence > 0.5 AS ?sure)
        }
    """)
    assert result.columns == ("e", "support", "confidence", "sure", "nothing")
    assert list(result) == [("http://www.wikidata.org/entity/Q937", 2, 0.75, True, None)]
    assert next(result.rows_for_people())[0] == "wd:Q937"


def test_results_have_the_formats_of_sparql(ask: Ask) -> None:
    result = ask('SELECT ?f ?l { ?f rdfs:label ?l FILTER(?l = "Ulm") }')
    uri = "urn:relscout:entity:made-Ulm"
    assert result.serialised("csv").decode().split() == ["f,l", f"{uri},Ulm"]
    assert result.serialised("tsv").decode().split() == ["?f", "?l", f"<{uri}>", '"Ulm"']
    bindings = json.loads(result.serialised("json"))["results"]["bindings"]
    assert bindings == [{"f": {"type": "uri", "value": uri}, "l": {"type": "literal", "value": "Ulm"}}]


def test_a_graph_in_turtle_has_the_prefixes_that_it_uses(ask: Ask) -> None:
    turtle = ask("DESCRIBE relation:1-capital-of").serialised("ttl").decode()
    assert 'rdfs:label "capital of"' in turtle
    assert "@prefix relation:" in turtle
    assert "@prefix wdt:" not in turtle
    rows = list(ask('CONSTRUCT { ?s rdfs:label ?l } { ?s rdfs:label ?l FILTER(?l = "Ulm") }'))
    assert rows == [("urn:relscout:entity:made-Ulm", "http://www.w3.org/2000/01/rdf-schema#label", "Ulm")]


def test_questions_of_yes_or_no_have_an_answer(ask: Ask) -> None:
    result = ask('PREFIX r: <urn:relscout:vocabulary:> ASK { ?e rdfs:label "Ulm" ; r:mentions 3 }')
    assert (result.answer, list(result), result.serialised("csv")) == (True, [(True,)], b"true\n")


def test_nasty_text_survives(make_fact: Callable[..., Fact]) -> None:
    facts = [make_fact(relation=text, relation_id=number) for number, text in enumerate(NASTY.values())]
    query = "SELECT ?l { ?r a rdf:Property ; rdfs:label ?l ; relscout:relationId ?n } ORDER BY ?n"
    labels = run_query(query, facts=lambda: facts, triples=list)
    expected = [re.sub("[\0\ud800-\udfff]", "\ufffd", text) for text in NASTY.values()]
    assert [label for (label,) in labels] == expected


@pytest.mark.parametrize(
    ("query", "place", "reason"),
    [
        ("SELECT * {\n ?s foo:bar ?o }", "line 2, column", "unknown prefix 'foo:'"),
        ("SELECT * { ?s ?p ?o", "line 1, column 10", "'{' is never closed"),
        ("SELECT * {\n ?s ?p ?o }}", "line 2, column 12", "'}' closes nothing"),
        ("SELECT * { ?s ?p 'a }", "line 1, column 18", "the text that begins here is never closed"),
        ("# nothing\n", "line 1, column 1", "the query is empty"),
        ("SELCT * { ?s ?p ?o }", "line 1, column 1", "unknown form 'SELCT'"),
        ("SELECT ?x (COUNT(?y) AS ?n) { ?x a ?y }", "line 1, column", "unbound"),
        ("SELECT * {\n  FILTER(1 >< 2)\n}", "line", "column"),
    ],
)
def test_a_malformed_query_is_an_error_with_its_place(ask: Ask, query: str, place: str, reason: str) -> None:
    with pytest.raises(RecordError) as error:
        ask(query)
    assert place in error.value.place
    assert reason in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("update", ["INSERT DATA { <a:b> <a:c> 1 }", "drop ALL", "PREFIX a: <b:> LOAD <a:b>"])
def test_updates_are_refused(update: str) -> None:
    with pytest.raises(RecordError, match="changes data, and a run can only be read"):
        checked(update)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }",
        "SELECT * { ?s ?p ?o . service silent ?x { ?s ?p ?o } }",
        "SELECT * { ?s ?p '#' . SERVICE <http://127.0.0.1:9/> {} }",
        "SELECT * { ?s a:b\\'c ?o . SERVICE <http://127.0.0.1:9/> {} FILTER(?o = '') }",
        "SELECT * { ?s ?p ?o FILTER(?s<?p) SERVICE<http://127.0.0.1:9/> {} FILTER(?s>?o) }",
        'SELECT * { ?s ?p """a"b""" . # "\n SERVICE <http://127.0.0.1:9/> {} }',
        "SELECT * { ?s ?p <http://a#b> . SERVICE <http://127.0.0.1:9/> {} }",
        "PREFIX : <http://127.0.0.1:9/> SELECT * { SERVICE:foo { ?s ?p ?o } }",
        "PREFIX : <http://127.0.0.1:9/> SELECT * { service:{ ?s ?p ?o } }",
        "PREFIX : <http://127.0.0.1:9/> SELECT * { FILTER EXISTS{SERVICE:foo{ ?s ?p ?o }} }",
        "PREFIX a: <http://127.0.0.1:9/> SELECT * { SERVICEa:foo { ?s ?p ?o } }",
        "PREFIX a: <http://127.0.0.1:9/> SELECT * { SERVICESILENTa:foo { ?s ?p ?o } }",
        "SELECT * { ?s ?p trueSERVICE <http://127.0.0.1:9/> { ?a ?b ?c } }",
        "SELECT * { ?s ?p <http://a\\u0041#b> . SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } \n }",
        "SELECT * { ?s ?p ?o FILTER(?s<?o#> '''\n) SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } #''' )\n }",
        "SELECT * { ?s ?p ?o FILTER(?o<'''>''') SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } FILTER(?o!='''x''')}",
    ],
)
def test_other_servers_are_never_asked(query: str) -> None:
    with pytest.raises(RecordError, match="SERVICE asks another server"):
        checked(query)


def test_the_process_that_answers_cannot_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        query = f"SELECT * {{ SERVICE <http://127.0.0.1:{server.getsockname()[1]}/> {{ ?s ?p ?o }} }}"
        done = subprocess.run(
            [sys.executable, "-c", "from relscout.io.writers.sparql import answer_in_process as a; a()"],
            input=json.dumps({"query": query, "graphs": {}}).encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.stdout.startswith(b"\nfailure\n")


def test_iris_may_have_escapes(ask: Ask) -> None:
    assert ask("ASK { wd:Q937 <http://www.w3.org/2000/01/rdf-schema\\u0023label> 'Albert Einstein' }").answer
    assert ask("ASK { ?s ?p <http://a\\u0041#b> }").answer is False


def test_an_escaped_keyword_is_no_way_around(ask: Ask) -> None:
    with pytest.raises(RecordError):
        ask("SELECT * { \\u0053ERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }")


def test_the_word_service_in_texts_and_names_is_allowed(ask: Ask) -> None:
    query = "PREFIX x: <urn:service#> SELECT ?service { ?service x:service 'SERVICE' # SERVICE\n }"
    assert list(ask(query)) == []


def test_a_query_ends_at_the_time_limit(ask: Ask) -> None:
    started = time.monotonic()
    query = f"SELECT (COUNT(*) AS ?n) {{ {' '.join(f'?a{n} ?b{n} ?c{n} .' for n in range(8))} }}"
    with pytest.raises(InputError, match=r"not answered within 0\.2 seconds; connect its patterns"):
        ask(query, time_limit=0.2)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_time_limit_is_a_number_of_seconds(ask: Ask, limit: float) -> None:
    with pytest.raises(SettingError, match="the time limit is"):
        ask("ASK {}", time_limit=limit)


def test_a_form_has_its_formats(ask: Ask) -> None:
    with pytest.raises(SettingError, match="a result of ASK cannot be ttl; expected csv or tsv or json"):
        ask("ASK {}").serialised("ttl")


def test_every_known_prefix_needs_no_declaration(ask: Ask) -> None:
    assert ask(f"ASK {{ {' '.join(f'?s ?p {prefix}:x .' for prefix in KNOWN_PREFIXES)} }}").answer is False
