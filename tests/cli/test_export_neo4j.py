"""``relscout export --to neo4j://…``: credentials, and what does not fit."""

from __future__ import annotations

import json

import pytest

from tests.writers.bolt_server import PASSWORD, USER, serving


@pytest.fixture
def server(monkeypatch):
    for name in ("USERNAME", "PASSWORD", "DATABASE"):
        monkeypatch.delenv(f"NEO4J_{name}", raising=False)
    with serving() as server:
        yield server


def test_facts_are_written_with_the_password_of_the_environment(relscout, finished, server, monkeypatch):
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    monkeypatch.setenv("NEO4J_DATABASE", "facts")
    done = relscout("export", finished, "--to", server.uri)
    facts = [json.loads(line) for line in (finished / "facts.jsonl").read_text("utf-8").splitlines()]
    assert (done.code, done.out) == (0, "")
    assert done.err == f"{len(facts)} facts written to {server.uri}\n"
    assert len(server.edges) == len(facts)
    assert set(server.databases) == {"facts"}


def test_triples_are_written_with_the_password_of_a_file(relscout, finished, server, tmp_path):
    (tmp_path / "password.txt").write_text(PASSWORD + "\n")
    options = ("--user", USER, "--password-file", "password.txt", "--database", "neo4j")
    done = relscout("export", finished, "--to", server.uri, "--triples", *options)
    assert (done.code, done.err) == (0, f"30 triples written to {server.uri}\n")
    assert len(server.edges) == 30


def test_a_wrong_password_is_an_error_that_does_not_show_it(refused, finished, server, monkeypatch):
    monkeypatch.setenv("NEO4J_PASSWORD", "battery staple")
    message = refused("export", finished, "--to", server.uri)
    assert "it refuses the user or the password" in message
    assert "battery" not in message


def test_a_user_needs_a_password(refused, finished, server):
    message = refused("export", finished, "--to", server.uri, "--user", "ada")
    assert "the password is missing; set NEO4J_PASSWORD, or give --password-file FILE" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "neo4j://ada:secret@localhost"), "has a user or a password in it"),
        (("--to", "http://localhost"), "'http://localhost' is no address; expected neo4j://HOST:7687"),
        (("--to", "bolt://127.0.0.1:9"), "cannot write to bolt://127.0.0.1:9: no connection"),
        (("--to", "bolt://localhost", "--out", "facts"), "--out has no effect here"),
        (("--to", "bolt://localhost", "--relations"), "--relations has no effect here"),
        (("--to", "bolt://localhost", "--password-file", "no.txt"), "the password cannot be read"),
        (("--to", "hf://ada/relations", "--user", "ada"), "--user has no effect here"),
        (("--out", "facts.nt", "--database", "facts"), "--database has no effect here"),
    ],
)
def test_options_that_do_not_fit_are_errors(refused, finished, server, arguments, message):
    error = refused("export", finished, *arguments)
    assert message in error
    assert "secret" not in error
