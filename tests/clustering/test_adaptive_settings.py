from __future__ import annotations

from typing import Any

import pytest

from relscout.clustering.adaptive import AdaptiveSettings
from relscout.core.errors import SettingError, UnknownNameError


def test_the_architecture_is_that_of_the_paper() -> None:
    assert AdaptiveSettings().widths == (500, 500, 200)


@pytest.mark.parametrize(
    ("layers", "widths"), [("8", (8,)), ("32-8", (32, 8)), ("1-22-333-9999", (1, 22, 333, 9999))]
)
def test_widths_are_read_off_the_text(layers: str, widths: tuple[int, ...]) -> None:
    assert AdaptiveSettings(layers=layers).widths == widths


@pytest.mark.parametrize(
    "layers", ["", "0", "500-", "-500", "500--200", "500,200", "5e2", "012", "500 200", "10000"]
)
def test_layers_of_another_form_are_refused(layers: str) -> None:
    with pytest.raises(SettingError, match="from 1 to 9,999 joined by '-', such as '500-500-200'"):
        AdaptiveSettings(layers=layers)


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("noise", 1.0, "noise is 1.0, expected a number from 0 to below 1"),
        ("noise", -0.1, "noise is -0.1"),
        ("noise", float("nan"), "noise is nan"),
        ("autoencoder_epochs", -1, "autoencoder_epochs is -1, expected at least 0"),
        ("autoencoder_steps", -1, "autoencoder_steps is -1"),
        ("autoencoder_batch", 0, "autoencoder_batch is 0, expected at least 1"),
        ("cluster_epochs", -1, "cluster_epochs is -1"),
        ("cluster_batch", -1, "cluster_batch is -1"),
        ("redraws", -1, "redraws is -1"),
        ("autoencoder_learning_rate", 0.0, "autoencoder_learning_rate is 0.0, expected a number above 0"),
        ("cluster_learning_rate", -1.0, "cluster_learning_rate is -1.0"),
        ("cluster_learning_rate", float("nan"), "cluster_learning_rate is nan"),
        ("alpha", 0.0, "alpha is 0.0"),
        ("weight_decay", -1e-5, "weight_decay is -1e-05, expected at least 0"),
        ("weight_decay", float("nan"), "weight_decay is nan"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        AdaptiveSettings(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "wrong", "nearest"),
    [
        ("initial", "norml", "normal"),
        ("optimizer", "Adam", "adam"),
        ("start", "kmeans++", r"k-means\+\+"),
        ("label_from", "targets", "target"),
        ("keep", "lowest", "lowest-loss"),
    ],
)
def test_a_choice_that_is_none_names_the_nearest(setting: str, wrong: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"unknown {setting} '.*': did you mean '{nearest}'"):
        AdaptiveSettings(**{setting: wrong})  # type: ignore[arg-type]
