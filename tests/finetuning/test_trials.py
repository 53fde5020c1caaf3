from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import mean, median, stdev

import pytest

from relscout.errors import InputError
from relscout.finetuning.cnn import CNNClassifier
from relscout.finetuning.trials import Trials, run_trials
from relscout.instances import RelationInstance

Instances = list[RelationInstance]


Build = Callable[[int], CNNClassifier]


@pytest.fixture(scope="module")
def trials(cnn: Build, known: Instances, held: Instances) -> Trials:
    test = [*held, replace(held[0], relation=None, id="bare"), replace(held[1], relation="new", id="new")]
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


def test_the_model_is_the_best_on_dev_and_its_predictions_are_kept(trials: Trials, held: Instances) -> None:
    reached = [max(epoch["dev"] for epoch in one.report["epochs"]) for one in trials.trials]
    assert trials.chosen == reached.index(max(reached))
    assert trials.model.seed == trials.trials[trials.chosen].seed
    assert [one.relation for one in trials.predictions[:24]] == trials.model.predict(held)
    assert trials.predictions[24].as_dict()["gold"] is None


def test_relations_that_were_never_learnt_are_told_once(trials: Trials) -> None:
    (warning,) = trials.warnings
    assert warning.startswith("1 of 26 instances in the test data have a relation that is not among the 3")


def test_without_gold_relations_nothing_is_scored(cnn: Build, known: Instances) -> None:
    with pytest.raises(InputError, match="none of the 1 test instances has a gold relation"):
        run_trials(cnn, known, [replace(known[0], relation=None)])
