"""What tests of fine-tuning share: few instances, a tiny encoder, both kinds of classifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.finetuning.classifier import SentenceClassifier
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.supervised import RelationClassifier

Build = Callable[..., SentenceClassifier[Any]]

#: A network of convolutions that is trained in a moment.
SMALL_CNN: dict[str, Any] = {
    "epochs": 3,
    "least_steps": 0,
    "dimension": 12,
    "word_dimension": 8,
    "position_dimension": 3,
    "type_dimension": 2,
    "windows": "2-3",
    "batch": 16,
    "learning_rate": 0.02,
}
SMALL_TRANSFORMER: dict[str, Any] = {
    "epochs": 3,
    "least_steps": 0,
    "batch": 16,
    "trained_layers": 1,
    "learning_rate": 5e-3,
    "head_learning_rate": 0.03,
    "training_dtype": "float32",
}


@pytest.fixture(scope="session")
def encoder_settings(tiny_bert: Path) -> EncoderSettings:
    return EncoderSettings(model=str(tiny_bert), marking="C+M", pooling="start", max_length=48, device="cpu")


@pytest.fixture(scope="session")
def tiny_encoder(encoder_settings: EncoderSettings) -> TransformerEncoder:
    return TransformerEncoder(encoder_settings)


@pytest.fixture(scope="session")
def known(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """16 instances of each of three relations, one of which means none."""
    return [one for name in ("spouse", "orbits", "no_relation") for one in of(corpus, name)[:16]]


@pytest.fixture(scope="session")
def held(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """8 other instances of each of the same relations."""
    return [one for name in ("spouse", "orbits", "no_relation") for one in of(corpus, name)[16:24]]


@pytest.fixture(scope="session")
def asked(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """8 more instances of each of the same relations, to test on."""
    return [one for name in ("spouse", "orbits", "no_relation") for one in of(corpus, name)[24:32]]


def of(corpus: list[RelationInstance], name: str) -> list[RelationInstance]:
    return [one for one in corpus if one.relation == name]


@pytest.fixture(params=["transformer", "cnn"])
def build(request: pytest.FixtureRequest, tiny_encoder: TransformerEncoder) -> Build:
    """Either kind of classifier in turn, with settings that let it be fitted in a moment."""

    def classifier(seed: int = 0, **settings: Any) -> SentenceClassifier[Any]:
        if request.param == "cnn":
            return CNNClassifier(seed=seed, **{**SMALL_CNN, **settings})
        return RelationClassifier(tiny_encoder, seed=seed, **{**SMALL_TRANSFORMER, **settings})

    return classifier


@pytest.fixture(scope="session")
def cnn() -> Callable[[int], CNNClassifier]:
    """Build a small network of a seed."""
    return lambda seed: CNNClassifier(seed=seed, **SMALL_CNN)
