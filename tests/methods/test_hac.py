from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import Encoder, EncoderSettings, OnLoss, TransformerEncoder, VectorCache
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
        ("apart", -0.1, r"apart is -0\.1, expected at least 0"),
        ("smallest", -1, "smallest is -1, expected at least 0"),
        ("max_instances", 1, "max_instances is 1, expected at least 2"),
        ("max_relations", "0", "max_relations is 0"),
        ("distance", "cosine", "linkage 'ward' needs distance 'euclidean', not 'cosine'"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        HAC(**{setting: value}).settings()


@pytest.mark.parametrize(("setting", "value"), [("linkage", "single"), ("distance", "manhattan")])
def test_unknown_names_are_refused(setting: str, value: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {setting} '{value}'"):
        HACSettings(**{setting: value}).settings()


def test_labelled_instances_are_refused(encoder: TransformerEncoder, instances: Instances) -> None:
    with pytest.raises(SettingError, match="method 'hac' cannot learn from labelled instances"):
        HAC(encoder).fit(instances, instances)


@pytest.mark.parametrize("n_relations", [2, "auto"])
def test_vectors_that_are_no_numbers_are_refused(
    encoder_of_nan: Encoder, instances: Instances, n_relations: Any
) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        HAC(encoder_of_nan, n_relations=n_relations).fit(instances)


# -- clusters that stop by themselves, and small ones


class ByAngle:
    """An encoder of texts such as ``A 40 B``: vectors of unit length in the plane, in that direction."""

    cache: VectorCache | None = None
    settings = EncoderSettings()
    fingerprint = "a" * 32

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        angles = np.radians([float(one.text.split()[1]) for one in instances])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


#: Five near 0°, three near 40°, one at 90°.
FAN = [
    RelationInstance(f"A {angle} B", Mention(0, 1), Mention(len(f"A {angle} "), len(f"A {angle} B")))
    for angle in (0, 1, 2, 3, 4, 40, 41, 42, 90)
]


def by_angle(n_relations: Any = "auto", **settings: Any) -> HAC:
    return HAC(
        ByAngle(), n_relations=n_relations, linkage="average", distance="cosine", directions=0, **settings
    ).fit(FAN)


@pytest.mark.parametrize(
    ("apart", "expected"), [(0.05, [0] * 5 + [1] * 3 + [2]), (0.3, [0] * 8 + [1]), (2.0, [0] * 9)]
)
def test_the_number_is_where_merging_stops(apart: float, expected: list[int]) -> None:
    found = by_angle(apart=apart)
    assert found.labels_.tolist() == expected
    assert found.n_relations_ == max(expected) + 1
    assert "k_curve" not in found.report_


@pytest.mark.parametrize("smallest", [2, 0])
def test_what_is_too_small_for_a_relation_goes_to_the_nearest(smallest: int) -> None:
    found = by_angle(apart=0.05, smallest=smallest)
    assert found.labels_.tolist() == [0] * 5 + [1] * 4
    np.testing.assert_array_equal(found.predict(FAN), found.labels_)


def test_a_given_number_of_relations_counts_large_ones_only() -> None:
    assert by_angle(2).labels_.tolist() == [0] * 8 + [1]
    assert by_angle(2, smallest=2).labels_.tolist() == [0] * 5 + [1] * 4
    # a distance is for where the number is estimated
    assert by_angle(2, smallest=2, apart=2.0).n_relations_ == 2


def test_of_a_larger_corpus_relations_must_be_larger() -> None:
    # a tenth of √900 is 3: two are no relation
    many = [
        RelationInstance(f"A {angle} B", Mention(0, 1), Mention(len(f"A {angle} "), len(f"A {angle} B")))
        for angle in [*np.linspace(0, 3, 898).round(4).tolist(), 90, 91]
    ]
    settings: dict[str, Any] = {"linkage": "average", "distance": "cosine", "directions": 0, "apart": 0.05}
    assert HAC(ByAngle(), smallest=2, **settings).fit(many).n_relations_ == 2
    assert HAC(ByAngle(), smallest=0, **settings).fit(many).n_relations_ == 1
