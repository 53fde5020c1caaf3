"""``relscout name`` and the options of names of ``discover``."""

from __future__ import annotations

import csv
import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from relscout.discovery import Discovery


@pytest.fixture
def names_file(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("id,name,description\nP26,spouse,the head is married to the tail\nP36,capital,\n")
    return path


@pytest.fixture
def statuses():
    return []


@pytest.fixture
def endpoint(monkeypatch, statuses):
    """A server that calls every relation "was asked", and the texts that it was sent.

    ``statuses`` are those of its next answers; then it succeeds.
    """
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append(body["messages"][1]["content"])
            answer = {"choices": [{"message": {"content": '{"name": "was asked"}'}}]}
            data = json.dumps(answer).encode()
            self.send_response(int(statuses.pop(0)) if statuses else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_): ...

    monkeypatch.setenv("NO_PROXY", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", received
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def run(relscout, good, fast, tmp_path):
    done = relscout("discover", good, *fast, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    return tmp_path / "run"


def test_a_run_is_matched_to_a_vocabulary(relscout, run, names_file, tmp_path):
    done = relscout("name", run, "--vocabulary", names_file, "--out", tmp_path / "named", "--no-cache")
    assert done.code == 0, done.err
    scores = [
        relation.matches[0].score
        for relation in Discovery.load(tmp_path / "named").relations
        if relation.matches
    ]
    assert f"{len(scores)} of " in done.err
    assert (
        f"have a candidate among 2 names, {sum(score >= 0.5 for score in scores)} with a score of at least 0.5"
        in done.err
    )
    before, after = Discovery.load(run), Discovery.load(tmp_path / "named")
    assert [relation.id for relation in after.relations] == [relation.id for relation in before.relations]
    assert all(relation.matches is not None for relation in after.relations)
    assert after.run["vocabulary"]["source"] == "names.csv"
    again = relscout("name", run, "--vocabulary", names_file, "--out", tmp_path / "named", "--no-cache")
    assert "holds the finished run of this command" in again.err
    assert relscout("report", tmp_path / "named", "--no-cache").code == 0
    page = (tmp_path / "named" / "report.html").read_text(encoding="utf-8")
    assert "2 entries of names.csv" in page
    assert "In the vocabulary:" in page or "New: no entry of the vocabulary fits." in page


def test_discover_matches_and_exports_a_table_of_relations(relscout, good, fast, names_file, tmp_path):
    out = tmp_path / "run"
    done = relscout("discover", good, *fast, "--vocabulary", names_file, "--out", out, "--json")
    assert done.code == 0, done.err
    printed = json.loads(done.out)["relations"]
    stored = [json.loads(line) for line in (out / "relations.jsonl").read_text().splitlines()]
    assert printed == stored
    assert all(isinstance(relation["matches"], list) for relation in stored)
    assert relscout("export", out, "--relations", "--out", tmp_path / "relations.csv").code == 0
    with (tmp_path / "relations.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(row["matches"]) for row in rows] == [relation["matches"] for relation in stored]
    assert [row["match_id"] for row in rows] == [
        relation["matches"][0]["id"] if relation["matches"] else "" for relation in stored
    ]


def test_an_endpoint_names_the_relations_by_the_sentences_of_the_report(relscout, run, endpoint, tmp_path):
    url, received = endpoint
    arguments = ("--names-from", url, "--names-model", "small", "--out", tmp_path / "named", "--no-cache")
    assert relscout("name", run, *arguments).code == 0
    before, after = Discovery.load(run), Discovery.load(tmp_path / "named")
    assert [relation.name for relation in after.relations] == [
        "was asked", *(f"was asked ({number})" for number in range(2, len(after.relations) + 1))
    ]  # fmt: skip
    assert len(received) == len(before.relations)
    for relation, text in zip(before.relations, received, strict=True):
        shown = before.examples(relation.id, 3)
        unmarked = text.replace("[H: ", "").replace("[T: ", "").replace("]", "")
        assert unmarked == "\n".join(f"{n}. {instance.text}" for n, instance in enumerate(shown, 1))
    assert after.run["names_from"] == {
        "url": url,
        "model": "small",
        "earlier_names": {str(relation.id): relation.name for relation in before.relations},
        "failures": {},
    }


def test_an_endpoint_that_names_nothing_is_an_error(relscout, refused, run, endpoint, statuses, tmp_path):
    url, received = endpoint
    arguments = ("--names-from", url, "--names-model", "small", "--out", tmp_path / "named", "--no-cache")
    statuses[:] = [401]
    assert "no relation was named: 127.0.0.1 refused access with status 401" in refused(
        "name", run, *arguments
    )
    assert len(received) == 1
    assert relscout("name", run, *arguments).code == 0


def test_what_an_endpoint_failed_to_name_is_asked_again(relscout, run, endpoint, statuses, tmp_path):
    url, received = endpoint
    out = tmp_path / "named"
    arguments = ("--names-from", url, "--names-model", "small", "--out", out, "--no-cache")
    statuses[:] = [422]
    first = relscout("name", run, *arguments)
    assert first.code == 0
    assert "kept the name from the sentences: 127.0.0.1 answered with status 422" in first.err
    number = len(Discovery.load(run).relations)
    assert list(Discovery.load(out).run["names_from"]["failures"].values()) == [1]
    second = relscout("name", run, *arguments)
    assert (second.code, len(received)) == (0, number + 1)
    assert "kept the name" not in second.err
    after = Discovery.load(out)
    assert all(relation.name.startswith("was asked") for relation in after.relations)
    assert after.run["names_from"]["earlier_names"] == {
        str(relation.id): relation.name for relation in Discovery.load(run).relations
    }
    assert after.run["warnings"] == Discovery.load(run).run["warnings"]
    assert "holds the finished run of this command" in relscout("name", run, *arguments).err
    assert len(received) == number + 1


def test_a_vocabulary_is_kept_whatever_an_endpoint_does(
    relscout, run, names_file, endpoint, statuses, tmp_path
):
    url, received = endpoint
    out = tmp_path / "named"
    arguments = ("--vocabulary", names_file, "--names-from", url, "--names-model", "small", "--out", out)
    statuses[:] = [401]
    done = relscout("name", run, *arguments)
    assert done.code == 0, done.err
    assert "relations kept the name from the sentences: 127.0.0.1 refused access" in done.err
    assert all(relation.matches is not None for relation in Discovery.load(out).relations)
    assert relscout("name", run, *arguments).code == 0
    assert len(received) == 1 + len(Discovery.load(out).relations)
    assert Discovery.load(out).run["names_from"]["failures"] == {}


class Interrupt:
    """The status of an answer before which the user presses Ctrl-C."""

    def __int__(self):
        signal.raise_signal(signal.SIGINT)
        return 503


@pytest.fixture
def heeds_interruptions():
    """Processes that run tests in parallel ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_of_discover_while_it_names_is_an_error_and_loses_nothing(
    relscout, good, fast, endpoint, statuses, heeds_interruptions, tmp_path
):
    url, _ = endpoint
    out = tmp_path / "run"
    arguments = (good, *fast, "--names-from", url, "--names-model", "small", "--out", out)
    statuses[:] = [200, Interrupt()]
    done = relscout("discover", *arguments)
    assert done.code == 1
    assert f"{out} has the names so far; run the same command again for the others" in done.err
    assert list(Discovery.load(out).run["names_from"]["failures"]) == ["interrupted"]
    # how long it waits for an answer does not make it another command
    done = relscout("discover", *arguments, "--names-timeout", 5)
    assert done.code == 0
    assert Discovery.load(out).run["names_from"]["failures"] == {}


def test_a_timeout_needs_an_endpoint(relscout, run):
    done = relscout("name", run, "--out", run.parent / "named", "--vocabulary", run, "--names-timeout", 5)
    assert done.code == 2
    assert "--names-timeout needs --names-from, the URL of the endpoint to wait for" in done.err


def test_an_interrupted_naming_is_resumed(relscout, run, endpoint, statuses, heeds_interruptions, tmp_path):
    url, received = endpoint
    out = tmp_path / "named"
    arguments = ("--names-from", url, "--names-model", "small", "--out", out, "--no-cache")
    statuses[:] = [200, Interrupt()]
    done = relscout("name", run, *arguments)
    assert done.code == 1
    assert "finished steps are kept" not in done.err
    assert f"{out} has the names so far; run the same command again for the others" in done.err
    before, half = Discovery.load(run), Discovery.load(out)
    assert len(before.relations) > 1
    assert list(half.run["names_from"]["earlier_names"]) == [str(before.relations[0].id)]
    assert half.run["names_from"]["failures"] == {"interrupted": len(before.relations) - 1}
    assert relscout("name", run, *arguments).code == 0
    assert len(received) == len(before.relations) + 1
    assert all(relation.name.startswith("was asked") for relation in Discovery.load(out).relations)


def test_a_run_survives_an_endpoint_that_is_not_there(relscout, good, fast, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    out = tmp_path / "run"
    done = relscout(
        "discover", good, *fast, "--names-from", "http://127.0.0.1:9/v1", "--names-model", "m", "--out", out
    )
    assert done.code == 0
    assert "kept the name from the sentences: 127.0.0.1 cannot be reached" in done.err
    assert Discovery.load(out).run["names_from"]["earlier_names"] == {}


def test_nothing_is_sent_unless_asked_for(relscout, good, fast, endpoint):
    assert relscout("discover", good, *fast).code == 0
    assert endpoint[1] == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "nothing to do; add --vocabulary FILE"),
        (("--names-from", "http://host/v1"), "--names-from needs --names-model"),
        (("--names-model", "m"), "--names-model needs --names-from"),
        (("--names-from", "host", "--names-model", "m"), "expected a URL such as"),
        (("--vocabulary", "none.csv"), "none.csv: No such file or directory"),
    ],
)
def test_options_that_name_nothing_are_refused(refused, tmp_path, options, complaint):
    assert complaint in refused("name", tmp_path, "--out", tmp_path / "out", *options)
