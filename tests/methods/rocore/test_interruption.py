"""A fit that was interrupted goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.methods.rocore import RoCORE

Build = Callable[..., RoCORE]
Few = list[RelationInstance]


class Interruption:
    """Progress that counts what it is told and interrupts, as a person would, at the n-th time of a stage."""

    def __init__(self, stage: str = "", at: int = 0) -> None:
        self.stage, self.at = stage, at
        self.told: Counter[str] = Counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self.told[stage] += 1
        if stage == self.stage and self.told[stage] == self.at:
            raise KeyboardInterrupt


def everything(found: RoCORE, folder: Path) -> dict[str, Any]:
    found.save(folder)
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    arrays = (found.labels_, found.probabilities_, found.vectors_, found.epochs_labels_)
    return {**kept, "arrays": [array.tobytes() for array in arrays], "report": found.report_}


# three steps are an epoch
@pytest.mark.parametrize(
    ("stage", "at"), [("encode", 1), ("pre-train", 4), ("train", 1), ("train", 5), ("train", 9)]
)
def test_wherever_it_was_interrupted_it_ends_the_same(
    stage: str, at: int, rocore: Build, few: Few, known: Few, plain: RoCORE, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        rocore().fit(few, known, progress=Interruption(stage, at), checkpoints=kept)
    found = rocore().fit(few, known, checkpoints=kept)
    assert everything(found, tmp_path / "here") == everything(plain, tmp_path / "there")
    assert found.pretrained_codes(few).tobytes() == plain.pretrained_codes(few).tobytes()
    assert list(kept.iterdir()) == []


@pytest.mark.parametrize(
    "settings", [{"select": "last"}, {"incremental": True}, {"reconstruction": False}, {"center": False}]
)
def test_whatever_the_settings_it_ends_the_same(
    settings: dict[str, Any], rocore: Build, few: Few, known: Few, tmp_path: Path
) -> None:
    whole = rocore(**settings).fit(few, known)
    with pytest.raises(KeyboardInterrupt):
        rocore(**settings).fit(few, known, progress=Interruption("train", 8), checkpoints=tmp_path)
    found = rocore(**settings).fit(few, known, checkpoints=tmp_path)
    assert found.probabilities_.tobytes() == whole.probabilities_.tobytes()
    assert found.report_ == whole.report_


def test_what_was_done_is_not_done_again(rocore: Build, few: Few, known: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        rocore().fit(few, known, progress=Interruption("train", 8), checkpoints=tmp_path)
    counted = Interruption()
    rocore().fit(few, known, progress=counted, checkpoints=tmp_path)
    assert (counted.told["train"], counted.told["pre-train"]) == (3, 0)


def test_the_work_of_other_labels_is_not_taken(rocore: Build, few: Few, known: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        rocore().fit(few, known, progress=Interruption("train", 8), checkpoints=tmp_path)
    relations = [one.relation for one in known]
    other = [
        replace(one, relation=name) for one, name in zip(known, relations[2:] + relations[:2], strict=True)
    ]
    counted = Interruption()
    rocore().fit(few, other, progress=counted, checkpoints=tmp_path)
    assert counted.told["train"] == 9
    assert len(list(tmp_path.iterdir())) == 1, "the first fit can still go on"


def test_the_work_under_other_names_is_taken(rocore: Build, few: Few, known: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        rocore().fit(few, known, progress=Interruption("train", 8), checkpoints=tmp_path)
    counted = Interruption()
    found = rocore().fit(
        few,
        [replace(one, relation=f"my {one.relation}") for one in known],
        progress=counted,
        checkpoints=tmp_path,
    )
    assert counted.told["train"] == 3
    assert all(name.startswith("my ") for name in found.predefined_)
