from __future__ import annotations

import pytest

from relscout.core.errors import SettingError, UnknownNameError
from relscout.methods.rsn import RSN, RSNSettings


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("layers", "", "layers is '', expected whole numbers from 1 to 9,999 joined by '-'"),
        ("layers", "64-0", "layers is '64-0'"),
        ("trained_layers", -2, "trained_layers is -2, expected at least -1"),
        ("epochs", 0, "epochs is 0, expected at least 1"),
        ("pairs", 1, "pairs is 1, expected at least 2"),
        ("batch", 1, "batch is 1, expected at least 2"),
        ("weight_decay", -0.1, "weight_decay is -0.1, expected at least 0"),
        ("entropy_weight", float("nan"), "entropy_weight is nan, expected a finite number"),
        ("adversarial_weight", -1, "adversarial_weight is -1, expected at least 0"),
        ("smallest_community", 0, "smallest_community is 0, expected at least 1"),
        ("max_instances", 1, "max_instances is 1, expected at least 2"),
        ("max_joined", "1", "max_joined is 1, expected at least 2"),
        ("prototypes", 0, "prototypes is 0, expected at least 1"),
        ("learning_rate", 0, "learning_rate is 0, expected a number above 0"),
        ("similarity_learning_rate", -1, "similarity_learning_rate is -1"),
        ("encoder_learning_rate", float("nan"), "encoder_learning_rate is nan"),
        ("perturbation", 0, "perturbation is 0, expected a number above 0"),
        ("dropout", 1, "dropout is 1, expected a number from 0 to below 1"),
        ("warm_up", 1.5, "warm_up is 1.5, expected a number from 0 to 1"),
        ("threshold", 1, "threshold is 1, expected a number above 0 and below 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RSN(**{setting: value}).settings()


@pytest.mark.parametrize(
    ("setting", "value", "nearest"),
    [
        ("clustering", "hca", "hac"),
        ("linkage", "averge", "average"),
        ("start", "direction", "directions"),
        ("training_dtype", "bfloat", "bfloat16"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(setting: str, value: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {setting} '{value}': did you mean '{nearest}'"):
        RSNSettings(**{setting: value}).settings()


def test_widths_are_those_of_the_layers() -> None:
    assert RSNSettings(layers="256-64").widths == (256, 64)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"entropy_weight": 0.0, "adversarial_weight": 0.0}, False),
        ({"entropy_weight": 0.1, "adversarial_weight": 0.0}, True),
        ({"entropy_weight": 0.0, "adversarial_weight": 0.1}, True),
    ],
)
def test_unlabelled_pairs_are_drawn_where_a_weight_asks_for_them(
    settings: dict[str, float], expected: bool
) -> None:
    assert RSNSettings(**settings).semi_supervised == expected
