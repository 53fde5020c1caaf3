from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.encoders import TransformerEncoder, VectorCache
from relscout.report import write_report

RELATIONS = ("place of birth", "spouse", "capital of", "river mouth", "orbits")


@pytest.fixture(scope="session")
def encoder() -> TransformerEncoder:
    """The bundled encoder, which encodes nothing twice in these tests."""
    return TransformerEncoder(cache=VectorCache())


@pytest.fixture(scope="session")
def instances(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Instances of five relations, with gold relations: twenty, nineteen, … sixteen of each."""
    return [
        instance
        for place, relation in enumerate(RELATIONS)
        for instance in [one for one in corpus if one.relation == relation][: 20 - place]
    ]


@pytest.fixture(scope="session")
def gold(instances: list[RelationInstance]) -> dict[str, str]:
    return {one.id: str(one.relation) for one in instances}


@pytest.fixture(scope="session")
def found(instances: list[RelationInstance], encoder: TransformerEncoder) -> Discovery:
    return discover(instances, n_relations=5, encoder=encoder)


@pytest.fixture(scope="session")
def page(found: Discovery, gold: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run, with gold relations."""
    return write_report(
        found, tmp_path_factory.mktemp("page") / "report.html", title="Five relations", gold=gold
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium without a window, Debian's or the one that Playwright has."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as started:
        if path is None and not Path(started.chromium.executable_path).is_file():
            pytest.skip("there is no Chromium: neither Debian's package nor Playwright's own")
        # tests may run as root, and no proxy is to be asked for a file
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--no-proxy-server"])
        yield chromium
        chromium.close()
