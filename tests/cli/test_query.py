"""``relscout query``: tables for people, files for programs."""

from __future__ import annotations

import csv
import json

import pytest

RELATIONS = (
    "SELECT ?relation (COUNT(*) AS ?facts) { ?f rdf:predicate/rdfs:label ?relation } GROUP BY ?relation "
    "ORDER BY ?relation"
)


@pytest.fixture
def counts(finished) -> dict[str, int]:
    """Number of facts of each relation, as the run has them."""
    records = [json.loads(line) for line in (finished / "facts.jsonl").read_text("utf-8").splitlines()]
    names = [record["relation"] for record in records]
    return {name: names.count(name) for name in sorted(set(names))}


def test_a_query_prints_a_table(relscout, finished, counts):
    done = relscout("query", finished, RELATIONS)
    assert (done.code, done.err) == (0, f"{len(counts)} rows\n")
    header, *rows = (line.rstrip() for line in done.out.splitlines())
    assert header.split() == ["relation", "facts"]
    assert [tuple(row.rsplit(maxsplit=1)) for row in rows] == [(name, str(n)) for name, n in counts.items()]


def test_a_query_in_a_file_is_answered_in_a_file(relscout, finished, counts, tmp_path):
    (tmp_path / "q.rq").write_text(RELATIONS, encoding="utf-8-sig")
    done = relscout("query", finished, "--file", "q.rq", "--out", "counts.csv")
    assert (done.code, done.out, done.err) == (0, "", "written to counts.csv\n")
    with (tmp_path / "counts.csv").open(newline="") as file:
        assert {row["relation"]: int(row["facts"]) for row in csv.DictReader(file)} == counts


def test_other_forms_print_what_they_are(relscout, finished):
    assert relscout("query", finished, "ASK { ?r a rdf:Property }").out == "yes\n"
    graph = relscout("query", finished, "DESCRIBE ?r { ?r a rdf:Property }").out
    assert graph.startswith("@prefix ")
    assert "rdf:Property" in graph
    statements = relscout("query", finished, "DESCRIBE ?r { ?r a rdf:Property }", "--to", "table").out
    assert statements.split()[:3] == ["subject", "predicate", "object"]


def test_sentences_are_in_their_own_graph(relscout, finished):
    query = "SELECT (COUNT(?s) AS ?n) { GRAPH graph:triples { ?t relscout:sentence ?s } }"
    done = relscout("query", finished, query, "--to", "json")
    assert json.loads(done.out)["results"]["bindings"][0]["n"]["value"] == "30"


def test_an_error_names_the_file_of_the_query(refused, finished, tmp_path):
    (tmp_path / "q.rq").write_text("SELECT * {\n  ?s no:prefix ?o }")
    assert "error: q.rq, line 2, column 15: unknown prefix 'no:'" in refused(
        "query", finished, "--file", "q.rq"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected a query, or --file FILE with one"),
        (("ASK {}", "--file", "q.rq"), "expected a query, or --file FILE with one"),
        (("--file", "missing.rq"), "missing.rq: No such file or directory"),
        (("DELETE WHERE { ?s ?p ?o }",), "query, line 1, column 1: DELETE changes data"),
        (("ASK {}", "--to", "ttl"), "a result of ASK cannot be ttl"),
        (("ASK {}", "--to", "table", "--out", "a.csv"), "--out and the format table cannot be combined"),
        (("ASK {}", "--out", "a.doc"), "a.doc: unknown file extension"),
        (("ASK {}", "--out", "no/a.csv"), "there is no directory no"),
        (("ASK {}", "--time-limit", "0"), "the time limit is 0.0; expected seconds"),
    ],
)
def test_what_cannot_be_answered_is_an_error(refused, finished, arguments, message):
    assert message in refused("query", finished, *arguments)


def test_a_file_that_is_no_text_is_an_error(refused, finished, tmp_path):
    (tmp_path / "q.rq").write_bytes(b"\xff\xfe\x00")
    assert "q.rq is not a text in UTF-8" in refused("query", finished, "--file", "q.rq")


def test_a_folder_that_is_no_run_is_an_error(refused, tmp_path):
    assert "is not a run of relscout" in refused("query", tmp_path, "ASK {}")
