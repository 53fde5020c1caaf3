from __future__ import annotations

from typing import Any

import pytest

from relscout.core.errors import SettingError, UnknownNameError
from relscout.methods.rocore import RoCORESettings


def test_the_defaults_work() -> None:
    assert RoCORESettings().widths == (512, 512, 256)


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"batch": 1}, "batch is 1, expected at least 2"),
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"patience": 0}, "patience is 0"),
        ({"margin": 0.0}, "margin is 0.0, expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"center_weight": -1.0}, "center_weight is -1.0, expected at least 0"),
        ({"stop_change": 1.5}, "stop_change is 1.5, expected a number from 0 to 1"),
        ({"layers": "512x256"}, "expected whole numbers from 1 to 9,999 joined by '-'"),
        ({"incremental": True, "cross_entropy": False}, "switch one of them"),
    ],
)
def test_what_cannot_work_is_refused(setting: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RoCORESettings(**setting)


@pytest.mark.parametrize(
    "name",
    [
        *("activation", "initial", "reconstruction_scale", "reconstruction_of"),
        *("start", "select", "training_dtype"),
    ],
)
def test_an_unknown_choice_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {name} 'gold'"):
        RoCORESettings(**{name: "gold"})
