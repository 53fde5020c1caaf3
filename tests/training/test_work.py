from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.instances import Mention, RelationInstance
from relscout.training.stored import Checkpoints

ANN = RelationInstance("Ann met Bob", Mention(0, 3), Mention(8, 11))
SETTINGS = {"seed": 0, "layers": "500-200"}
ARRAYS = {"labels": np.arange(4)}


def work(folder: Path | None, **change: Any) -> Checkpoints:
    told = {"settings": SETTINGS, "fingerprint": "f" * 32, "instances": [ANN, ANN.swapped()], **change}
    return Checkpoints.of(folder, **told)


def test_what_is_kept_is_loaded(tmp_path: Path) -> None:
    work(tmp_path).keep({"loop": 2, "losses": [0.5]}, ARRAYS)
    found = work(tmp_path).load()
    assert found is not None
    state, arrays = found
    assert state == {"loop": 2, "losses": [0.5]}
    np.testing.assert_array_equal(arrays["labels"], [0, 1, 2, 3])


def test_only_the_last_is_kept(tmp_path: Path) -> None:
    one = work(tmp_path)
    one.keep({"loop": 1}, {**ARRAYS, "more": np.ones(3)})
    one.keep({"loop": 2}, ARRAYS)
    found = one.load()
    assert found is not None
    assert (found[0], sorted(found[1])) == ({"loop": 2}, ["labels"])
    assert len(list(tmp_path.iterdir())) == 1


def test_before_anything_is_kept_there_is_nothing(tmp_path: Path) -> None:
    assert work(tmp_path).load() is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept() -> None:
    nowhere = work(None)
    nowhere.keep({"loop": 1}, ARRAYS)
    assert nowhere.load() is None
    nowhere.clear()


def test_what_is_cleared_is_gone(tmp_path: Path) -> None:
    one = work(tmp_path)
    one.keep({"loop": 1}, ARRAYS)
    one.clear()
    assert one.load() is None
    assert list(tmp_path.iterdir()) == []
    one.clear()


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {**SETTINGS, "seed": 1}},
        {"fingerprint": "e" * 32},
        {"instances": [ANN]},
        {"instances": [ANN.swapped(), ANN]},
        {"instances": [ANN, replace(ANN, text="Ann met Joe")]},
    ],
    ids=str,
)
def test_another_fit_has_a_place_of_its_own(change: dict[str, Any], tmp_path: Path) -> None:
    work(tmp_path).keep({"loop": 1}, ARRAYS)
    assert work(tmp_path, **change).load() is None
    work(tmp_path, **change).clear()
    assert work(tmp_path).load() is not None


def test_the_order_of_settings_ids_and_gold_relations_do_not_matter(tmp_path: Path) -> None:
    work(tmp_path).keep({"loop": 1}, ARRAYS)
    renamed = [replace(ANN, id="7", relation="met"), ANN.swapped()]
    same = work(tmp_path, settings=dict(reversed(SETTINGS.items())), instances=renamed)
    assert same.load() is not None
