"""``relscout serve`` under load: the two steps of a batch, expected waits, arithmetic, and slow clients."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import httpx
import numpy as np
import pytest
import torch

from relscout import discover
from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery.extraction import Extraction, RunExtractor, Task, load_extractor
from relscout.encoders.settings import use_threads
from relscout.io.readers.given import as_instances
from relscout.serve import Limits
from relscout.serve.batching import BatchCost, Batcher, QueueFullError
from relscout.serve.server import listening, server_of, url_of
from tests.cli.conftest import record, sentences

SLOW = 1_000


# -- batches


class Blocked:
    """A step of a batch that waits until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.entered.set()
        assert self.opened.wait(20)
        return [number + 1 for number in numbers]


def test_the_next_batch_is_read_while_one_is_answered():
    reading: list[Sequence[int]] = []
    answering = Blocked()

    def read(numbers: Sequence[int]) -> Sequence[int]:
        reading.append(list(numbers))
        both_read.set() if len(reading) == 2 else None
        return numbers

    both_read = threading.Event()
    batcher = Batcher(read, answering, capacity=8, most=8)
    first = batcher.submit(1)
    assert answering.entered.wait(10)
    second = batcher.submit(2)
    assert both_read.wait(10)
    # no further batch is taken before its turn, so that what arrives until then is in it
    third, fourth = batcher.submit(3), batcher.submit(4)
    assert batcher.waiting == 2
    answering.opened.set()
    assert [future.result(10) for future in (first, second, third, fourth)] == [2, 3, 4, 5]
    assert reading == [[1], [2], [3, 4]]
    batcher.close()


def test_a_batch_that_cannot_be_read_fails_its_requests_only():
    def read(numbers: Sequence[int]) -> Sequence[int]:
        return [100 // number for number in numbers]

    batcher = Batcher(read, list, capacity=8, most=1)
    wrong, right = batcher.submit(0), batcher.submit(4)
    with pytest.raises(ZeroDivisionError):
        wrong.result(10)
    assert right.result(10) == 25
    batcher.close()


def test_a_request_that_would_wait_too_long_is_sent_away_but_none_that_finds_no_other():
    answering = Blocked()

    def answer(numbers: Sequence[int]) -> Sequence[int]:
        time.sleep(0.02)
        return answering(numbers) if 7 in numbers else numbers

    batcher = Batcher(list, answer, capacity=8, most=1, size=float, longest_wait=1.0)
    # a unit of work takes at least .02 s
    batcher.submit(1).result(10)
    large = batcher.submit(1_000)
    with pytest.raises(QueueFullError, match="requests wait already") as refused:
        batcher.submit(1)
    assert refused.value.wait >= 1_000 * 0.02
    assert refused.value.seconds == pytest.approx(refused.value.wait - 1)
    large.result(10)
    # it took much less than expected: others may wait for such a request again
    running = batcher.submit(7)
    assert answering.entered.wait(10)
    cancelled = batcher.submit(1_000)
    cancelled.cancel()
    small = batcher.submit(1)
    answering.opened.set()
    assert running.result(10) == 8
    assert small.result(10) == 1
    batcher.close()


def test_waits_are_expected_from_what_a_batch_and_its_work_take():
    cost = BatchCost()
    assert cost.seconds(3, 500) == 0
    for work in (100, 400, 200):
        cost.note(work, 0.05 + 0.001 * work)
    assert cost.seconds(1, 300) == pytest.approx(0.35)
    assert cost.seconds(2, 300) == pytest.approx(0.4)
    # from batches of one size, nothing is learnt of others
    alike = BatchCost()
    for _ in range(3):
        alike.note(100, 0.15)
    assert alike.seconds(2, 300) == pytest.approx(0.45)


class Choosy:
    """An encoder that fails on one text."""

    fingerprint = "choosy"

    def encode(self, instances: Sequence[RelationInstance]) -> np.ndarray:
        if any("Nowhere" in instance.text for instance in instances):
            raise InputError("no vector for Nowhere")
        return np.array([[float("born" in instance.text), 1.0] for instance in instances], dtype=np.float32)


def test_a_task_that_fails_does_not_spoil_the_others():
    settings = {"start": "k-means++", "n_init": 1}
    run = discover(
        [{**each, "relation": None} for each in sentences()],
        n_relations=2,
        encoder=Choosy(),
        settings=settings,
    )
    right = as_instances([record()])
    wrong = as_instances([record("Ada was born in Nowhere .", (0, 3), (16, 23))])
    other = as_instances([record("Bob works for Acme .", (0, 3), (14, 18))])
    first, second, third = RunExtractor(run).extract_together([Task(right), Task(wrong), Task(other)])
    assert isinstance(second, InputError)
    assert isinstance(first, Extraction)
    assert isinstance(third, Extraction)
    assert first.triples[0].relation != third.triples[0].relation


# -- arithmetic


def test_bfloat16_changes_answers_by_rounding_only(run):
    pairs = as_instances([{**each, "relation": None} for each in sentences()])
    extractor, faster = load_extractor(run), load_extractor(run)
    assert "torch in bfloat16" in str(faster.compute_with(dtype="bfloat16"))
    exact, rounded = (each.extract(pairs).triples for each in (extractor, faster))
    assert [triple.relation for triple in exact] == [triple.relation for triple in rounded]
    confidences = np.array([[triple.confidence for triple in triples] for triples in (exact, rounded)])
    assert 0 < np.abs(confidences[0] - confidences[1]).max() < 0.05


def test_the_model_computes_with_as_many_threads_as_asked_for():
    before = torch.get_num_threads()
    seen: list[int] = []
    try:
        for count in (1, 2):
            use_threads(count)
            thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            thread.start()
            thread.join()
    finally:
        use_threads(before)
    assert seen == [1, 2]


# -- hostile clients


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow as many open files as the slow clients and the server need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * SLOW + 500
    if hard not in (resource.RLIM_INFINITY, -1) and hard < wanted:
        pytest.skip(f"the system allows {hard} open files, and this needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_slow_clients_keep_nobody_waiting_and_are_cut_off(serving):
    service = serving(Limits(patience=1.0))
    listener = listening("127.0.0.1", 0)
    server = server_of(service)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    slow = [socket.create_connection(listener.getsockname(), timeout=20) for _ in range(SLOW)]
    # a third sends nothing, a third a part of a head, a third a head and a part of the body
    for number, each in enumerate(slow):
        if number % 3:
            each.sendall(b"POST /extract HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        if number % 3 == 2:
            each.sendall(b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    try:
        with httpx.Client(base_url=url_of(listener), timeout=20, trust_env=False) as http:
            for pair in list(sentences())[:5]:
                assert len(http.post("/extract", json={"pairs": [pair]}).json()["triples"]) == 1
        # a byte now and then does not help
        for each in slow[1::3]:
            each.sendall(b"X")
        ends = [b"".join(iter(lambda each=each: each.recv(4_096), b"")) for each in slow]
    finally:
        for each in slow:
            each.close()
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
    assert {end.partition(b"\r\n")[0] for end in ends[2::3]} == {b"HTTP/1.1 408 Request Timeout"}
    assert {end for number, end in enumerate(ends) if number % 3 != 2} == {b""}
