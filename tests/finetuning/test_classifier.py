"""What both kinds of classifier must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.finetuning.classifier import SentenceClassifier
from relscout.finetuning.trials import scores_of

Build = Callable[..., SentenceClassifier[Any]]
Instances = list[RelationInstance]


def test_it_learns_predicts_and_comes_back_from_disk_the_same(
    build: Build, known: Instances, held: Instances, tmp_path: Path
) -> None:
    fitted = build(epochs=15, dropout=0.0).fit(known)
    shares = fitted.predict_proba(held)
    assert fitted.relations_ == ("no_relation", "orbits", "spouse")
    assert (shares.shape, shares.dtype) == ((24, 3), np.float32)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert fitted.predict(held) == [fitted.relations_[place] for place in shares.argmax(axis=1)]
    assert fitted.report_["epochs"][-1]["loss"] < fitted.report_["epochs"][0]["loss"]
    assert np.mean([a == b.relation for a, b in zip(fitted.predict(known), known, strict=True)]) > 0.5
    fitted.save(tmp_path / "model")
    loaded = type(fitted).load(tmp_path / "model")
    assert loaded.relations_ == fitted.relations_
    assert loaded.predict_proba(held).tobytes() == shares.tobytes()


def test_neither_order_nor_names_change_a_number(build: Build, known: Instances, held: Instances) -> None:
    # names in another order, too
    names = {"spouse": "aaa", "orbits": "zzz", "no_relation": "NA"}
    renamed = [
        [replace(one, relation=names[str(one.relation)]) for one in side[::-1]] for side in (known, held)
    ]
    first = build().fit(known, held)
    second = build().fit(*renamed)
    columns = [second.relations_.index(names[name]) for name in first.relations_]
    backwards = second.predict_proba(held[::-1])[::-1, columns]
    assert backwards.tobytes() == first.predict_proba(held).tobytes()
    assert first.report_["epochs"] == second.report_["epochs"]


def test_the_epoch_that_is_best_on_dev_is_kept(build: Build, known: Instances, held: Instances) -> None:
    # rates this high make epochs better and worse
    fitted = build(epochs=6, learning_rate=0.03).fit(known, held)
    reached = [epoch["dev"] for epoch in fitted.report_["epochs"]]
    assert fitted.report_["chosen_epoch"] == reached.index(max(reached)) + 1
    assert fitted.report_["dev_score"] == "micro_f1"
    scores = scores_of(fitted.predict(held), [str(one.relation) for one in held])
    assert scores.value == pytest.approx(max(reached), abs=1e-6)


def test_a_refit_that_is_interrupted_leaves_the_older_fit_whole(
    build: Build, known: Instances, held: Instances
) -> None:
    fitted = build(epochs=1).fit(known)
    before = fitted.predict_proba(held).tobytes()

    def stop(stage: str, _: int, __: int | None) -> None:
        if stage == "classify":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted.fit(held, progress=stop)
    assert fitted.predict_proba(held).tobytes() == before


def test_labels_that_are_missing_or_too_few_are_told(build: Build, known: Instances) -> None:
    bare = replace(known[0], relation=None, source="train.jsonl, line 7")
    with pytest.raises(InputError, match=r"no gold relation, the first of them .*train\.jsonl, line 7"):
        build().fit([*known, bare])
    with pytest.raises(InputError, match="only the relation 'spouse'"):
        build().fit(known[:16])
    with pytest.raises(InputError, match=r"instances in dev have no gold relation.*train\.jsonl, line 7"):
        build().fit(known, [bare])
    with pytest.raises(InputError, match="no instances to select the best epoch on"):
        build().fit(known, [])


def test_a_relation_that_only_dev_has_counts_as_a_mistake(build: Build, known: Instances) -> None:
    fitted = build(epochs=1).fit(known[:32], known)
    assert fitted.report_["warnings"][0] == (
        "16 of 48 instances in dev have a relation that is not among the 2 of the training data ('no_relation') and "
        "count as mistakes"
    )


def test_nothing_is_predicted_before_it_is_fitted(build: Build, known: Instances, tmp_path: Path) -> None:
    for call in (lambda: build().predict(known), lambda: build().save(tmp_path / "model")):
        with pytest.raises(SettingError, match="has learnt no relations yet"):
            call()


def test_a_folder_that_holds_no_such_classifier_is_refused(build: Build, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not a saved model"):
        type(build()).load(tmp_path)


def test_settings_that_cannot_work_are_refused(build: Build) -> None:
    for setting, value in {"epochs": 0, "learning_rate": 0.0, "dropout": 1.0, "warm_up": 2.0}.items():
        with pytest.raises(SettingError, match=f"{setting} is {value}"):
            build(**{setting: value}).settings()
