"""A fit that was interrupted goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.methods.rsn import RSN

Build = Callable[..., RSN]
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


# three steps are an epoch, of which there are three
@pytest.mark.parametrize("settings", [{}, {"trained_layers": 1, "adversarial_weight": 0.1}])
@pytest.mark.parametrize(("stage", "at"), [("train", 2), ("train", 5), ("cluster", 1)])
def test_wherever_it_was_interrupted_it_ends_the_same(
    stage: str, at: int, settings: dict[str, Any], rsn: Build, few: Few, known: Few, tmp_path: Path
) -> None:
    whole = rsn(**settings).fit(few, known)
    with pytest.raises(KeyboardInterrupt):
        rsn(**settings).fit(few, known, progress=Interruption(stage, at), checkpoints=tmp_path)
    counted = Interruption()
    found = rsn(**settings).fit(few, known, progress=counted, checkpoints=tmp_path)
    assert counted.told["train"] == {2: 9, 5: 6, 1: 0}[at]
    assert found.probabilities_.tobytes() == whole.probabilities_.tobytes()
    assert found.vectors_.tobytes() == whole.vectors_.tobytes()
    assert found.report_ == whole.report_
    assert list(tmp_path.iterdir()) == []


def test_the_work_of_other_labels_is_not_taken(rsn: Build, few: Few, known: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        rsn().fit(few, known, progress=Interruption("train", 5), checkpoints=tmp_path)
    relations = [one.relation for one in known]
    other = [replace(one, relation=r) for one, r in zip(known, relations[2:] + relations[:2], strict=True)]
    counted = Interruption()
    rsn().fit(few, other, progress=counted, checkpoints=tmp_path)
    assert counted.told["train"] == 9
    assert len(list(tmp_path.iterdir())) == 1, "the first fit can still go on"
