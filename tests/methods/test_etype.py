from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.discovery import discover
from relscout.methods.etype import EType, ETypePlus

TEXT = "Ada met Borealis"
PER, ORG, LOC = "PERSON", "ORGANIZATION", "LOCATION"


def typed(head: str | None, tail: str | None, times: int = 1) -> list[RelationInstance]:
    """Instances with a pair of entity types."""
    return [
        RelationInstance(TEXT, Mention(0, 3, head), Mention(8, 16, tail), id=f"{head} {tail} {number}")
        for number in range(times)
    ]


def test_each_pair_of_types_is_a_relation_of_its_own() -> None:
    fitted = EType().fit([*typed(PER, ORG, 2), *typed(PER, LOC, 3), *typed(LOC, PER)])
    assert fitted.labels_.tolist() == [1, 1, 0, 0, 0, 2]


def test_a_pair_that_is_no_relation_joins_the_largest_that_shares_most_of_its_types() -> None:
    pairs = [*typed(PER, PER, 9), *typed(PER, ORG, 5), *typed(LOC, LOC, 4), *typed(ORG, LOC, 2)]
    fitted = EType(n_relations=3).fit(pairs)
    assert fitted.labels_.tolist() == [0] * 9 + [2] * 5 + [1] * 6
    # the tail's type is shared by one relation, no type by any
    assert fitted.predict([*typed(ORG, ORG), *typed("MISC", "MISC")]).tolist() == [2, 0]


def test_a_pair_that_was_seen_more_often_is_surer() -> None:
    fitted = EType().fit([*typed(PER, ORG, 50), *typed(PER, LOC, 2)])
    assert fitted.probabilities_.max(axis=1)[[0, -1]] == pytest.approx([50.5 / 51, 2.5 / 3], abs=1e-4)


def test_the_estimated_number_is_that_of_the_pairs_up_to_the_largest_allowed() -> None:
    pairs = [*typed(PER, ORG), *typed(PER, LOC), *typed(LOC, PER), *typed(None, None)]
    assert EType(annotate=False).fit(pairs).n_relations_ == 4
    assert EType(annotate=False, max_relations=3).fit(pairs).n_relations_ == 3


@pytest.mark.parametrize("method", [EType, ETypePlus])
def test_fewer_pairs_than_relations_are_refused_with_their_number(method: type[EType]) -> None:
    with pytest.raises(InputError, match="3 relations of 4 instances with 2 different pairs of entity types"):
        method(n_relations=3).fit([*typed(PER, ORG, 2), *typed(LOC, PER, 2)])


def test_missing_types_are_those_of_the_pipeline() -> None:
    texts = {
        "person": ("Barack Obama was born in the United States in 1961.", "Barack Obama", "United States"),
        "company": ("Google opened its first office in Germany in 2001.", "Google", "Germany"),
    }
    instances = [RelationInstance.from_strings(*text, id=name) for name, text in texts.items()]
    fitted = EType().fit(instances)
    assert fitted.n_relations_ == 2
    assert fitted.state()[0]["pairs"] == [["ORG", "GPE", 1], ["PERSON", "GPE", 1]]
    # one instance alone is read as it was among the others
    assert [fitted.predict([instance])[0] for instance in instances] == fitted.labels_.tolist()
    assert EType(annotate=False).fit(instances).n_relations_ == 1


def test_equal_features_are_no_reason_for_a_warning() -> None:
    texts = [f"Ada{number} met Borealis" for number in range(40)]
    instances = [
        RelationInstance(text, Mention(0, 3, PER), Mention(len(text) - 8, len(text), (ORG, LOC)[place % 2]))
        for place, text in enumerate(texts)
    ]
    assert discover(instances, method="etype").run["warnings"] == []


def test_text_in_an_unknown_script_is_read_by_its_types() -> None:
    texts = [f"北京是中国的首都{number}" for number in range(30)]
    instances = [
        RelationInstance(text, Mention(0, 2, LOC), Mention(3, 5, (LOC, ORG)[place % 2]))
        for place, text in enumerate(texts)
    ]
    assert len(discover(instances, method="etype").relations) == 2


def test_the_types_of_head_and_tail_make_up_the_relations_of_the_classifier() -> None:
    kinds = [(PER, ORG), (PER, LOC), (ORG, LOC), (LOC, PER)]
    pairs = [
        dataclasses.replace(instance, text=f"{TEXT} {number}")
        for kind in kinds
        for number, instance in enumerate(typed(*kind, 20))
    ]
    fitted = ETypePlus(n_relations=4, steps=300).fit(pairs)
    assert sorted(fitted.labels_[::20].tolist()) == [0, 1, 2, 3]
    assert len(set(zip(fitted.labels_.tolist(), np.repeat(range(4), 20).tolist(), strict=True))) == 4
    assert sorted(fitted.report_["losses"]) == ["dispersion", "link_prediction", "skewness", "total"]
    # a type that was never seen has no weight: the type of the other entity decides
    np.testing.assert_allclose(fitted.predict_proba(typed("MISC", "MISC")).sum(), 1, atol=1e-5)


def test_without_the_loss_of_dispersion_relations_are_lost() -> None:
    pairs = [*typed(PER, ORG, 30), *typed(PER, LOC, 30), *typed(ORG, LOC, 30), *typed(LOC, PER, 30)]
    fitted = ETypePlus(n_relations=4, dispersion_weight=0.0, skewness_weight=5.0, steps=300).fit(pairs)
    assert fitted.n_relations_ < 4
    assert "relations were found instead of 4" in fitted.report_["warnings"][0]


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("steps", 0, "steps is 0, expected at least 1"),
        ("learning_rate", 0.0, "learning_rate is 0.0, expected a number above 0"),
        ("dispersion_weight", -1.0, "dispersion_weight is -1.0, expected at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        ETypePlus(**{setting: value}).settings()
