"""A small run, and a service on it in this process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from relscout import discover
from relscout.discovery.extraction import RunExtractor, load_extractor
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.serve import Limits
from relscout.serve.api import Service
from relscout.serve.extraction import BatchExtractor
from relscout.text import Annotator, MarkedSentence, Passage
from relscout.text.gazetteer import Gazetteer
from tests.cli.conftest import sentences

NAMES = "Ada\tPERSON\nBob\tPERSON\nCarl\tPERSON\nZoe\tPERSON\nRome\tCITY\nOslo\tCITY\nParis\tCITY\n"
TEXTS = [
    "Ada was born in Rome .",
    "Bob works for Paris . Carl was born in Oslo .",
    "Zoe was born in Paris .",
    "Nothing is marked here .",
    "Carl works for Rome and Ada works for Oslo .",
]


class Gate:
    """An annotator that waits before each text until it is opened; ``entered`` is set while it waits."""

    fingerprint = "gate"

    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator
        self.opened, self.entered = threading.Event(), threading.Event()
        self.opened.set()

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        if not self.opened.is_set():
            self.entered.set()
            assert self.opened.wait(20)
        return self.annotator.annotate(texts)


@pytest.fixture(scope="session")
def run(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on thirty marked pairs of two relations; not to be changed."""
    folder = tmp_path_factory.mktemp("served") / "run"
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence"))
    settings = {"start": "k-means++", "n_init": 1}
    discover(
        [{**each, "relation": None} for each in sentences()],
        n_relations=2,
        encoder=encoder,
        settings=settings,
    ).save(folder)
    return folder


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names") / "names.tsv"
    path.write_text(NAMES)
    return path


@pytest.fixture(scope="session")
def extractor(run: Path) -> RunExtractor:
    loaded = load_extractor(run)
    assert isinstance(loaded, RunExtractor)
    return loaded


@pytest.fixture(scope="session")
def service(extractor: RunExtractor, names: Path) -> Iterator[Service]:
    """A service with the usual limits, for tests that count nothing."""
    gazetteer = Gazetteer.load(names)
    service = Service(BatchExtractor(extractor, lambda _: gazetteer))
    yield service
    service.close()


@pytest.fixture
def gate(names: Path) -> Gate:
    return Gate(Gazetteer.load(names))


@pytest.fixture
def serving(extractor: RunExtractor, gate: Gate) -> Iterator[Callable[..., Service]]:
    """Make a service of the run, with the limits and settings given; it is closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(limits: Limits | None = None, **settings: Any) -> Service:
            answering = BatchExtractor(extractor, lambda _: gate)
            service = Service(answering, limits or Limits(), **settings)
            stack.callback(service.close)
            stack.callback(gate.opened.set)
            return service

        yield make


def client(service: Service, **more: Any) -> httpx.AsyncClient:
    """Return a client of the application, without a socket."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=service.app), base_url="http://127.0.0.1:8000", timeout=30, **more
    )


def ask(service: Service, method: str = "POST", path: str = "/extract", **request: Any) -> httpx.Response:
    """Send one request."""

    async def asked() -> httpx.Response:
        async with client(service) as http:
            return await http.request(method, path, **request)

    return asyncio.run(asked())
