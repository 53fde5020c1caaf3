from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.methods.hiure import HiURE

#: A fit on a random BERT of 32 dimensions takes a second with these; what it finds means nothing.
FAST: Mapping[str, Any] = {
    "granularities": "2-4-8",
    "epochs": 4,
    "warm_up_epochs": 1,
    "batch": 16,
    "training_dtype": "float32",
    "start": "k-means++",
}


@pytest.fixture(scope="session")
def reader_between(tiny_bert: Path) -> TransformerEncoder:
    """A random BERT that reads the words between the mentions as well."""
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-mean+between", device="cpu")
    return TransformerEncoder(settings, cache=VectorCache())


@pytest.fixture(scope="session")
def hiure(reader_between: TransformerEncoder) -> Callable[..., HiURE]:
    """Build a HiURE that is fitted in a moment."""

    def build(
        n_relations: Any = 4, *, encoder: TransformerEncoder = reader_between, seed: int = 0, **settings: Any
    ) -> HiURE:
        return HiURE(encoder, n_relations=n_relations, seed=seed, **{**FAST, **settings})

    return build


@pytest.fixture(scope="session")
def plain(hiure: Callable[..., HiURE], few: list[RelationInstance]) -> HiURE:
    """One fit that nothing interrupts; not to be changed."""
    return hiure().fit(few)
