"""Whatever is trained with checkpoints ends the same wherever it was interrupted, and resumes where it stopped."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.fewshot import FewShot
from relscout.finetuning.supervised import RelationClassifier
from relscout.methods import METHODS, method
from relscout.methods.nearest_mean import FrozenClusters
from relscout.pretraining import pretrain
from relscout.pretraining.adapter import train_adapter

Instances = list[RelationInstance]
#: Everything that a training leaves, in values that can be compared.
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What a training is given."""

    instances: Instances
    labeled: Instances
    encoder: TransformerEncoder
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def in_another_order(self) -> Inputs:
        return replace(self, instances=self.instances[::-1], labeled=self.labeled[::-1])

    def with_other_names(self) -> Inputs:
        """The same, with labels of the same meaning, whose names have another alphabetic order."""
        return replace(
            self,
            labeled=[replace(labeled, relation=str(labeled.relation)[::-1]) for labeled in self.labeled],
        )


Train = Callable[[Inputs, Progress, Path | None], Outcome]


def fit_method(name: str, inputs: Inputs, progress: Progress, checkpoints: Path | None) -> Outcome:
    """Discover relations."""
    kind = method(name)
    fitted: Any = kind(inputs.encoder, seed=inputs.seed, **{"n_relations": 4, **inputs.settings})
    labeled = inputs.labeled if kind.LABELS == "required" else None
    fitted.fit(inputs.instances, labeled, progress=progress, checkpoints=checkpoints)
    values, arrays = fitted.state()
    of_rows = {name: getattr(fitted, name) for name in ("labels_", "probabilities_", "vectors_")}
    return {"values": values, "report": fitted.report_, **in_bytes(arrays | of_rows)}


def fit_rocore(inputs: Inputs, progress: Progress, checkpoints: Path | None) -> Outcome:
    """Discover relations by RoCORE, which gives more than other methods do."""
    fitted: Any = method("rocore")(inputs.encoder, seed=inputs.seed, **{"n_relations": 4, **inputs.settings})
    fitted.fit(inputs.instances, inputs.labeled, progress=progress, checkpoints=checkpoints)
    values, arrays = fitted.state()
    of_rows = {name: getattr(fitted, name) for name in ("probabilities_", "vectors_", "epochs_labels_")}
    if fitted.settings()["reconstruction"]:
        of_rows["pretrained_codes"] = fitted.pretrained_codes(inputs.instances)
    return {"values": values, "report": fitted.report_, **in_bytes(arrays | of_rows)}


def fit_classifier(
    build: Callable[..., Any], inputs: Inputs, progress: Progress, checkpoints: Path | None
) -> Outcome:
    """Fine-tune a classifier, and keep the epoch that is best on some of the labelled instances."""
    fitted = build(inputs.encoder, seed=inputs.seed, **inputs.settings)
    fitted.fit(inputs.labeled, inputs.labeled, progress=progress, checkpoints=checkpoints)
    return {"report": fitted.report_, **in_bytes({"shares": fitted.predict_proba(inputs.instances)})}


def fit_few_shot(inputs: Inputs, progress: Progress, checkpoints: Path | None) -> Outcome:
    """Train a few-shot classifier, and keep the weights that are best on relations that it is not trained on."""
    fitted = FewShot(inputs.encoder, seed=inputs.seed, **inputs.settings)
    fitted.fit(inputs.labeled, inputs.instances, progress=progress, checkpoints=checkpoints)
    vectors = fitted.trained_encoder.encode(inputs.instances)
    return {"report": fitted.report_, **in_bytes({"vectors": vectors})}


def fit_adapter(inputs: Inputs, progress: Progress, checkpoints: Path | None) -> Outcome:
    """Train an adapter on labelled instances."""
    trained = train_adapter(
        inputs.labeled,
        inputs.encoder,
        settings=inputs.settings,
        seed=inputs.seed,
        progress=progress,
        checkpoints=checkpoints,
    )
    return {"report": trained.report, **in_bytes(trained.factors)}


def fit_pretraining(objective: str, inputs: Inputs, progress: Progress, checkpoints: Path | None) -> Outcome:
    """Pre-train an encoder on two sentences of each entity pair; its report says how long that took."""
    again = [replace(labeled, text=f"{labeled.text} It is so.", id="") for labeled in inputs.labeled]
    trained = pretrain(
        [*inputs.labeled, *again],
        inputs.encoder,
        objective=objective,
        settings=inputs.settings,
        seed=inputs.seed,
        progress=progress,
        checkpoints=checkpoints,
    )
    return in_bytes(trained.encoder.weights)


def in_bytes(arrays: Mapping[str, Any]) -> Outcome:
    return {name: np.asarray(array).tobytes() for name, array in arrays.items()}


@dataclass(frozen=True)
class Case:
    """A training, and when it is stopped.

    Args:
        train: Trains.
        reading: Settings of the encoder.
        settings: With which the training takes a moment on a random BERT of 32 dimensions.
        stops: Where it is stopped, one after the other: the stage, and how often it was reported since the last stop.
        left: How often stages are reported after the last stop: what was done is not done again.
        change: A setting that decides its result.
        variants: Other settings with which it is stopped, too, each with where.
        names_matter: Whether names of labels may change the result.
    """

    train: Train
    reading: Mapping[str, Any]
    settings: Mapping[str, Any]
    stops: Sequence[tuple[str, int]]
    left: Mapping[str, int]
    change: Mapping[str, Any]
    variants: Sequence[tuple[Mapping[str, Any], str, int]] = ()
    names_matter: bool = False


CASES = {
    "selfore": Case(
        partial(fit_method, "selfore"),
        {"marking": "markers", "pooling": "start+sentence"},
        {
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
        },
        # an epoch has three steps, and each of two loops has two epochs
        [
            ("encode", 1),
            ("cluster", 2),
            ("autoencoder", 20),
            ("adapt", 2),
            ("classify", 2),
            ("classify", 4),
            ("encode again", 1),
            ("autoencoder", 20),
            ("adapt", 2),
            ("classify", 5),
        ],
        # three epochs and the end, of the last clustering alone
        {"classify": 3, "adapt": 4},
        {"classifier_dropout": 0.2},
        [
            ({"head": "fresh", "trained_layers": -1}, "classify", 8),
            ({"adaptive": False, "n_clusters": 9}, "classify", 8),
        ],
    ),
    "siamese": Case(
        partial(fit_method, "siamese"),
        {"marking": "markers", "pooling": "start+sentence"},
        {
            "epochs": 4,
            "warm_up_epochs": 2,
            "batch": 16,
            "neighbours": 5,
            "predictor_width": 16,
            "training_dtype": "float32",
            "start": "k-means++",
        },
        # neighbours are mined before the third and the fourth epoch
        [("encode", 1), ("train", 1), ("train", 5), ("encode again", 1), ("train", 4), ("cluster", 1)],
        {"train": 0},
        {"learning_rate": 2e-3},
        [
            ({"optimizer": "sgd", "mine_every": 0}, "train", 10),
            ({"trained_layers": -1, "mlps": False, "neighbours": 99}, "train", 10),
        ],
    ),
    "hiure": Case(
        partial(fit_method, "hiure"),
        {"pooling": "span-mean+between"},
        {
            "granularities": "2-4-8",
            "epochs": 4,
            "warm_up_epochs": 1,
            "batch": 16,
            "training_dtype": "float32",
            "start": "k-means++",
        },
        # prototypes are computed before all epochs but the first
        [
            ("encode", 1),
            ("train", 1),
            ("train", 5),
            ("cluster", 2),
            ("train", 4),
            ("encode again", 2),
            ("cluster", 14),
        ],
        {"train": 0},
        {"learning_rate": 2e-5},
        [
            ({"trained_layers": -1, "granularities": "2-99"}, "train", 10),
            ({"momentum": 0.9, "queue": 20, "clustering": "propagation"}, "train", 10),
        ],
    ),
    "eiure": Case(
        partial(fit_method, "eiure"),
        {"pooling": "span-mean+sentence"},
        {
            "epochs": 3,
            "batch": 16,
            "training_dtype": "float32",
            "start": "k-means++",
            "annotate": False,
        },
        [("encode", 1), ("train", 1), ("train", 5), ("train", 4), ("encode", 3), ("cluster", 1)],
        {"train": 0},
        {"margin": 0.3},
        [({"trained_layers": -1, "contrast_weight": 0.0}, "train", 5)],
    ),
    "march": Case(
        partial(fit_method, "march"),
        {},
        {"epochs": 3, "batch": 16, "annotate": False},
        [("train", 1), ("train", 5), ("train", 4), ("cluster", 1)],
        {"train": 0},
        {"learning_rate": 0.2},
        [({"bilinear": True}, "train", 5)],
    ),
    "uie-march": Case(
        partial(fit_method, "uie-march"),
        {},
        {"epochs": 3, "batch": 16, "annotate": False},
        [("train", 1), ("train", 5), ("train", 4), ("cluster", 1)],
        {"train": 0},
        {"dispersion_weight": 0.2},
    ),
    "uie-pcnn": Case(
        partial(fit_method, "uie-pcnn"),
        {},
        {"epochs": 3, "batch": 16, "dimension": 6, "word_dimension": 8, "position_dimension": 3},
        [("encode", 1), ("train", 1), ("train", 5), ("train", 4), ("cluster", 1)],
        {"train": 0},
        {"learning_rate": 0.002},
        [({"type_dimension": 3, "windows": "2-3"}, "train", 5)],
    ),
    "uie-bert": Case(
        partial(fit_method, "uie-bert"),
        {"pooling": "span-mean+sentence"},
        {
            "epochs": 3,
            "batch": 16,
            "start": "random",
            "trained_layers": 1,
            "encoder_learning_rate": 1e-3,
            "training_dtype": "float32",
        },
        [("encode", 1), ("encode again", 1), ("train", 2), ("train", 5), ("train", 4), ("cluster", 1)],
        {"train": 0},
        {"skewness_weight": 0.1},
        [({"trained_layers": 0, "start": "clusters"}, "train", 5)],
    ),
    "rocore": Case(
        fit_rocore,
        {"pooling": "span-max@2"},
        {
            "layers": "16-4",
            "pretrain_epochs": 2,
            "pretrain_steps": 0,
            "epochs": 3,
            "epoch_steps": 0,
            "batch": 10,
            "stop_change": 0.0,
            "training_dtype": "float32",
        },
        [("encode", 1), ("pre-train", 4), ("train", 1), ("train", 5), ("encode again", 2), ("train", 6)],
        {"pre-train": 0, "train": 4},
        {"learning_rate": 2e-4},
        [
            ({"select": "last", "reconstruction": False}, "train", 10),
            ({"incremental": True, "center": False}, "train", 10),
        ],
    ),
    "rsn": Case(
        partial(fit_method, "rsn"),
        {"pooling": "span-mean+sentence"},
        {
            "layers": "8",
            "epochs": 3,
            "pairs": 60,
            "batch": 20,
            "prototypes": 5,
            "training_dtype": "float32",
        },
        [("encode", 1), ("train", 2), ("train", 5), ("train", 4), ("cluster", 1)],
        {"train": 0},
        {"learning_rate": 2e-4},
        [
            ({"trained_layers": 1, "adversarial_weight": 0.1}, "train", 5),
            ({"reads": "words", "filters": 8, "word_dimension": 6}, "train", 5),
        ],
    ),
    "transfer": Case(
        partial(fit_method, "transfer"),
        {"pooling": "span-mean+sentence"},
        {
            "layers": "16-4",
            "autoencoder_steps": 30,
            "cluster_epochs": 5,
            "supervised_layers": 1,
            "supervised_epochs": 3,
            "supervised_steps": 0,
            "supervised_batch": 16,
            "supervised_dtype": "float32",
        },
        [("encode", 1), ("train", 1), ("train", 5), ("cluster", 1), ("autoencoder", 9), ("adapt", 3)],
        {"train": 0},
        {"supervised_learning_rate": 1e-4},
        [
            ({"open_world": True, "known_fnr": 0.8, "n_relations": 2}, "autoencoder", 9),
            (
                {
                    "classification": True,
                    "max_loops": 2,
                    "frozen_epochs": 1,
                    "classifier_epochs": 2,
                    "classifier_batch": 16,
                    "trained_layers": 1,
                },
                "classify",
                4,
            ),
        ],
    ),
    "classifier": Case(
        partial(fit_classifier, RelationClassifier),
        {"marking": "C+M", "pooling": "start"},
        {
            "epochs": 3,
            "least_steps": 0,
            "batch": 16,
            "trained_layers": 1,
            "learning_rate": 5e-3,
            "head_learning_rate": 0.03,
            "training_dtype": "float32",
        },
        [("encode", 1), ("classify", 1), ("classify", 3), ("encode again", 1), ("classify", 3)],
        {"classify": 2},
        {"learning_rate": 1e-3},
    ),
    "cnn": Case(
        partial(fit_classifier, lambda _, **settings: CNNClassifier(**settings)),
        {},
        {
            "epochs": 3,
            "least_steps": 0,
            "dimension": 12,
            "word_dimension": 8,
            "position_dimension": 3,
            "type_dimension": 2,
            "windows": "2-3",
            "batch": 16,
            "learning_rate": 0.02,
        },
        [("read", 1), ("classify", 1), ("classify", 3), ("encode", 1), ("classify", 3)],
        {"classify": 2},
        {"learning_rate": 0.01},
    ),
    "few-shot": Case(
        fit_few_shot,
        {"pooling": "span-mean@1+span-mean"},
        {
            "iterations": 6,
            "check_every": 2,
            "trained_layers": 1,
            "train_ways": 3,
            "dtype": "float32",
            "dev_ways": 2,
            "dev_episodes": 50,
        },
        [("encode", 1), ("train", 1), ("train", 3), ("encode again", 3), ("train", 2)],
        {"train": 2},
        {"learning_rate": 1e-4},
    ),
    "few-shot by episodes": Case(
        fit_few_shot,
        {"pooling": "span-mean@1+span-mean"},
        {
            "objective": "episodes",
            "iterations": 6,
            "check_every": 2,
            "trained_layers": 1,
            "train_ways": 3,
            "dtype": "float32",
            "dev_ways": 2,
            "dev_episodes": 50,
        },
        [("encode", 1), ("episodes", 1), ("episodes", 3), ("episodes", 3)],
        {"episodes": 2},
        {"learning_rate": 1e-4},
    ),
    "adapter": Case(
        fit_adapter,
        {"pooling": "span-mean@2+between"},
        {
            "rank": 2,
            "supervised_layers": 1,
            "supervised_epochs": 3,
            "supervised_steps": 0,
            "supervised_batch": 8,
            "imprint_samples": 4,
        },
        [("encode", 1), ("train", 1), ("train", 5), ("train", 5)],
        {"train": 3},
        {"supervised_learning_rate": 1e-4},
    ),
    "pre-training cp": Case(
        partial(fit_pretraining, "cp"),
        {"marking": "C+M", "pooling": "start", "max_length": 64},
        {"steps": 5, "batch": 6, "learning_rate": 1e-3, "checkpoint_steps": 1},
        [("read", 1), ("pre-train", 1), ("pre-train", 3), ("pre-train", 3)],
        {"pre-train": 2},
        {"temperature": 0.1},
        names_matter=True,
    ),
    "pre-training mtb": Case(
        partial(fit_pretraining, "mtb"),
        {"marking": "C+M", "pooling": "start", "max_length": 64},
        {"steps": 5, "batch": 6, "learning_rate": 1e-3, "checkpoint_steps": 1},
        [("read", 1), ("pre-train", 1), ("pre-train", 3), ("pre-train", 3)],
        {"pre-train": 2},
        {"learning_rate": 2e-3},
        names_matter=True,
    ),
}


class Interruption:
    """Progress that counts what it reports, and interrupts, as a person would, at the n-th report of a stage."""

    def __init__(self, stage: str = "", at: int = 0) -> None:
        self.stage, self.at = stage, at
        self.reports: Counter[str] = Counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self.reports[stage] += 1
        if stage == self.stage and self.reports[stage] == self.at:
            raise KeyboardInterrupt


class WhenCheckpoints:
    """Progress that interrupts as soon as there are so many checkpoints."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count, self.stopped = folder, count, False

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if len(list(self.folder.glob("*"))) == self.count:
            self.stopped = True
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def inputs(corpus: Instances, tiny_bert: Path) -> Callable[[Case], Inputs]:
    def of(relations: Sequence[str], count: int) -> Instances:
        """So many instances of each relation, mixed."""
        of_each = [[each for each in corpus if each.relation == name][:count] for name in relations]
        return [each for some in zip(*of_each, strict=True) for each in some]

    instances = of(("spouse", "capital of", "river mouth", "orbits"), 10)
    labeled = of(("award received", "official language", "composer", "mountain range"), 6)

    def given(case: Case) -> Inputs:
        settings = EncoderSettings(model=str(tiny_bert), device="cpu", **case.reading)
        encoder = TransformerEncoder(settings, cache=VectorCache())
        return Inputs(instances, labeled, encoder, settings=case.settings)

    return given


@pytest.fixture(scope="module")
def undisturbed(inputs: Callable[[Case], Inputs]) -> Callable[[str], Outcome]:
    """What a training leaves that nothing stops, computed once."""

    @cache
    def outcome(name: str) -> Outcome:
        return CASES[name].train(inputs(CASES[name]), silent, None)

    return outcome


@pytest.mark.parametrize("name", CASES)
def test_stopped_again_and_again_it_ends_as_if_nothing_had_happened(
    name: str,
    inputs: Callable[[Case], Inputs],
    undisturbed: Callable[[str], Outcome],
    tmp_path: Path,
) -> None:
    case, folder = CASES[name], tmp_path / "checkpoints" / "of many"
    given = inputs(case)
    # every other time it is given the same in another way
    other = given.in_another_order() if case.names_matter else given.in_another_order().with_other_names()
    for number, (stage, at) in enumerate(case.stops):
        with pytest.raises(KeyboardInterrupt):
            case.train(given if number % 2 else other, Interruption(stage, at), folder)
        for checkpoint in folder.glob("*"):
            # nothing half written
            files = sorted(file.name for file in checkpoint.iterdir())
            assert files == ["artifact.json", "tensors.safetensors"]
        assert len(list(folder.glob("*"))) <= 1
    resumed = Interruption()
    assert case.train(given, resumed, folder) == undisturbed(name)
    assert {stage: resumed.reports[stage] for stage in case.left} == case.left
    assert list(folder.iterdir()) == [], "no checkpoint stays after a training that ended"


VARIANTS = [
    pytest.param(name, *variant, id=f"{name} with {variant[0]}")
    for name, case in CASES.items()
    for variant in case.variants
]


@pytest.mark.parametrize(("name", "settings", "stage", "at"), VARIANTS)
def test_with_other_settings_it_ends_as_if_nothing_had_happened(
    name: str,
    settings: Mapping[str, Any],
    stage: str,
    at: int,
    inputs: Callable[[Case], Inputs],
    tmp_path: Path,
) -> None:
    case = CASES[name]
    given = inputs(replace(case, settings={**case.settings, **settings}))
    whole = case.train(given, silent, None)
    with pytest.raises(KeyboardInterrupt):
        case.train(given, Interruption(stage, at), tmp_path)
    assert list(tmp_path.iterdir())
    assert case.train(given, silent, tmp_path) == whole


def with_other_labels(given: Inputs) -> Inputs:
    """The same instances, of which two have the label of the other."""
    first, second, *rest = given.labeled
    exchanged = [replace(first, relation=second.relation), replace(second, relation=first.relation)]
    return replace(given, labeled=[*exchanged, *rest])


def with_another_encoder(given: Inputs) -> Inputs:
    """The same with an encoder that reads fewer word pieces."""
    return replace(given, encoder=TransformerEncoder(replace(given.encoder.settings, max_length=50)))


#: What decides the result of a training; no other training resumes its work.
CHANGES: Mapping[str, Callable[[Inputs, Case], Inputs]] = {
    "seed": lambda given, _: replace(given, seed=1),
    "settings": lambda given, case: replace(given, settings={**given.settings, **case.change}),
    "instances": lambda given, _: replace(given, instances=given.instances[:-1]),
    "labelled instances": lambda given, _: replace(given, labeled=given.labeled[:-1]),
    "labels": lambda given, _: with_other_labels(given),
    "encoder": lambda given, _: with_another_encoder(given),
}
#: What no training of a kind is given, or what does not decide what it keeps.
IRRELEVANT = {
    **dict.fromkeys(
        ("selfore", "siamese", "hiure", "eiure", "march", "uie-march", "uie-pcnn", "uie-bert"),
        ("labelled instances", "labels"),
    ),
    # it first trains on the labelled instances alone
    "transfer": ("instances",),
    "classifier": ("instances",),
    "cnn": ("instances", "encoder"),
    **dict.fromkeys(("adapter", "pre-training cp"), ("instances",)),
    "pre-training mtb": ("instances", "labels"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_work_of_another_training_is_not_resumed(
    name: str, inputs: Callable[[Case], Inputs], tmp_path: Path
) -> None:
    case = CASES[name]
    given = inputs(case)
    relevant = [change for change in CHANGES if change not in IRRELEVANT.get(name, ())]
    others = {"": given, **{change: CHANGES[change](given, case) for change in relevant}}
    for count, (change, other) in enumerate(others.items(), start=1):
        # each has a checkpoint of its own, and those before it can still be resumed
        stop = WhenCheckpoints(tmp_path, count)
        with contextlib.suppress(KeyboardInterrupt):
            case.train(other, stop, tmp_path)
        assert stop.stopped, f"{change} made no difference"


@pytest.mark.parametrize("name", CASES)
def test_damaged_work_is_reported(name: str, inputs: Callable[[Case], Inputs], tmp_path: Path) -> None:
    case = CASES[name]
    given = inputs(case)
    with pytest.raises(KeyboardInterrupt):
        case.train(given, WhenCheckpoints(tmp_path, 1), tmp_path)
    (checkpoint,) = tmp_path.iterdir()
    (checkpoint / "tensors.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"tensors\.safetensors was changed"):
        case.train(given, silent, tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_a_folder_that_cannot_be_written_is_reported(
    name: str, inputs: Callable[[Case], Inputs], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot keep work in progress in .*: Not a directory"):
        CASES[name].train(inputs(CASES[name]), silent, tmp_path / "file" / "checkpoints")


def test_every_method_that_trains_is_stopped_here() -> None:
    trained = {name for name in METHODS if method(name).READS == "vectors"}
    assert {name for name in trained if not issubclass(method(name), FrozenClusters)} <= set(CASES)
