"""A fit that was interrupted goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import RelationInstance
from relscout.methods.selfore import SelfORE

Build = Callable[..., SelfORE]
Few = list[RelationInstance]


class Interruption:
    """Progress that counts what it is told and interrupts, as a person would, at the n-th time."""

    def __init__(self, at: int = 0, *, stage: str | None = None) -> None:
        self.at = at
        self.stage = stage
        self.told: Counter[str] = Counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self.told[stage] += 1
        count = self.told.total() if self.stage is None else self.told[self.stage]
        if count == self.at and self.stage in (None, stage):
            raise KeyboardInterrupt


def everything(found: SelfORE, folder: Path) -> dict[str, Any]:
    found.save(folder)
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    arrays = (found.labels_, found.probabilities_, found.vectors_)
    return {**kept, "arrays": [array.tobytes() for array in arrays], "report": found.report_}


@pytest.fixture(scope="module")
def n_told(selfore: Build, few: Few) -> int:
    """How often a whole fit tells its progress."""
    counted = Interruption()
    selfore().fit(few, progress=counted)
    return counted.told.total()


@pytest.mark.parametrize("share", [0.02, 0.35, 0.65, 0.999])
def test_wherever_it_was_interrupted_it_ends_the_same(
    share: float, n_told: int, selfore: Build, few: Few, plain: SelfORE, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(max(1, int(share * n_told))), checkpoints=kept)
    found = selfore().fit(few, checkpoints=kept)
    assert everything(found, tmp_path / "here") == everything(plain, tmp_path / "there")


@pytest.mark.parametrize(
    ("stage", "at"),
    [
        ("encode", 1),
        ("cluster", 2),
        ("autoencoder", 40),
        ("adapt", 7),
        ("classify", 4),
        ("classify", 8),
        ("encode again", 2),
    ],
)
def test_whatever_it_did_when_it_was_interrupted_it_ends_the_same(
    stage: str, at: int, selfore: Build, few: Few, plain: SelfORE, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(at, stage=stage), checkpoints=tmp_path)
    found = selfore().fit(few, checkpoints=tmp_path)
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.vectors_.tobytes() == plain.vectors_.tobytes()
    assert found.report_ == plain.report_


@pytest.mark.parametrize(
    "settings", [{"head": "fresh"}, {"adaptive": False}, {"trained_layers": -1}, {"n_clusters": 9}]
)
def test_whatever_the_settings_it_ends_the_same(
    settings: dict[str, Any], selfore: Build, few: Few, tmp_path: Path
) -> None:
    whole = selfore(**settings).fit(few)
    with pytest.raises(KeyboardInterrupt):
        selfore(**settings).fit(few, progress=Interruption(8, stage="classify"), checkpoints=tmp_path)
    found = selfore(**settings).fit(few, checkpoints=tmp_path)
    assert found.probabilities_.tobytes() == whole.probabilities_.tobytes()
    assert found.report_ == whole.report_


def test_interrupted_again_and_again_it_ends_the_same(
    selfore: Build, few: Few, plain: SelfORE, tmp_path: Path
) -> None:
    interruptions = 0
    while True:
        try:
            # three steps are an epoch, so that every attempt keeps one epoch and loses the next
            found = selfore().fit(few, progress=Interruption(5, stage="classify"), checkpoints=tmp_path)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions >= 2
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.report_ == plain.report_


def test_what_was_done_is_not_done_again(selfore: Build, few: Few, tmp_path: Path) -> None:
    # two epochs of three steps, twice; interrupted in the last epoch
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(11, stage="classify"), checkpoints=tmp_path)
    counted = Interruption()
    selfore().fit(few, progress=counted, checkpoints=tmp_path)
    assert counted.told["classify"] == 3
    assert counted.told["adapt"] == 4, "three epochs and the end, of the last clustering alone"


def test_nothing_is_kept_behind_a_fit_that_ended(selfore: Build, few: Few, tmp_path: Path) -> None:
    selfore().fit(few, checkpoints=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_fit_keeps_one_folder_and_nothing_half_written(
    selfore: Build, few: Few, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(8, stage="classify"), checkpoints=tmp_path)
    (kept,) = tmp_path.iterdir()
    assert sorted(file.name for file in kept.iterdir()) == ["artifact.json", "tensors.safetensors"]


def test_folders_that_are_missing_are_made(selfore: Build, few: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(8, stage="classify"), checkpoints=tmp_path / "of" / "fits")
    assert len(list((tmp_path / "of" / "fits").iterdir())) == 1


def test_a_place_that_cannot_be_written_is_told(selfore: Build, few: Few, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot keep work in progress in .*: Not a directory"):
        selfore().fit(few, checkpoints=tmp_path / "file" / "checkpoints")


@pytest.mark.parametrize("change", ["settings", "seed", "instances", "n_relations", "encoder"])
def test_the_work_of_another_fit_is_not_taken(
    change: str, selfore: Build, few: Few, random_encoder: Any, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(8, stage="classify"), checkpoints=tmp_path)

    def other() -> SelfORE:
        options: dict[str, Any] = {}
        if change == "settings":
            options["classifier_dropout"] = 0.2
        if change == "n_relations":
            options["n_relations"] = 3
        if change == "encoder":
            settings = random_encoder.settings
            options["encoder"] = type(random_encoder)(type(settings)(**{**vars(settings), "max_length": 100}))
        built = selfore(**options)
        built.seed = int(change == "seed")
        return built

    given = few[:39] if change == "instances" else few
    found = other().fit(given, checkpoints=tmp_path)
    assert found.probabilities_.tobytes() == other().fit(given).probabilities_.tobytes()
    assert len(list(tmp_path.iterdir())) == 1, "the other fit can still go on"


def test_the_work_of_a_shuffled_corpus_is_taken(
    selfore: Build, few: Few, plain: SelfORE, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(8, stage="classify"), checkpoints=tmp_path)
    counted = Interruption()
    found = selfore().fit(few[::-1], progress=counted, checkpoints=tmp_path)
    assert counted.told["classify"] < 12
    assert found.probabilities_.tobytes() == plain.probabilities_[::-1].tobytes()


def test_damaged_work_is_told(selfore: Build, few: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        selfore().fit(few, progress=Interruption(8, stage="classify"), checkpoints=tmp_path)
    (kept,) = tmp_path.iterdir()
    (kept / "tensors.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"tensors\.safetensors was changed"):
        selfore().fit(few, checkpoints=tmp_path)
