from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import Encoder, TransformerEncoder
from relscout.methods.kmeans import KMeans, KMeansSettings

Instances = list[RelationInstance]


def test_the_estimated_number_comes_with_its_curve(encoder: TransformerEncoder, instances: Instances) -> None:
    found = KMeans(encoder, max_relations=6).fit(instances)
    curve = found.report_["k_curve"]
    assert curve["k"] == found.n_relations_
    assert max(curve["candidates"]) == 6


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("n_init", 0, "n_init is 0, expected at least 1"),
        ("max_iterations", -1, "max_iterations is -1"),
        ("max_relations", "0", "max_relations is 0"),
        ("n_init", "many", "n_init is 'many', expected a whole number"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        KMeans(**{setting: value}).settings()


def test_an_unknown_start_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'k-means\+\+'"):
        KMeansSettings(start="kmeans++")


def test_labelled_instances_are_refused(encoder: TransformerEncoder, instances: Instances) -> None:
    with pytest.raises(SettingError, match="cannot learn from labelled instances"):
        KMeans(encoder).fit(instances, instances)


def test_what_does_not_fit_the_encoder_is_reported(
    tiny_encoder: Callable[[], TransformerEncoder], instances: Instances
) -> None:
    long = "Mary Long " + "lives " * 300 + "in Paris"
    lengthy = [RelationInstance(long, Mention(0, 9), Mention(len(long) - 5, len(long)))]
    found = KMeans(tiny_encoder(), n_relations=2).fit(instances[:9] + lengthy)
    assert found.report_["warnings"] == [
        "in 1 instance, words between the entities were left out: the entities are too far apart for the maximum length"
    ]
    found.predict(instances[:9])
    assert len(found.report_["warnings"]) == 1


@pytest.mark.parametrize("n_relations", [2, "auto"])
def test_vectors_that_are_no_numbers_are_refused(
    encoder_of_nan: Encoder, instances: Instances, n_relations: Any
) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        KMeans(encoder_of_nan, n_relations=n_relations).fit(instances)


def test_progress_tells_every_stage(
    tiny_encoder: Callable[[], TransformerEncoder], instances: Instances
) -> None:
    stages: list[str] = []
    KMeans(tiny_encoder()).fit(instances, progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["encode", "choose K", "cluster"]
