"""Names from an endpoint, against a server of the test's own on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from relscout.core.errors import SettingError
from relscout.naming.endpoint import INTERRUPTED, KEY_VARIABLE, NamingEndpoint, names_from


class StandIn:
    """A server that answers chat completions; ``answers`` are given in turn, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Callable[[dict[str, Any]], tuple[int, Any]]] = []
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, dict(self.headers), body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, content = answer(body)
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if status in (301, 302):
                    self.send_header("Location", outer.url + "/elsewhere")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    stand_in = StandIn()
    thread = threading.Thread(target=stand_in.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()
    thread.join()


def says(content: object, **more: object) -> Callable[[dict[str, Any]], tuple[int, Any]]:
    choice = {"message": {"role": "assistant", "content": content, **more}, "finish_reason": "stop"}
    return lambda _: (200, {"choices": [choice]})


def fails(status: int, body: object = None) -> Callable[[dict[str, Any]], tuple[int, Any]]:
    return lambda _: (status, body if body is not None else {"error": {"message": "no\nluck"}})


def slow(_: dict[str, Any]) -> tuple[int, Any]:
    time.sleep(0.4)
    return 200, {}


def endpoint(server: StandIn, **settings: Any) -> NamingEndpoint:
    return NamingEndpoint(server.url, "small", **{"wait": 0.0, "timeout": 20.0, "attempts": 2, **settings})


def answered(used: NamingEndpoint, sentences: dict[int, list[str]]) -> tuple[dict[int, str], list[str]]:
    """Ask, and return the names and the notes."""
    result = names_from(used, sentences)
    return dict(result.names), result.notes


SENTENCES = {3: ["[H: Ulm] bore [T: Ann].", "In [H: Rom], [T: Bo] was born."], 7: ["[H: A] runs [T: B]."]}


def test_each_relation_is_named_by_its_sentences(server: StandIn) -> None:
    server.answers = [
        says('{"name": "Is  the birthplace of."}'),
        says('Sure:\n```json\n{"name": "runs"}\n```'),
    ]
    names, notes = answered(endpoint(server), SENTENCES)
    assert (names, notes) == ({3: "Is the birthplace of", 7: "runs"}, [])
    (path, headers, body), (_, _, second) = server.requests
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert (body["model"], body["temperature"]) == ("small", 0)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["content"] == "1. [H: Ulm] bore [T: Ann].\n2. In [H: Rom], [T: Bo] was born."
    assert second["messages"][1]["content"] == "1. [H: A] runs [T: B]."


def test_the_key_of_the_environment_is_sent_and_not_shown(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "s3cret")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    server.answers = [says('{"name": "runs"}')]
    used = endpoint(server)
    names_from(used, SENTENCES)
    assert [headers["Authorization"] for _, headers, _ in server.requests] == ["Bearer s3cret"] * 2
    assert "s3cret" not in repr(used)


def test_a_busy_server_is_asked_again(server: StandIn) -> None:
    server.answers = [fails(429), says('{"name": "bore"}'), fails(503), says('{"name": "runs"}')]
    assert answered(endpoint(server), SENTENCES) == ({3: "bore", 7: "runs"}, [])
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(None, refusal="I cannot"), "the model refused to answer"),
        (says(""), "the answer is empty"),
        (says('<think>{"name": "x"}'), 'the answer is not the JSON object {"name": "…"}'),
        (
            says(json.dumps({"name": "a\x1b[31m b"})),
            "the name in the answer contains characters that cannot be printed",
        ),
        (says("born in"), 'the answer is not the JSON object {"name": "…"}'),
        (says('{"name": ["a"]}'), "the name in the answer is not a text"),
        (says('{"name": " "}'), "the model saw no common relation in the sentences"),
        (
            says(json.dumps({"name": "a " * 13})),
            "the name in the answer is longer than 12 words or 80 characters",
        ),
        (lambda _: (200, {"choices": []}), "the answer is not that of a chat completion"),
        (lambda _: (200, b"<html>"), "the answer is not that of a chat completion"),
        (lambda _: (200, [1]), "the answer is not that of a chat completion"),
    ],
)
def test_an_answer_without_a_name_is_a_note_and_others_go_on(server: StandIn, answer, reason: str) -> None:
    server.answers = [answer, says('{"name": "runs"}')]
    names, notes = answered(endpoint(server), SENTENCES)
    assert names == {7: "runs"}
    assert notes == [f"relation 3 kept the name from the sentences: {reason}"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (fails(401), f"refused access with status 401 (no luck); set {KEY_VARIABLE}"),
        (fails(404, []), "answered with status 404; are the URL and the model 'small' right?"),
        (fails(500), "answered with status 500 (no luck), in 2 attempts"),
        (slow, "did not answer within 0.1 s, in 2 attempts"),
    ],
)
def test_an_endpoint_that_fails_is_left_alone(server: StandIn, answer, reason: str) -> None:
    server.answers = [answer]
    timeout = 0.1 if answer is slow else 20.0
    names, notes = answered(endpoint(server, timeout=timeout), SENTENCES)
    assert names == {}
    assert notes == [f"all 2 relations kept the name from the sentences: 127.0.0.1 {reason}"]
    assert len(server.requests) <= 2


def test_a_redirection_is_not_followed_and_shown(server: StandIn) -> None:
    server.answers = [fails(302, {})]
    _, (note,) = answered(endpoint(server), SENTENCES)
    assert f"127.0.0.1 redirects to {server.url}/elsewhere with status 302" in note
    assert len(server.requests) == 1


def test_a_key_that_is_refused_is_not_asked_for(server: StandIn) -> None:
    server.answers = [fails(401)]
    _, (note,) = answered(endpoint(server, key="s3cret"), SENTENCES)
    assert note.endswith(f"(no luck); is the key in {KEY_VARIABLE} right?")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_fails_its_relation_only(server: StandIn, status: int) -> None:
    server.answers = [fails(status), fails(status), says('{"name": "runs"}')]
    names, notes = answered(endpoint(server), {number: ["[H: A] runs [T: B]."] for number in range(4)})
    assert names == {2: "runs", 3: "runs"}
    assert notes[0].startswith(
        "relations 0, 1 kept the name from the sentences: 127.0.0.1 answered with status"
    )
    assert notes[1:] == ["2 relations (2, 3) got one name, 'runs'"]


def test_three_refused_requests_in_a_row_are_the_last(server: StandIn) -> None:
    server.answers = [says('{"name": "runs"}'), fails(422)]
    result = names_from(endpoint(server), {number: ["[H: A] runs [T: B]."] for number in range(7)})
    assert len(server.requests) == 4
    assert [list(ids) for ids in result.failures.values()] == [[1, 2, 3, 4, 5, 6]]
    assert result.notes[0].startswith("relations 1, 2, 3, 4, 5, … kept")


def test_an_interruption_keeps_the_names_so_far(server: StandIn) -> None:
    server.answers = [says('{"name": "bore"}')]

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if done == 1:
            raise KeyboardInterrupt

    result = names_from(endpoint(server), SENTENCES, progress=interrupt)
    assert result.names == {3: "bore"}
    assert result.failures == {INTERRUPTED: [7]}


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ('<think>maybe {"name": "x"}</think>\n```json\n{"name": "runs"}\n```', "runs"),
        ('maybe {"name": "x"}</think> {"name": "runs"}', "runs"),
        ('a {draft}: {"name": "x"}, better {"name": "runs", "of": {"name": "y"}} {}', "runs"),
        ('{"name": "HEAD crosses TAIL"}', "crosses"),
        ('{"name": "HEADS the TAILS"}', "HEADS the TAILS"),
        ('{"name": "is head of"}', "is head of"),
    ],
)
def test_the_name_is_that_of_the_last_object(server: StandIn, answer: str, name: str) -> None:
    server.answers = [says(answer)]
    assert answered(endpoint(server), {3: ["[H: A] runs [T: B]."]}) == ({3: name}, [])


def test_a_server_that_is_not_there_is_a_note(server: StandIn) -> None:
    server.answers = [fails(500)]
    nowhere = NamingEndpoint("http://127.0.0.1:9", "small", wait=0.0, attempts=1)
    names, notes = answered(nowhere, SENTENCES)
    assert names == {}
    assert notes[0].startswith(
        "all 2 relations kept the name from the sentences: 127.0.0.1 cannot be reached ("
    )


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"url": "localhost:8000"}, "expected a URL such as http://localhost:8000/v1"),
        (
            {"url": "http://me:pw@host/v1"},
            f"contains a password, .* set the environment variable {KEY_VARIABLE}",
        ),
        ({"url": "http://[::1"}, "which is no URL"),
        ({"model": " "}, "the endpoint has no model"),
        ({"attempts": 0}, "attempts 0"),
        ({"timeout": 0.0}, "timeout is 0.0"),
    ],
)
def test_an_endpoint_is_checked_at_once(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint) as caught:
        NamingEndpoint(**{"url": "http://host/v1", "model": "small", **values})
    assert "me:pw" not in str(caught.value)
