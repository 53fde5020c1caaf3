from __future__ import annotations

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
