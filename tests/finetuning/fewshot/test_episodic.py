from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.encoders.tunable import TunableEncoder
from relscout.finetuning.fewshot_training import EpisodicTraining, FewShotSettings
from relscout.training.labels import classes_of

Some = list[RelationInstance]
Build = Callable[..., EpisodicTraining]


@pytest.fixture
def training(tiny: TransformerEncoder, predefined: Some) -> Build:
    def build(instances: Some = predefined, **settings: Any) -> EpisodicTraining:
        plain = {"inverses": False, "dropout": 0.0, "iterations": 5, "check_every": 2, **settings}
        encoder = TunableEncoder(tiny, trained_layers=1, dropout=0.0)
        names, classes = classes_of(instances)
        prepared = encoder.prepare(instances)
        return EpisodicTraining(encoder, prepared, classes, names, settings=FewShotSettings(**plain), seed=0)

    return build


def test_the_loss_is_the_cross_entropy_of_the_softmax_over_distances(
    training: Build, tiny: TransformerEncoder, predefined: Some
) -> None:
    """Two relations, two examples and one query of each (Snell et al. 2017, eq. 2 and algorithm 1)."""
    relations = list(dict.fromkeys(one.relation for one in predefined))[:2]
    chosen = [[one for one in predefined if one.relation == relation][:3] for relation in relations]
    vectors = tiny.encode([one for three in chosen for one in three]).reshape(2, 3, -1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    prototypes = vectors[:, :2].mean(axis=1)
    expected = []
    for relation in (0, 1):
        scores = -4 * np.square(vectors[relation, 2] - prototypes).sum(axis=1)
        expected.append(np.log(np.exp(scores).sum()) - scores[relation])
    flat = [one for three in chosen for one in three]
    made = training(flat, sharpness=4.0, train_shots=2, train_queries=1)
    loss, right = made._loss(made._prepared.row_of.reshape(2, 3))
    assert loss.item() == pytest.approx(np.mean(expected), rel=1e-4)
    assert right == sum(wrong < np.log(2) for wrong in expected)


def test_steps_are_split_into_epochs_of_one_length(training: Build) -> None:
    made = training()
    assert made.n_epochs == 3
    assert [len(made._episodes(epoch)) for epoch in range(3)] == [2, 2, 2]
    assert {len(episode) for episode in made._episodes(0)} == {4}, "as many relations as there are"


def test_relations_without_instances_enough_are_named(training: Build) -> None:
    with pytest.raises(InputError, match="4 relations have fewer than the 13 instances"):
        training(train_shots=12, train_queries=1)
