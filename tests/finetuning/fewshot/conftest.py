from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.finetuning.fewshot import FewShot

#: A fit on a random BERT of 32 dimensions takes a moment with these; what it learns means nothing.
FAST: Mapping[str, Any] = {
    "iterations": 6,
    "check_every": 2,
    "trained_layers": 1,
    "train_ways": 3,
    "dtype": "float32",
    "dev_ways": 2,
    "dev_episodes": 50,
}


@pytest.fixture(scope="session")
def of_relations(corpus: list[RelationInstance]) -> Callable[..., list[RelationInstance]]:
    """Return the first instances of each of some relations, mixed."""

    def chosen(*relations: str, count: int = 12) -> list[RelationInstance]:
        of_each = [[one for one in corpus if one.relation == name][:count] for name in relations]
        return [one for some in zip(*of_each, strict=True) for one in some]

    return chosen


@pytest.fixture(scope="session")
def predefined(of_relations: Callable[..., list[RelationInstance]]) -> list[RelationInstance]:
    return of_relations("award received", "official language", "composer", "mountain range")


@pytest.fixture(scope="session")
def held(of_relations: Callable[..., list[RelationInstance]]) -> list[RelationInstance]:
    return of_relations("place of birth", "orbits")


@pytest.fixture(scope="session")
def novel(of_relations: Callable[..., list[RelationInstance]]) -> list[RelationInstance]:
    return of_relations("spouse", "capital of", "river mouth")


@pytest.fixture(scope="session")
def tiny(tiny_bert: Path) -> TransformerEncoder:
    """A random BERT with a trained layer, as one that was fine-tuned elsewhere."""
    settings = EncoderSettings(model=str(tiny_bert), pooling="span-mean@1+span-mean", device="cpu")
    name = "encoder.layer.0.output.dense.weight"
    weights = {name: 2 * TransformerEncoder(settings).model.state_dict()[name].numpy()}
    return TransformerEncoder(settings, cache=VectorCache(), weights=weights)


@pytest.fixture(scope="session")
def fewshot(tiny: TransformerEncoder) -> Callable[..., FewShot]:
    """Build a few-shot classifier that is fitted in a moment."""

    def build(*, seed: int = 0, **settings: Any) -> FewShot:
        return FewShot(tiny, seed=seed, **{**FAST, **settings})

    return build
