from __future__ import annotations

from typing import Any

import pytest

from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.settings import from_mapping
from relscout.methods.selfore import SelfORE, SelfORESettings


def test_it_has_the_settings_of_clustering_and_classification_too() -> None:
    settings = SelfORESettings(alpha=2.0, classifier_epochs=7, head="fresh")
    assert (settings.alpha, settings.classifier_epochs, settings.head) == (2.0, 7, "fresh")
    assert settings.widths == (500, 500, 200)


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("max_loops", 0, "max_loops is 0, expected at least 1"),
        ("n_clusters", -1, "n_clusters is -1, expected at least 0"),
        ("restarts", -1, "restarts is -1"),
        ("max_relations", 0, "max_relations is 0"),
        ("stop_change", 1.1, "stop_change is 1.1, expected a number from 0 to 1"),
        ("stop_change", float("nan"), "stop_change is nan"),
        # of its two parents
        ("alpha", 0.0, "alpha is 0.0"),
        ("layers", "500,200", "expected whole numbers from 1 to 9,999 joined by '-'"),
        ("warm_up", -0.1, "warm_up is -0.1"),
        ("classifier_batch", 0, "classifier_batch is 0"),
        ("trained_layers", "all", "trained_layers is 'all', expected a whole number"),
        ("adaptive", "no", "adaptive is 'no', expected true or false"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        SelfORE(**{setting: value}).settings()


def test_an_unknown_head_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown head 'align': did you mean 'aligned'"):
        SelfORESettings(head="align")


def test_settings_may_be_texts_of_a_command_line() -> None:
    given = {
        "adaptive": "false",
        "stop_change": "0.2",
        "n_clusters": "50",
        "layers": "64-8",
        "trained_layers": "-1",
    }
    found = from_mapping(SelfORESettings, given)
    assert found == SelfORESettings(
        adaptive=False, stop_change=0.2, n_clusters=50, layers="64-8", trained_layers=-1
    )
