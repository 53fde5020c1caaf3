from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from relscout import RelationInstance, score
from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.parameters import Parameters
from relscout.core.settings import Share, schema
from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.fewshot import FewShot
from relscout.finetuning.supervised import RelationClassifier
from relscout.io.readers.given import as_instances
from relscout.methods import METHODS, method
from relscout.methods.kmeans import KMeans
from relscout.methods.unrelated import NoRelationWrapper

ESTIMATORS = [*map(method, METHODS), RelationClassifier, CNNClassifier, FewShot]


class Threshold(Parameters):
    """An estimator of somebody else, of which the settings are the parameters of its constructor."""

    def __init__(self, seed: int = 0, level: float = 0.5, name: "Undefined" = "a") -> None:  # noqa: F821, UP037
        self.seed, self.level, self.name = seed, level, name


class Bounded(Parameters):
    """Another one, whose constructor says what values are allowed."""

    def __init__(self, seed: int = 0, level: Share = 0.5) -> None:
        self.seed, self.level = seed, level


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_signature_of_an_estimator_shows_every_setting(kind: Any) -> None:
    shown = inspect.signature(kind).parameters
    settings = {field.name: field.default for field in dataclasses.fields(kind.SETTINGS)}
    parameters = {name: parameter.default for name, parameter in shown.items()}
    assert {name: parameters.pop(name) for name in settings} == settings
    assert parameters.keys() <= {"encoder", "n_relations", "seed"}
    assert kind().get_params(deep=False).keys() == shown.keys()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_constructor_only_stores(kind: Any) -> None:
    estimator = kind(seed="no seed", **dict.fromkeys(kind.SETTINGS.__dataclass_fields__, "no value"))
    assert set(estimator.get_params(deep=False).values()) <= {"no seed", "no value", "auto", None}
    with pytest.raises(SettingError):
        estimator.settings()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_infinite_numbers_are_refused_before_any_work(kind: Any) -> None:
    known = schema(kind.SETTINGS)["properties"]
    for name in (name for name, setting in known.items() if setting["type"] == "number"):
        for value in (math.inf, -math.inf, math.nan):
            with pytest.raises(SettingError, match=f"^{name} is {value}, expected a finite number"):
                kind(**{name: value}).settings()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_whole_numbers_have_an_upper_bound(kind: Any) -> None:
    known = schema(kind.SETTINGS)["properties"]
    for name in (name for name, setting in known.items() if setting["type"] == "integer"):
        with pytest.raises(SettingError, match=f"^{name} is 1000000000000, expected at most "):
            kind(**{name: 10**12}).settings()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_clone_has_the_parameters_and_is_not_fitted(kind: Any) -> None:
    original = kind(seed=3)
    original.report_ = {"warnings": []}
    copy = clone(original)
    assert type(copy) is kind
    assert copy is not original
    assert copy.get_params() == original.get_params()
    assert getattr(copy, "report_", None) is not original.report_


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_parameters_are_set_by_name(kind: Any) -> None:
    estimator = kind()
    assert estimator.set_params(seed=5) is estimator
    assert estimator.get_params()["seed"] == estimator.settings()["seed"] == 5
    with pytest.raises(UnknownNameError, match="unknown parameter 'sed': did you mean 'seed'"):
        estimator.set_params(sed=5)


def test_a_representation_shows_what_is_not_usual() -> None:
    assert repr(KMeans()) == "KMeans()"
    assert repr(KMeans(n_relations=5, start="k-means++")) == "KMeans(n_relations=5, start='k-means++')"
    encoder = TransformerEncoder(EncoderSettings(max_length=64))
    assert repr(KMeans(encoder)) == "KMeans(encoder=TransformerEncoder(EncoderSettings(max_length=64)))"


def test_a_clone_shares_the_encoder() -> None:
    encoder = TransformerEncoder(cache=VectorCache())
    assert clone(KMeans(encoder)).encoder is encoder


def test_a_setting_that_cannot_work_is_refused_when_it_is_used() -> None:
    estimator = KMeans(n_init=0)
    with pytest.raises(SettingError, match="n_init is 0"):
        estimator.settings()


def test_an_estimator_inside_another_is_cloned_and_set() -> None:
    outer = NoRelationWrapper(KMeans(n_relations=4), 0.2)
    assert outer.get_params()["method__n_relations"] == 4
    copy = clone(outer).set_params(method__n_relations=7, share=0.3)
    assert repr(copy) == "NoRelationWrapper(method=KMeans(n_relations=7), share=0.3)"
    assert outer.settings()["n_relations"] == 4
    with pytest.raises(UnknownNameError, match="unknown parameter 'shares'"):
        outer.set_params(shares=0.3)


def test_settings_follow_from_a_constructor() -> None:
    assert [*Threshold.SETTINGS.__dataclass_fields__] == ["level", "name"]
    assert clone(Threshold(level=0.7)).level == 0.7
    assert repr(Threshold(level=0.7)) == "Threshold(level=0.7)"


def test_the_types_of_a_constructor_bound_its_settings() -> None:
    with pytest.raises(SettingError, match="expected a number from 0 to 1"):
        Bounded.SETTINGS(level=1.5)


def test_a_grid_search_chooses_parameters(corpus: list[RelationInstance]) -> None:
    relations = ("spouse", "capital of", "orbits")
    chosen = [[one for one in corpus if one.relation == name][:8] for name in relations]
    instances = [one for three in zip(*chosen, strict=True) for one in three]

    def ari(model: KMeans, part: list[RelationInstance], _: Any = None) -> float:
        return score(model.predict(part).tolist(), [one.relation for one in part]).ari

    search = GridSearchCV(
        KMeans(TransformerEncoder(cache=VectorCache())), {"n_relations": [1, 3]}, scoring=ari, cv=2
    )
    assert search.fit(instances).best_params_ == {"n_relations": 3}


class Letters:
    """An encoder of somebody else: how often each letter stands between the two mentions."""

    fingerprint = "letters"

    def encode(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        between = [one.text[one.head.end : one.tail.start].lower() for one in instances]
        return np.array([[1 + text.count(letter) for letter in ascii_lowercase] for text in between], "f4")


@pytest.fixture
def records() -> list[dict[str, Any]]:
    """Records of two relations by turns, as JSON Lines have them."""
    return [
        {"text": f"Ann{number} {verb} Bob", "head": f"Ann{number}", "tail": "Bob"}
        for number in range(6)
        for verb in ("married", "lives with")
    ]


def in_pipeline() -> Pipeline:
    return Pipeline(
        [("read", FunctionTransformer(as_instances)), ("relations", KMeans(Letters(), n_relations=2))]
    )


def test_a_method_is_the_last_step_of_a_pipeline(records: list[dict[str, Any]]) -> None:
    pipeline = in_pipeline()
    labels = pipeline.fit_predict(records).tolist()
    assert labels == pipeline.predict(records).tolist() == [labels[0], labels[1]] * 6
    assert labels[0] != labels[1]
    assert pipeline.predict_proba(records).shape == (12, 2)
    assert pipeline.transform(records).shape == (12, 26)


def test_a_pipeline_is_cloned_and_set(records: list[dict[str, Any]]) -> None:
    pipeline = in_pipeline()
    copy = clone(pipeline).set_params(relations__n_relations=1)
    assert pipeline.get_params()["relations__n_relations"] == 2
    assert set(copy.fit_predict(records).tolist()) == {0}
    with pytest.raises(NotFittedError):
        check_is_fitted(pipeline)
    check_is_fitted(copy)


def test_a_grid_search_chooses_parameters_of_a_step(records: list[dict[str, Any]]) -> None:
    def ari(model: Pipeline, part: list[dict[str, Any]], _: Any = None) -> float:
        return score(model.predict(part).tolist(), [record["text"].split()[1] for record in part]).ari

    search = GridSearchCV(in_pipeline(), {"relations__n_relations": [1, 2]}, scoring=ari, cv=2)
    assert search.fit(records).best_params_ == {"relations__n_relations": 2}


def test_labels_of_scikit_learn_are_refused_by_a_method_that_uses_none(
    records: list[dict[str, Any]],
) -> None:
    with pytest.raises(SettingError, match="cannot learn from labelled instances; leave them out"):
        in_pipeline().fit(records, ["a", "b"] * 6)


def test_fit_predict_returns_the_labels(corpus: list[RelationInstance]) -> None:
    model = KMeans(TransformerEncoder(cache=VectorCache()), n_relations=2)
    assert model.fit_predict(corpus[:6]).tolist() == model.labels_.tolist()
