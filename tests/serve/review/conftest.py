"""A run of five relations to review."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relscout import discover
from relscout.discovery import Discovery
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.serve.review.state import Review
from tests.cli.conftest import sentences


@pytest.fixture(scope="session")
def five(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of thirty pairs; not to be changed."""
    folder = tmp_path_factory.mktemp("review") / "run"
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence"))
    discover(
        [{**each, "relation": None} for each in sentences()],
        n_relations=5,
        encoder=encoder,
        settings={"start": "k-means++", "n_init": 1},
    ).save(folder)
    return folder


@pytest.fixture(scope="session")
def base(five: Path) -> Discovery:
    return Discovery.load(five)


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
