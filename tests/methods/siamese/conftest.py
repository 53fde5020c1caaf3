from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.methods.siamese import Siamese

#: A fit on a random BERT of 32 dimensions takes a second with these; what it finds means nothing.
FAST: Mapping[str, Any] = {
    "epochs": 4,
    "warm_up_epochs": 2,
    "batch": 16,
    "neighbours": 5,
    "predictor_width": 16,
    "training_dtype": "float32",
    "start": "k-means++",
}


@pytest.fixture(scope="session")
def siamese(random_encoder: TransformerEncoder) -> Callable[..., Siamese]:
    """Build a Siamese that is fitted in a moment."""

    def build(
        n_relations: Any = 4, *, encoder: TransformerEncoder = random_encoder, seed: int = 0, **settings: Any
    ) -> Siamese:
        return Siamese(encoder, n_relations=n_relations, seed=seed, **{**FAST, **settings})

    return build


@pytest.fixture(scope="session")
def plain(siamese: Callable[..., Siamese], few: list[RelationInstance]) -> Siamese:
    """One fit that nothing interrupts; not to be changed."""
    return siamese().fit(few)
