from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from relscout.core.instances import Polarity, RelationInstance
from relscout.discovery import Assignments, Discovery, discover
from relscout.encoders import TransformerEncoder, VectorCache

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
def unseen(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Instances of the same relations that are not among ``instances``."""
    return [
        instance
        for relation in RELATIONS
        for instance in [one for one in corpus if one.relation == relation][20:26]
    ]


@pytest.fixture(scope="session")
def found(instances: list[RelationInstance], encoder: TransformerEncoder) -> Discovery:
    return discover(instances, n_relations=5, encoder=encoder)


@pytest.fixture(scope="session")
def saved(found: Discovery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    found.save(folder)
    return folder


@pytest.fixture(scope="session")
def judged(found: Discovery) -> Discovery:
    """A discovery whose pairs have a relatedness, a polarity, a phrase and a document, or none of these."""
    given = found.assignments
    number = len(given.instances)
    related = np.linspace(0, 1, number, dtype=np.float32) ** 3
    related[3] = np.nan
    polarities: list[Polarity] = ["asserted", "negated", "hypothetical", *["asserted"] * (number - 3)]
    instances = [
        dataclasses.replace(instance, document=f"d{row % 3}", document_start=7 * row) if row % 2 else instance
        for row, instance in enumerate(given.instances)
    ]
    ids = given.relation_ids.copy()
    ids[::5] = -1
    phrases = ["born in" if row % 3 else "" for row in range(number)]
    assignments = Assignments(instances, ids, given.confidences, related, polarities, phrases)
    return dataclasses.replace(found, assignments=assignments)
