from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.encoders import Encoder, TransformerEncoder
from relscout.errors import InputError, SettingError, UnknownNameError
from relscout.instances import RelationInstance
from relscout.methods.hac import HAC, HACSettings
from relscout.metrics import score

Instances = list[RelationInstance]


@pytest.mark.parametrize(
    "settings",
    [{"linkage": "average"}, {"linkage": "average", "distance": "cosine"}, {"linkage": "complete"}],
)
def test_other_linkages_find_the_relations_too(
    encoder: TransformerEncoder, instances: Instances, settings: dict[str, Any], tmp_path: Path
) -> None:
    found = HAC(encoder, n_relations=4, **settings).fit(instances)
    assert score([one.relation for one in instances], found.labels_.tolist()).ari > 0.6
    found.save(tmp_path / "model")
    assert HAC.load(tmp_path / "model").settings() == found.settings()


def test_a_sample_is_told(encoder: TransformerEncoder, instances: Instances) -> None:
    found = HAC(encoder, n_relations=4, max_instances=30).fit(instances)
    assert found.report_["warnings"] == [
        "30 of 80 instances were clustered, drawn at random; the others got the relation with the nearest mean "
        "(setting max_instances)"
    ]
    np.testing.assert_array_equal(found.predict(instances), found.labels_)
    assert not HAC(encoder, n_relations=4, max_instances=80).fit(instances).report_["warnings"]


def test_a_sample_does_not_depend_on_the_order(encoder: TransformerEncoder, instances: Instances) -> None:
    forwards, backwards = (
        HAC(encoder, n_relations=4, max_instances=30).fit(given) for given in (instances, instances[::-1])
    )
    np.testing.assert_array_equal(forwards.labels_, backwards.labels_[::-1])


def test_the_estimated_number_comes_with_its_curve(encoder: TransformerEncoder, instances: Instances) -> None:
    found = HAC(encoder, max_relations=6).fit(instances)
    assert found.report_["k_curve"]["k"] == found.n_relations_ <= 6


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("directions", -1, "directions is -1, expected at least 0"),
        ("max_instances", 1, "max_instances is 1, expected at least 2"),
        ("max_relations", "0", "max_relations is 0"),
        ("distance", "cosine", "linkage 'ward' needs distance 'euclidean', not 'cosine'"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        HAC(**{setting: value})


@pytest.mark.parametrize(("setting", "value"), [("linkage", "single"), ("distance", "manhattan")])
def test_unknown_names_are_refused(setting: str, value: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {setting} '{value}'"):
        HACSettings(**{setting: value})


def test_labelled_instances_are_refused(encoder: TransformerEncoder, instances: Instances) -> None:
    with pytest.raises(SettingError, match="method 'hac' cannot learn from labelled instances"):
        HAC(encoder).fit(instances, instances)


@pytest.mark.parametrize("n_relations", [2, "auto"])
def test_vectors_that_are_no_numbers_are_refused(
    encoder_of_nan: Encoder, instances: Instances, n_relations: Any
) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        HAC(encoder_of_nan, n_relations=n_relations).fit(instances)
