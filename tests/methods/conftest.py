from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import Encoder, EncoderSettings, OnLoss, TransformerEncoder, VectorCache
from relscout.methods import METHODS, Estimator, method

#: Relations that others than the above are told from, for methods that learn from labelled instances.
LABELLED = ("award received", "official language", "composer", "mountain range")
CLEARLY_DIFFERENT = ("spouse", "capital of", "river mouth", "orbits")
#: Settings with which a method that trains is fitted in a moment; the others take their defaults.
QUICK: dict[str, dict[str, Any]] = {
    "selfore": {
        "layers": "32-8",
        "autoencoder_steps": 60,
        "autoencoder_epochs": 1,
        "cluster_epochs": 5,
        "max_loops": 2,
        "classifier_epochs": 2,
        "frozen_epochs": 1,
        "trained_layers": 1,
    },
    "etype-plus": {"steps": 200, "n_init": 2},
    "rel-lda": {"n_init": 20},
    "march": {"epochs": 5, "annotate": False, "entropy_weight": 1.0},
    "uie-march": {"epochs": 5, "annotate": False},
    "uie-pcnn": {"epochs": 2, "dimension": 16, "word_dimension": 16},
    "uie-bert": {"epochs": 2, "batch": 20},
    "rsn": {"pairs": 4000, "epochs": 2, "similarity_learning_rate": 5e-3, "entropy_weight": 0.3},
    "rocore": {
        "layers": "64-16",
        "pretrain_steps": 60,
        "epochs": 2,
        "epoch_steps": 8,
        "batch": 20,
        "learning_rate": 1e-3,
        "training_dtype": "float32",
        "start": "k-means++",
    },
    "siamese": {
        "epochs": 2,
        "warm_up_epochs": 1,
        "batch": 20,
        "neighbours": 5,
        "predictor_width": 64,
        "training_dtype": "float32",
        "start": "k-means++",
    },
    "hiure": {
        "granularities": "4-8",
        "epochs": 2,
        "batch": 20,
        "training_dtype": "float32",
        "start": "k-means++",
    },
    "eiure": {"epochs": 1, "batch": 20, "training_dtype": "float32", "start": "k-means++", "annotate": False},
    "transfer": {
        "layers": "64-16",
        "autoencoder_steps": 100,
        "supervised_layers": 1,
        "supervised_steps": 6,
        "supervised_batch": 16,
        "supervised_dtype": "float32",
    },
}
#: Settings for what holds whatever is learnt: even less of it.
BRIEF: dict[str, dict[str, Any]] = {
    "selfore": {"autoencoder_steps": 20, "cluster_epochs": 2},
    "etype-plus": {"steps": 20, "n_init": 1},
    "rel-lda": {"n_init": 1, "max_iterations": 30},
    "rw-hac": {"width": 20},
    "march": {"epochs": 1},
    "uie-march": {"epochs": 1},
    "uie-pcnn": {"epochs": 1, "dimension": 4},
    "uie-bert": {"epochs": 1},
    "rsn": {"pairs": 400},
    "rocore": {"layers": "16-8", "pretrain_steps": 8, "epoch_steps": 2},
    "siamese": {"predictor_width": 16},
    "transfer": {"layers": "16-8", "autoencoder_steps": 20},
}


class EncoderOfNaN:
    """An encoder whose arithmetic overflows."""

    cache: VectorCache | None = None
    settings = EncoderSettings()
    fingerprint = "f" * 32

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        return np.full((len(instances), 4), np.nan, dtype=np.float32)


@pytest.fixture(scope="session")
def encoder_of_nan() -> Encoder:
    return EncoderOfNaN()


@pytest.fixture(scope="session")
def encoder() -> TransformerEncoder:
    """The bundled encoder, which encodes nothing twice in these tests."""
    return TransformerEncoder(cache=VectorCache())


@pytest.fixture(scope="session")
def tiny_encoder(tiny_bert: Path) -> Callable[[], TransformerEncoder]:
    return lambda: TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean+sentence"))


@pytest.fixture(scope="session")
def small_encoder(tiny_encoder: Callable[[], TransformerEncoder]) -> TransformerEncoder:
    """A random BERT with a trained layer, as one that was fine-tuned elsewhere; it encodes nothing twice either."""
    plain, name = tiny_encoder(), "encoder.layer.0.output.dense.weight"
    weights = {name: 2 * plain.model.state_dict()[name].numpy()}
    return TransformerEncoder(plain.settings, cache=VectorCache(), weights=weights)


@pytest.fixture(scope="session")
def instances(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Twenty instances of each of four relations that nobody confuses, with gold relations, mixed."""
    chosen = [
        [instance for instance in corpus if instance.relation == relation][:20]
        for relation in CLEARLY_DIFFERENT
    ]
    return [instance for four in zip(*chosen, strict=True) for instance in four]


@pytest.fixture(scope="session")
def few(instances: list[RelationInstance]) -> list[RelationInstance]:
    """40 instances of four relations."""
    return instances[:40]


@pytest.fixture(scope="session")
def random_encoder(tiny_bert: Path) -> TransformerEncoder:
    """A random BERT of 32 dimensions that keeps what it encodes."""
    settings = EncoderSettings(
        model=str(tiny_bert), marking="markers", pooling="start+sentence", device="cpu"
    )
    return TransformerEncoder(settings, cache=VectorCache())


@pytest.fixture(scope="session")
def unseen(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Instances of the same four relations that are not among ``instances``."""
    return [
        instance
        for relation in CLEARLY_DIFFERENT
        for instance in [one for one in corpus if one.relation == relation][20:30]
    ]


@pytest.fixture(scope="session", params=sorted(METHODS))
def name(request: pytest.FixtureRequest) -> str:
    """Every registered method in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def build(name: str) -> Callable[..., Estimator]:
    """Build the method with settings that let it be fitted in a moment, for what holds whatever is learnt."""
    return partial(method(name), **{**QUICK.get(name, {}), **BRIEF.get(name, {})})


@pytest.fixture(scope="session")
def labelled(corpus: list[RelationInstance]) -> list[RelationInstance]:
    """Ten instances of each of four other relations, with gold relations."""
    return [
        instance
        for relation in LABELLED
        for instance in [one for one in corpus if one.relation == relation][:10]
    ]


@pytest.fixture(scope="session")
def labeled(name: str, labelled: list[RelationInstance]) -> list[RelationInstance] | None:
    """Labelled instances, for a method that learns from some."""
    return labelled if method(name).LABELS == "required" else None


@pytest.fixture(scope="session")
def fitted(
    name: str,
    encoder: TransformerEncoder,
    instances: list[RelationInstance],
    labeled: list[RelationInstance] | None,
) -> Estimator:
    """A fit that learns something."""
    return method(name)(encoder, n_relations=4, **QUICK.get(name, {})).fit(instances, labeled)


@pytest.fixture(scope="session")
def sketched(
    build: Callable[..., Estimator],
    small_encoder: TransformerEncoder,
    few: list[RelationInstance],
    labeled: list[RelationInstance] | None,
) -> Estimator:
    """A fit for what holds with any encoder; on a random one it takes a fraction of the time."""
    return build(small_encoder, n_relations=4).fit(few, labeled)


@pytest.fixture(scope="session")
def saved(sketched: Estimator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    sketched.save(folder)
    return folder
