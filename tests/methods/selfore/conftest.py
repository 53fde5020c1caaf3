from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.methods.selfore import SelfORE

#: A fit on a random BERT of 32 dimensions takes a second with these; what it finds means nothing.
FAST: Mapping[str, Any] = {
    "layers": "16-4",
    "autoencoder_steps": 30,
    "autoencoder_epochs": 1,
    "cluster_epochs": 3,
    "max_loops": 3,
    "stop_change": 0.0,
    "classifier_epochs": 2,
    "frozen_epochs": 1,
    "classifier_batch": 16,
    "trained_layers": 1,
    "training_dtype": "float32",
}


@pytest.fixture(scope="session")
def selfore(random_encoder: TransformerEncoder) -> Callable[..., SelfORE]:
    """Build a SelfORE that is fitted in a moment."""

    def build(
        n_relations: Any = 4, *, encoder: TransformerEncoder = random_encoder, **settings: Any
    ) -> SelfORE:
        return SelfORE(encoder, n_relations=n_relations, **{**FAST, **settings})

    return build


@pytest.fixture(scope="session")
def plain(selfore: Callable[..., SelfORE], few: list[RelationInstance]) -> SelfORE:
    """One fit that nothing interrupts; not to be changed."""
    return selfore().fit(few)
