"""A run of five relations to review, and a service with its review application."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout import discover
from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.discovery.extraction import RunExtractor
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.serve.api import Service
from relscout.serve.extraction import BatchExtractor
from relscout.serve.review.state import Review
from relscout.serve.review.work import Worker
from relscout.serve.server import listening, server_of, url_of
from relscout.text.gazetteer import Gazetteer
from tests.cli.conftest import record, sentences

#: A name that a browser would execute if it were markup.
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def five(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of thirty-one pairs; not to be changed."""
    folder = tmp_path_factory.mktemp("review") / "run"
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence"))
    text = f"{HOSTILE} was born in Rome ."
    hostile = record(text, (0, len(HOSTILE)), (len(text) - 6, len(text) - 2))
    discover(
        [{**each, "relation": None} for each in (*sentences(), hostile)],
        n_relations=5,
        encoder=encoder,
        settings={"start": "k-means++", "n_init": 1},
        allow_unknown_tokens=True,
    ).save(folder)
    return folder


@pytest.fixture(scope="session")
def base(five: Path) -> Discovery:
    run = Discovery.load(five, encoder=None)
    run.model.encoder.cache = VectorCache()
    return run


@pytest.fixture
def reviewing(base: Discovery, tmp_path: Path) -> Iterator[Callable[[], Review]]:
    """Open the review of one log; each is closed after the test."""
    opened: list[Review] = []

    def open_again() -> Review:
        opened.append(Review(base, tmp_path / "review.sqlite"))
        return opened[-1]

    yield open_again
    for review in opened:
        review.close()


@pytest.fixture
def worker(reviewing: Callable[[], Review], five: Path, tmp_path: Path) -> Iterator[Worker]:
    """A worker whose new runs are saved in a folder of the test."""
    worker = Worker(reviewing(), tmp_path / five.name)
    yield worker
    worker.close()


@pytest.fixture
def reviewed(worker: Worker, base: Discovery, names: Path) -> Iterator[Callable[..., Service]]:
    """Make a service with the review application."""
    gazetteer = Gazetteer.load(names)
    with contextlib.ExitStack() as stack:

        def make(**settings: object) -> Service:
            answering = BatchExtractor(RunExtractor(base), lambda _: gazetteer)
            service = Service(answering, worker=worker, **settings)  # type: ignore[arg-type]
            stack.callback(service.batcher.close)
            return service

        yield make


class RefusingEncoder:
    """An encoder that cannot encode, such as one whose server is not reached."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint

    def encode(self, instances: Sequence[RelationInstance], /) -> NDArray[np.float32]:
        raise InputError(f"vectors of {len(instances)} sentences are refused")


@pytest.fixture
def without_vectors(five: Path, tmp_path: Path, names: Path) -> Iterator[Service]:
    """A service with the review of a run whose vectors cannot be computed."""
    run = Discovery.load(five, encoder=None)
    run.model.encoder = RefusingEncoder(run.model.encoder.fingerprint)
    gazetteer = Gazetteer.load(names)
    with contextlib.ExitStack() as stack:
        review = Review(run, tmp_path / "refused.sqlite")
        stack.callback(review.close)
        worker = Worker(review, tmp_path / five.name)
        stack.callback(worker.close)
        service = Service(BatchExtractor(RunExtractor(run), lambda _: gazetteer), worker=worker)
        stack.callback(service.batcher.close)
        worker.start("vectors")
        yield service


@contextlib.contextmanager
def serving(service: Service) -> Iterator[str]:
    """Run a server of the review application; its address is that of the page."""
    with listening("127.0.0.1", 0) as listener:
        server = server_of(service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"{url_of(listener)}/review"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def address(reviewed: Callable[..., Service]) -> Iterator[str]:
    """A running server of the review application, as the address of its page."""
    with serving(reviewed()) as page:
        yield page
