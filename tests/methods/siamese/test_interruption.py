"""A fit that was interrupted goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relscout.core.instances import RelationInstance
from relscout.methods.siamese import Siamese

Build = Callable[..., Siamese]
Few = list[RelationInstance]


def interruption(at: int) -> Callable[[str, int, int | None], None]:
    """Progress that interrupts, as a person would, at a step of training."""

    def told(stage: str, done: int, total: int | None) -> None:
        if stage == "train" and done == at:
            raise KeyboardInterrupt

    return told


# three steps an epoch; neighbours are mined before steps 7 and 10
@pytest.mark.parametrize("at", [1, 6, 11])
def test_wherever_it_was_interrupted_it_ends_the_same(
    at: int, siamese: Build, few: Few, plain: Siamese, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        siamese().fit(few, progress=interruption(at), checkpoints=tmp_path)
    found = siamese().fit(few, checkpoints=tmp_path)
    assert found.probabilities_.tobytes() == plain.probabilities_.tobytes()
    assert found.vectors_.tobytes() == plain.vectors_.tobytes()
    assert found.report_ == plain.report_
    assert list(tmp_path.iterdir()) == [], "nothing is kept behind a fit that ended"


@pytest.mark.parametrize(
    "settings",
    [{"optimizer": "sgd"}, {"mine_every": 0}, {"trained_layers": -1}, {"mlps": False}, {"neighbours": 99}],
)
def test_whatever_the_settings_it_ends_the_same(
    settings: dict[str, Any], siamese: Build, few: Few, tmp_path: Path
) -> None:
    whole = siamese(**settings).fit(few)
    with pytest.raises(KeyboardInterrupt):
        siamese(**settings).fit(few, progress=interruption(10), checkpoints=tmp_path)
    found = siamese(**settings).fit(few, checkpoints=tmp_path)
    assert found.probabilities_.tobytes() == whole.probabilities_.tobytes()
    assert found.report_ == whole.report_


def test_the_work_of_another_seed_is_not_taken(siamese: Build, few: Few, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        siamese().fit(few, progress=interruption(10), checkpoints=tmp_path)
    found = siamese(seed=1).fit(few, checkpoints=tmp_path)
    assert found.vectors_.tobytes() == siamese(seed=1).fit(few).vectors_.tobytes()


def test_the_order_of_the_input_changes_nothing(siamese: Build, few: Few, plain: Siamese) -> None:
    found = siamese().fit(few[::-1])
    assert found.vectors_.tobytes() == plain.vectors_[::-1].tobytes()
    assert found.labels_.tolist() == plain.labels_[::-1].tolist()
