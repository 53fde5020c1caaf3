from __future__ import annotations

from typing import Any

import pytest

from relscout.core.errors import SettingError
from relscout.methods.hiure import HiURESettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"granularities": "4,8"},
            "granularities is '4,8', expected whole numbers from 1 to 9,999 joined by '-'",
        ),
        ({"granularities": "1-8"}, "one prototype has nothing to contrast with"),
        ({"batch": 1}, "batch is 1, expected at least 2"),
        ({"sampled_words": -1}, "sampled_words is -1, expected at least 0"),
        ({"epochs": 2, "warm_up_epochs": 2}, "no prototype is ever seen; give fewer"),
        ({"temperature": 0.0}, "temperature is 0.0, expected a number above 0"),
        ({"smoothing": float("nan")}, "smoothing is nan"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a number from 0 to below 1"),
        ({"queue": 64}, "queue is 64 and momentum is 0.* set momentum, such as 0.999"),
        ({"momentum": 1.0}, "momentum is 1.0, expected a number from 0 to below 1"),
        (
            {"dropout": 0.0, "vector_dropout": 0.0, "sampled_words": 0},
            "both views of an instance are the same",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        HiURESettings(**settings)


def test_granularities_are_read_in_order_and_once() -> None:
    assert HiURESettings(granularities="100-4-4-16").counts == (4, 16, 100)
