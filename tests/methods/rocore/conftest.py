from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.methods.rocore import RoCORE

#: A fit on a random BERT of 32 dimensions takes a moment with these; what it finds means nothing.
FAST: Mapping[str, Any] = {
    "layers": "16-4",
    "pretrain_epochs": 2,
    "pretrain_steps": 0,
    "epochs": 3,
    "epoch_steps": 0,
    "batch": 10,
    "stop_change": 0.0,
    "training_dtype": "float32",
}


@pytest.fixture(scope="session")
def random_encoder(tiny_bert: Path) -> TransformerEncoder:
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-max@2", device="cpu")
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
def rocore(random_encoder: TransformerEncoder) -> Callable[..., RoCORE]:
    """Build a RoCORE that is fitted in a moment."""

    def build(
        n_relations: Any = 4, *, encoder: TransformerEncoder = random_encoder, **settings: Any
    ) -> RoCORE:
        return RoCORE(encoder, n_relations=n_relations, **{**FAST, **settings})

    return build


@pytest.fixture(scope="session")
def plain(
    rocore: Callable[..., RoCORE], few: list[RelationInstance], known: list[RelationInstance]
) -> RoCORE:
    """One fit that nothing interrupts; not to be changed."""
    return rocore().fit(few, known)


@pytest.fixture(scope="session")
def unified(
    rocore: Callable[..., RoCORE], few: list[RelationInstance], known: list[RelationInstance]
) -> RoCORE:
    """One fit with a classifier for all relations; not to be changed."""
    return rocore(incremental=True, select="last").fit(few, known)
