from __future__ import annotations

import dataclasses
from collections.abc import Iterator
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


PEOPLE = ("Anna Berg", "Carl Dahl", "Maria Costa", "John Miller")
TOWNS = ("Oslo", "Rome", "Paris", "Berlin")
FIRMS = ("Norwind Energy", "Dahl Motors", "Costa Foods", "Miller Bank")


def texts() -> Iterator[str]:
    for person, town, firm in zip(PEOPLE, TOWNS, FIRMS, strict=True):
        yield f"{person} was born in {town} and wrote to Laura Rossi in Madrid."
        yield f"{firm} was founded by {person} in 1984."
    yield "Peter Novak was not born in Vienna."


@pytest.fixture(scope="session")
def text_pairs() -> list[RelationInstance]:
    """Every pair of entities of a few texts."""
    from relscout.text.pairs import mark_texts
    from relscout.text.spacy_pipeline import SpacyPipeline

    return list(mark_texts(texts(), annotator=SpacyPipeline.load()))


@pytest.fixture(scope="session")
def text_encoder() -> TransformerEncoder:
    """The bundled encoder, read as it is where every pair is an instance; it encodes nothing twice."""
    from relscout.discovery import default_encoder
    from relscout.encoders.settings import RELATION, settings_for
    from relscout.methods.hac import HAC

    settings = settings_for(RELATION, default=default_encoder(HAC, every_pair=True))
    return TransformerEncoder(settings, cache=VectorCache())


@pytest.fixture(scope="session")
def plain(text_pairs: list[RelationInstance], text_encoder: TransformerEncoder) -> Discovery:
    """A run in which every pair of entities of a text is an instance."""
    return discover(text_pairs, precision=0.7, encoder=text_encoder)
