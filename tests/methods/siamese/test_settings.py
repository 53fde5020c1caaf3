from __future__ import annotations

from typing import Any

import pytest

from relscout.core.errors import SettingError, UnknownNameError
from relscout.methods.siamese import SiameseSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 1}, "batch is 1, expected at least 2"),
        ({"neighbours": 0}, "neighbours is 0, expected at least 1"),
        ({"sampled_neighbours": -1}, "sampled_neighbours is -1, expected at least 0"),
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"epochs": 2, "warm_up_epochs": 2}, "no neighbour is ever asked; give fewer"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, expected a number above 0"),
        ({"encoder_learning_rate": float("nan")}, "encoder_learning_rate is nan"),
        ({"entropy_weight": -1.0}, "entropy_weight is -1.0, expected at least 0"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a number from 0 to below 1"),
        ({"dropout": 0.0, "vector_dropout": 0.0}, "both views of an instance are the same"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SiameseSettings(**settings)


@pytest.mark.parametrize("name", ["pull", "neighbour_scale", "metric", "optimizer", "start"])
def test_an_unknown_choice_is_told(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {name} 'none'"):
        SiameseSettings(**{name: "none"})
