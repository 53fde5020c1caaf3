from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import pytest

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.saved import save_encoder
from relscout.encoders.settings import settings_for
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.supervised import RelationClassifier
from relscout.finetuning.trials import Trials, run_trials

Instances = list[RelationInstance]


Build = Callable[[int], CNNClassifier]


@pytest.fixture(scope="module")
def trials(cnn: Build, known: Instances, held: Instances, asked: Instances) -> Trials:
    test = [*asked, replace(asked[0], relation=None, id="bare"), replace(asked[1], relation="new", id="new")]
    return run_trials(cnn, known, test, dev=held, seeds=(3, 4, 5), share=0.5)


def test_each_seed_draws_its_share_and_is_scored(trials: Trials) -> None:
    assert [one.seed for one in trials.trials] == [3, 4, 5]
    assert {one.report["instances"] for one in trials.trials} == {24}
    assert {one.scores.figures.n_instances for one in trials.trials} == {25}
    values = [one.scores.value for one in trials.trials]
    assert trials.summary()["micro_f1"] == {
        "median": pytest.approx(median(values)),
        "mean": pytest.approx(mean(values)),
        "std": pytest.approx(stdev(values)),
    }


def test_the_model_is_the_best_on_dev_and_its_predictions_are_kept(trials: Trials, asked: Instances) -> None:
    reached = [max(epoch["dev"] for epoch in one.report["epochs"]) for one in trials.trials]
    assert trials.chosen == reached.index(max(reached))
    assert trials.model.seed == trials.trials[trials.chosen].seed
    assert [one.relation for one in trials.predictions[:24]] == trials.model.predict(asked)
    assert trials.predictions[24].as_dict()["gold"] is None


def test_relations_that_were_never_learnt_are_told_once(trials: Trials) -> None:
    (warning,) = trials.warnings
    assert warning.startswith("1 of 26 instances in the test data have a relation that is not among the 3")


def test_sentences_of_the_test_are_left_out_of_what_is_learnt_from_and_chosen_on(
    cnn: Build, known: Instances, held: Instances, asked: Instances
) -> None:
    copies = [replace(one, id="copy", relation="spouse") for one in asked[:3]]
    found = run_trials(cnn, [*known, *copies], asked, dev=[*held, *copies[:2]])
    assert found.trials[0].report == run_trials(cnn, known, asked, dev=held).trials[0].report
    same = "were left out: the test data have the same sentences with the same mentions"
    assert found.warnings == [
        f"3 of 51 instances in the training data {same}",
        f"2 of 26 instances in dev {same}",
    ]


def test_a_test_that_was_learnt_from_or_chosen_on_is_refused(
    cnn: Build, known: Instances, held: Instances
) -> None:
    with pytest.raises(
        InputError, match=r"0 labelled relations are left.*48 of 48 instances in the training data"
    ):
        run_trials(cnn, known, known)
    with pytest.raises(
        InputError, match="no instances to choose the best epoch on; 24 of 24 instances in dev"
    ):
        run_trials(cnn, known, held, dev=held)


def test_relations_that_the_encoder_had_learnt_before_are_told(
    encoder_settings: EncoderSettings, known: Instances, asked: Instances, tmp_path: Path
) -> None:
    save_encoder(tmp_path / "taught", TransformerEncoder(encoder_settings), made={"relations": ["spouse"]})
    taught = TransformerEncoder(settings_for(str(tmp_path / "taught"), device="cpu"))
    options: dict[str, Any] = {
        "epochs": 1,
        "least_steps": 0,
        "trained_layers": 1,
        "training_dtype": "float32",
    }
    found = run_trials(
        lambda seed: RelationClassifier(taught, seed=seed, **options), known, asked, seeds=(0, 1)
    )
    (note,) = [one for one in found.warnings if "has learnt" in one]
    assert note.endswith("has learnt 1 of the 3 scored relations from labels")


def test_without_gold_relations_nothing_is_scored(cnn: Build, known: Instances) -> None:
    with pytest.raises(InputError, match="none of the 1 test instances has a gold relation"):
        run_trials(cnn, known, [replace(known[0], relation=None)])
