"""``relscout serve``: the answers of ``extract``, requests that are answered together, and what is refused."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from relscout.cli.options import PlainText
from relscout.cli.reading import Reading
from relscout.core.errors import SettingError
from relscout.discovery.extraction import RunExtractor
from relscout.discovery.storage import checksums
from relscout.serve import Limits
from relscout.serve.api import Service
from relscout.serve.batching import Batcher
from relscout.serve.extraction import Answer, BatchExtractor, RefusedError
from relscout.serve.schemas import ExtractRequest
from relscout.serve.server import listening, server_of, url_of
from tests.cli.conftest import call, lines, record, sentences
from tests.serve.conftest import TEXTS, ask, client

JSON = {"content-type": "application/json"}
PAIR = {name: value for name, value in record().items() if name != "relation"}


def extracted(*arguments: object) -> list[dict[str, Any]]:
    """Return the lines of ``relscout extract``."""
    done = call("extract", *arguments, "--no-cache")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def same(served: list[dict[str, Any]], written: list[dict[str, Any]]) -> bool:
    """Return whether triples are equal; numbers up to rounding, which depends on what is encoded together."""
    numbers = ("confidence", "related")
    for here, there in zip(served, written, strict=True):
        assert [here.pop(name) for name in numbers] == pytest.approx(
            [there.pop(name) for name in numbers], abs=1e-4
        )
    return served == written


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, for as long as that may take on a busy machine."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def error(response: httpx.Response) -> str:
    """Return the code of an error, after a look at its form."""
    content = response.json()
    assert response.headers["content-type"] == "application/json"
    assert list(content) == ["error"]
    assert list(content["error"]) == ["code", "message"]
    return content["error"]["code"]


# -- answers


def test_marked_pairs_get_the_triples_of_extract(service, run, tmp_path):
    pairs = list(sentences())
    (tmp_path / "pairs.jsonl").write_text(lines(*pairs))
    given = [{**pair, "source": f"pairs.jsonl, line {number}"} for number, pair in enumerate(pairs, 1)]
    content = ask(service, json={"pairs": given}).json()
    assert len(content["triples"]) == 30
    assert same(content["triples"], extracted(run, tmp_path / "pairs.jsonl"))


def test_text_gets_the_triples_of_extract(extractor, run, names, tmp_path):
    text = "Ada was born in Rome .\n\nBob and Zoe work\nfor Ford in Paris . Carl was born in Oslo .\n"
    (tmp_path / "text.txt").write_text(text)
    reading = Reading(text=PlainText(gazetteer=names))
    annotators = {english: reading.annotator(english=english) for english in (True, False)}
    service = Service(BatchExtractor(extractor, annotators.__getitem__, reading.pairing))
    content = ask(service, json={"text": text, "document": "text.txt"}).json()
    service.close()
    assert content["run"] == extractor.version
    written = extracted(run, tmp_path / "text.txt", "--gazetteer", names)
    assert written
    assert same(content["triples"], written)
    assert {triple["source"] for triple in content["triples"]} <= {
        "text.txt, line 1",
        "text.txt, line 3",
        "text.txt, line 4",
    }


def test_requests_can_ask_for_confident_triples_only(service):
    pairs = list(sentences())
    everything = ask(service, json={"pairs": pairs}).json()["triples"]
    least = sorted(triple["confidence"] for triple in everything)[15]
    some = ask(service, json={"pairs": pairs, "min_confidence": least}).json()["triples"]
    assert some == [triple for triple in everything if triple["confidence"] >= least]
    assert 0 < len(some) < 30
    name = everything[0]["relation"]
    named = ask(service, json={"pairs": pairs, "min_confidence": {name: 1.0, "*": 0.0}}).json()["triples"]
    assert 0 < len(named) < 30
    assert "unknown relation 'x'" in ask(service, json={"pairs": pairs, "min_confidence": {"x": 0.5}}).text


def test_negated_triples_can_be_left_out(serving):
    denied = record("Ada was not born in Rome .", (0, 3), (20, 24))
    service = serving()
    (triple,) = ask(service, json={"pairs": [denied]}).json()["triples"]
    assert triple["polarity"] == "negated"
    assert ask(service, json={"pairs": [denied], "drop_negated": True}).json()["triples"] == []


def test_text_that_the_encoder_cannot_read_is_refused_and_no_path_is_named(
    serving, tiny_bert, extractor, gate
):
    text = "Ada ☃☃ ☃ ☃ ☂ ☂ ☂ ☃ ☃ ☃ Rome"
    pair = record(text, (0, 3), (23, 27))
    refused = ask(serving(), json={"pairs": [pair]})
    assert (refused.status_code, error(refused)) == (422, "invalid")
    service = Service(BatchExtractor(extractor, lambda _: gate, allow_unknown_tokens=True))
    answer = ask(service, json={"pairs": [pair]})
    service.close()
    assert "are unknown to the encoder" in answer.json()["warnings"][0]
    for response in (refused, answer):
        assert str(tiny_bert.parent) not in response.text


def test_a_text_in_another_language_is_noted(service):
    content = ask(
        service, json={"text": "Ada nació en Roma y vive con su familia cerca de la ciudad ."}
    ).json()
    assert any("does not look like English" in warning for warning in content["warnings"])


# -- batches


def test_requests_that_wait_are_encoded_together(serving, gate, extractor):
    service = serving()
    alone = [ask(service, json={"text": text}).json() for text in TEXTS]
    assert [len(content["triples"]) for content in alone].count(0) < len(TEXTS)
    passes: list[int] = []
    hook = extractor.run.model.encoder.model.register_forward_hook(lambda *_: passes.append(1))

    async def together() -> list[httpx.Response]:
        async with client(service) as http:
            gate.opened.clear()
            first = asyncio.create_task(http.post("/extract", json={"text": TEXTS[0]}))
            assert await asyncio.to_thread(gate.entered.wait, 10)
            others = [asyncio.create_task(http.post("/extract", json={"text": text})) for text in TEXTS]
            await until(lambda: service.batcher.waiting >= len(TEXTS))
            waiting = (await http.get("/metrics")).text
            assert f"relscout_queue_length {len(TEXTS)}.0" in waiting
            gate.opened.set()
            return [await task for task in (first, *others)]

    answers = [response.json() for response in asyncio.run(together())]
    hook.remove()
    assert len(passes) == 2
    for here, there in zip(answers, [alone[0], *alone], strict=True):
        assert same(here["triples"], [dict(triple) for triple in there["triples"]])
    metrics = ask(service, "GET", "/metrics").text
    assert "relscout_batch_requests_sum" in metrics
    assert 'relscout_batch_requests_bucket{le="4.0"}' in metrics


def test_requests_with_the_same_sentence_or_document_get_the_answers_they_get_alone(extractor, gate):
    texts = [TEXTS[4], TEXTS[4], TEXTS[1], f"{TEXTS[4]} {TEXTS[2]}", TEXTS[2]]
    requests = [
        *({"text": text, "document": "one.txt", "precision": 0.1} for text in texts),
        {"pairs": list(sentences())[:3]},
        {"pairs": list(sentences())[1:2]},
    ]
    given = [ExtractRequest.model_validate(request) for request in requests]
    batch = BatchExtractor(extractor, lambda _: gate)
    answers = batch(given)
    assert sum(triple.related is not None for answer in answers for triple in answer.triples) >= 5
    for together, alone in zip(answers, (batch([request])[0] for request in given), strict=True):
        assert isinstance(together, Answer)
        assert isinstance(alone, Answer)
        assert [triple.instance for triple in together.triples] == [
            triple.instance for triple in alone.triples
        ]
        for here, there in zip(together.triples, alone.triples, strict=True):
            assert (here.relation, here.phrase, here.polarity) == (
                there.relation,
                there.phrase,
                there.polarity,
            )
            assert here.confidence == pytest.approx(there.confidence, abs=1e-4)
            assert (here.related is None) == (there.related is None)
            assert here.related is None or here.related == pytest.approx(there.related, abs=1e-4)


def test_a_wrong_request_does_not_spoil_its_batch(extractor, gate):
    good, wrong = (
        ExtractRequest.model_validate({"pairs": [{**PAIR, "tail": {"start": 16, "end": end}}]})
        for end in (22, 400)
    )
    first, second, third = BatchExtractor(extractor, lambda _: gate)([good, wrong, good])
    assert isinstance(second, RefusedError)
    assert len(first.triples) == len(third.triples) == 1


def test_a_batch_that_fails_fails_its_requests_only():
    def halves(numbers):
        return [100 // number for number in numbers]

    batcher = Batcher(list, halves, capacity=8, most=1)
    wrong, right = batcher.submit(0), batcher.submit(4)
    with pytest.raises(ZeroDivisionError):
        wrong.result(5)
    assert right.result(5) == 25
    batcher.close()


# -- limits


def test_more_requests_than_the_queue_holds_are_sent_away(serving, gate):
    service = serving(Limits(queue=2))

    async def crowd() -> tuple[httpx.Response, list[httpx.Response]]:
        async with client(service) as http:
            await http.post("/extract", json={"text": TEXTS[0]})
            gate.opened.clear()
            tasks = [asyncio.create_task(http.post("/extract", json={"text": TEXTS[0]}))]
            assert await asyncio.to_thread(gate.entered.wait, 10)
            tasks += [asyncio.create_task(http.post("/extract", json={"text": TEXTS[0]})) for _ in range(2)]
            await until(lambda: service.batcher.waiting >= 2)
            refused = await http.post("/extract", json={"text": TEXTS[0]})
            gate.opened.set()
            return refused, [await task for task in tasks]

    refused, answered = asyncio.run(crowd())
    assert (refused.status_code, error(refused)) == (429, "queue_full")
    assert int(refused.headers["retry-after"]) >= 1
    assert [response.status_code for response in answered] == [200] * 3


def test_a_request_that_takes_too_long_gets_an_answer_in_time(serving, gate):
    service = serving(Limits(timeout=0.1))
    asyncio.run(until(lambda: service.batcher.is_ready))
    gate.opened.clear()
    late = ask(service, json={"text": TEXTS[0]})
    assert (late.status_code, error(late)) == (504, "timeout")
    gate.opened.set()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"text": "a" * 201}, "text_too_long"),
        ({"pairs": [PAIR] * 4}, "too_many_pairs"),
        ({"pairs": [PAIR], "min_confidence": {str(number): 0.5 for number in range(500)}}, "too_large"),
    ],
)
def test_what_is_too_large_is_refused(serving, request_, code):
    response = ask(serving(Limits(characters=200, records=3, body=4_000)), json=request_)
    assert (response.status_code, error(response)) == (413, code)


def test_a_body_in_pieces_is_refused_as_soon_as_it_is_too_large(serving):
    sent: list[int] = []

    async def pieces():
        for number in range(1_000):
            sent.append(number)
            yield b" " * 100

    async def send() -> httpx.Response:
        async with client(service) as http:
            return await http.post("/extract", content=pieces(), headers=JSON)

    service = serving(Limits(body=1_000))
    assert error(asyncio.run(send())) == "too_large"
    assert len(sent) < 20


def test_a_body_that_does_not_arrive_is_not_waited_for(serving):
    async def slow():
        yield b'{"text": '
        await asyncio.sleep(5)

    async def send() -> httpx.Response:
        async with client(service) as http:
            return await http.post("/extract", content=slow(), headers=JSON)

    service = serving(Limits(patience=0.1))
    response = asyncio.run(send())
    assert (response.status_code, error(response)) == (408, "slow_body")


def test_limits_are_positive():
    with pytest.raises(SettingError, match="the limit queue is 0"):
        Limits(queue=0)


# -- hostile requests


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 422, "the body"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        (b'{"text": ' + b"9" * 5_000 + b"}", 400, "not JSON"),
        (b"[]", 422, "the body"),
        (b"null", 422, "the body"),
        (b"{}", 422, "either 'text' or 'pairs'"),
        (b'{"text": 3}', 422, "text: "),
        (b'{"text": "\\ud800"}', 422, "text: "),
        (b'{"text": "a", "document": "\\udfff"}', 422, "document: "),
        (b'{"text": "a", "min_confidence": {"\\udfff": 1}}', 422, "min_confidence"),
        (b'{"text": "a", "\\udfff": 1}', 422, "the body"),
        (b'{"text": "a\\u0000b"}', 422, "zero byte"),
        (b'{"texts": "a"}', 422, "unknown field 'texts': did you mean 'text'?"),
        (b'{"text": "a", "pairs": []}', 422, "either 'text' or 'pairs'"),
        (b'{"text": "a", "min_confidence": NaN}', 422, "min_confidence"),
        (b'{"text": "a", "precision": 0}', 422, "precision"),
        (b'{"text": "a", "__proto__": {}}', 422, "unknown field '__proto__'"),
        (b'{"pairs": [{"text": "Ada", "head": {"start": 0, "end": 1}}]}', 422, "pairs.0.tail: Field required"),
        (json.dumps({"pairs": [{**PAIR, "colour": 1}]}).encode(), 422, "unknown field 'colour' in pairs.0"),
        (json.dumps({"pairs": [PAIR, {**PAIR, "head": {"start": 0, "end": 99}}]}).encode(), 422, "pairs.1: "),
        (json.dumps({"pairs": [{**PAIR, "head": {"start": "0", "end": 3}}]}).encode(), 422, "pairs.0.head.start"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_clearly(service, body, status, message):
    response = ask(service, content=body, headers=JSON)
    assert response.status_code == status
    assert error(response) in ("not_json", "invalid")
    assert message in response.json()["error"]["message"]
    assert "/src/" not in response.text
    assert "Traceback" not in response.text


def test_script_in_text_stays_text(service):
    script = "<script>alert(1)</script>"
    text = f"{script} was born in Rome ."
    pair = record(text, (0, len(script)), (len(text) - 6, len(text) - 2))
    response = ask(service, json={"pairs": [pair]})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["triples"][0]["head"]["text"] == script


def test_script_in_names_is_shown_and_runs_nowhere(gate, extractor):
    script = "<script>alert(1)</script>"
    run = extractor.run
    versions = {**run.run["versions"], "relscout": script}
    renamed = replace(run.rename(run.relations[0].id, script), run={**run.run, "versions": versions})
    service = Service(BatchExtractor(RunExtractor(renamed), lambda _: gate))
    pairs = [{**pair, "document": script, "source": script} for pair in sentences()]
    responses = [
        ask(service, json={"pairs": pairs}),
        ask(service, json={"text": "Ada", script: 1}),
        ask(service, json={"text": "Ada", "min_confidence": {script: 1}}),
        ask(service, "GET", f"/{script}"),
        ask(service, "GET", "/openapi.json"),
        ask(service, "GET", "/health"),
    ]
    page = ask(service, "GET", "/docs")
    service.close()
    assert {triple["relation"] for triple in responses[0].json()["triples"]} > {script}
    for response in (*responses, page):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert {response.headers["content-type"] for response in responses} == {"application/json"}
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/static/../run.json", "/extract/", "//etc/passwd"],
)
def test_a_path_leads_to_no_file(service, path):
    response = ask(service, "GET", path)
    assert (response.status_code, error(response)) == (404, "not_found")


def test_a_method_that_does_nothing_is_refused(service):
    assert error(ask(service, "GET", "/extract")) == "not_allowed"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": "https://example.org"}, "foreign_origin"),
        ({"origin": "null"}, "foreign_origin"),
        ({"origin": "http://127.0.0.1:9000"}, "foreign_origin"),
        ({"sec-fetch-site": "cross-site"}, "foreign_origin"),
        ({"sec-fetch-site": "same-site"}, "foreign_origin"),
        ({"host": "example.org"}, "foreign_host"),
        ({"host": "127.0.0.1.example.org:8000"}, "foreign_host"),
        ({"host": "localhost@example.org"}, "foreign_host"),
    ],
)
def test_pages_of_others_are_refused(service, headers, code):
    response = ask(service, json={"text": TEXTS[0]}, headers=headers)
    assert (response.status_code, error(response)) == (403, code)


def test_browsers_learn_that_pages_of_others_may_not_ask(service):
    headers = {"origin": "https://example.org", "access-control-request-method": "POST"}
    response = ask(service, "OPTIONS", "/extract", headers=headers)
    assert (response.status_code, error(response)) == (405, "not_allowed")
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "headers", [{"origin": "http://127.0.0.1:8000"}, {"host": "localhost:8000"}, {"host": "[::1]"}]
)
def test_pages_of_the_server_are_welcome(service, headers):
    assert ask(service, json={"text": TEXTS[0]}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send_is_refused(service, kind):
    response = ask(service, content=b'{"text": "a"}', headers={"content-type": kind})
    assert (response.status_code, error(response)) == (415, "not_json")


# -- the key


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "secret"}, {"x-api-key": "sécret"}]
)
def test_a_server_with_a_key_refuses_others(serving, headers):
    service = serving(host="0.0.0.0", key="secret")  # noqa: S104 - nothing listens
    encoded = {name: value.encode() for name, value in headers.items()}
    for method, path in (
        ("POST", "/extract"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
    ):
        response = ask(service, method, path, headers=encoded)
        assert (response.status_code, error(response)) == (401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
        assert "secret" not in response.text


@pytest.mark.parametrize("headers", [{"authorization": "Bearer secret"}, {"x-api-key": "secret"}])
def test_the_key_opens_a_server_under_any_host(serving, headers):
    service = serving(host="0.0.0.0", key="secret")  # noqa: S104 - nothing listens
    response = ask(service, json={"text": TEXTS[0]}, headers={**headers, "host": "relations.example"})
    assert response.status_code == 200
    assert ask(service, "GET", "/health").json()["status"] in ("ready", "not ready")


def test_other_machines_need_a_key(run, monkeypatch):
    monkeypatch.delenv("RELSCOUT_API_KEY", raising=False)
    done = call("serve", run, "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert done.code == 2
    assert "needs an API key; set the environment variable RELSCOUT_API_KEY" in done.err


# -- health, metrics, pages


def test_metrics_count_requests_and_measure_them(serving):
    service = serving()
    for _ in range(3):
        ask(service, json={"text": TEXTS[0]})
    ask(service, json={})
    ask(service, "GET", "/nowhere")
    ask(service, "BREW", "/health")
    response = ask(service, "GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines_ = response.text.splitlines()
    for line in (
        'relscout_requests_total{method="POST",path="/extract",status="200"} 3.0',
        'relscout_requests_total{method="POST",path="/extract",status="422"} 1.0',
        'relscout_requests_total{method="GET",path="other",status="404"} 1.0',
        "relscout_extract_seconds_count 3.0",
        "relscout_queue_length 0.0",
    ):
        assert line in lines_
    assert "BREW" not in response.text


def test_the_page_describes_the_interface_without_loading_anything(service):
    schema = ask(service, "GET", "/openapi.json").json()
    assert set(schema["paths"]) == {"/extract", "/health", "/metrics"}
    page = ask(service, "GET", "/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "src=" not in page.text
    for name in ("min_confidence", "document_start", "POST /extract"):
        assert name in page.text


# -- the end


def test_what_waits_is_answered_before_the_end(serving, gate):
    service = serving()

    async def end() -> list[httpx.Response]:
        async with client(service) as http:
            assert (await http.post("/extract", json={"text": TEXTS[0]})).status_code == 200
            assert (await http.get("/health")).json()["status"] == "ready"
            gate.opened.clear()
            tasks = [asyncio.create_task(http.post("/extract", json={"text": TEXTS[0]}))]
            assert await asyncio.to_thread(gate.entered.wait, 10)
            tasks += [asyncio.create_task(http.post("/extract", json={"text": text})) for text in TEXTS[1:]]
            await until(lambda: service.batcher.waiting >= len(TEXTS) - 1)
            closing = asyncio.create_task(asyncio.to_thread(service.close))
            await until(lambda: not service.batcher.is_ready)
            refused = await http.post("/extract", json={"text": TEXTS[0]})
            assert error(refused) == "shutting_down"
            assert (await http.get("/health")).status_code == 503
            gate.opened.set()
            await closing
            return [await task for task in tasks]

    assert [response.status_code for response in asyncio.run(end())] == [200] * len(TEXTS)


def test_a_real_server_answers_waits_for_nobody_and_ends_with_its_requests(serving, gate):
    service = serving(Limits(patience=0.5))
    listener = listening("127.0.0.1", 0)
    server = server_of(service)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    url = url_of(listener)
    thread.start()
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as http:
        assert http.post("/extract", json={"text": TEXTS[0]}).json()["triples"]
        assert http.get("/health").json()["status"] == "ready"
        assert "server" not in http.get("/health").headers
        with socket.create_connection(listener.getsockname(), timeout=10) as slow:
            slow.sendall(b"POST /extract HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            assert slow.recv(100) == b""
        gate.opened.clear()
        answers: list[int] = []
        asking = threading.Thread(
            target=lambda: answers.append(http.post("/extract", json={"text": TEXTS[1]}).status_code)
        )
        asking.start()
        assert gate.entered.wait(10)
        server.should_exit = True
        gate.opened.set()
        asking.join(20)
        thread.join(20)
    assert not thread.is_alive()
    assert answers == [200]


def test_a_port_in_use_is_an_error_that_says_so():
    with (
        listening("127.0.0.1", 0) as taken,
        pytest.raises(SettingError, match="choose another --host or --port"),
    ):
        listening("127.0.0.1", taken.getsockname()[1])


def test_a_missing_extra_is_named(run, tmp_path):
    (tmp_path / "fastapi.py").write_text("raise ImportError('not installed')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from relscout.cli.app import run; "
        f"sys.exit(run(['serve', {str(run)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'relscout[serve]'" in done.stderr


def test_a_run_whose_encoder_is_gone_is_an_error_at_the_start(run, tmp_path):
    damaged = shutil.copytree(run, tmp_path / "damaged")
    description = damaged / "model" / "artifact.json"
    content = json.loads(description.read_text())
    content["settings"]["encoder"]["model"] = "/nowhere/bert"
    description.write_text(json.dumps(content))
    stored = json.loads((damaged / "run.json").read_text())
    stored["sha256"] = checksums(damaged, stored)
    (damaged / "run.json").write_text(json.dumps(stored))
    done = call("serve", damaged, "--port", "0")
    assert (done.code, done.out) == (2, "")
    assert "cannot load encoder '/nowhere/bert'" in done.err
