from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.methods.rsn import RSN

#: A fit on a random BERT of 32 dimensions takes a moment with these; what it finds means nothing.
FAST: Mapping[str, Any] = {
    "layers": "8",
    "epochs": 3,
    "pairs": 60,
    "batch": 20,
    "prototypes": 5,
    "training_dtype": "float32",
}


@pytest.fixture(scope="session")
def random_encoder(tiny_bert: Path) -> TransformerEncoder:
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence", device="cpu")
    return TransformerEncoder(settings, cache=VectorCache())


@pytest.fixture(scope="session")
def few(instances: list[RelationInstance]) -> list[RelationInstance]:
    """24 instances of four relations."""
    return instances[:24]


@pytest.fixture(scope="session")
def known(labelled: list[RelationInstance]) -> list[RelationInstance]:
    """20 labelled instances of four other relations."""
    return labelled[::2]


@pytest.fixture(scope="session")
def rsn(random_encoder: TransformerEncoder) -> Callable[..., RSN]:
    """Build an RSN that is fitted in a moment."""

    def build(n_relations: Any = 4, *, encoder: Any = random_encoder, **settings: Any) -> RSN:
        return RSN(encoder, n_relations=n_relations, **{**FAST, **settings})

    return build


@pytest.fixture(scope="session")
def plain(rsn: Callable[..., RSN], few: list[RelationInstance], known: list[RelationInstance]) -> RSN:
    """One fit that nothing interrupts; not to be changed."""
    return rsn().fit(few, known)
