from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.finetuning.fewshot_training import EpisodicTraining, FewShotSettings
from relscout.training.labels import classes_of

Some = list[RelationInstance]
Build = Callable[..., EpisodicTraining]


class Recording(TunableEncoder):
    """Records which contents are read in training."""

    def __init__(self, encoder: TransformerEncoder, *, trained_layers: int) -> None:
        super().__init__(encoder, trained_layers=trained_layers)
        self.read: list[NDArray[np.int64]] = []

    def __call__(self, prepared: Prepared, contents: NDArray[np.int64]) -> torch.Tensor:
        self.read.append(contents)
        return super().__call__(prepared, contents)


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
    # the episode is drawn: any of three instances of each relation may be the query
    expected = []
    for drawn in product(range(3), repeat=2):
        queries = vectors[[0, 1], drawn]
        prototypes = (vectors.sum(axis=1) - queries) / 2
        losses = []
        for relation, query in enumerate(queries):
            scores = -4 * np.square(query - prototypes).sum(axis=1)
            losses.append(np.log(np.exp(scores).sum()) - scores[relation])
        expected.append((np.mean(losses), np.mean([loss < np.log(2) for loss in losses])))
    flat = [one for three in chosen for one in three]
    (result,) = training(flat, sharpness=4.0, train_shots=2, train_queries=1, iterations=1).epochs()
    assert any(
        result.loss == pytest.approx(loss, rel=1e-5) and result.accuracy == accuracy
        for loss, accuracy in expected
    )


@pytest.mark.parametrize("similarity", ["dot", "euclid"])
def test_the_loss_of_the_papers_compares_hidden_states_as_they_are(
    similarity: str, tiny: TransformerEncoder, predefined: Some
) -> None:
    """Peng et al. 2020, section 4.1, and Snell et al. 2017, eq. 2: no unit length, no factor."""
    relations = list(dict.fromkeys(one.relation for one in predefined))[:2]
    flat = [one for name in relations for one in [one for one in predefined if one.relation == name][:2]]
    states = tiny.as_states()
    vectors = states.encode(flat).reshape(2, 2, -1).astype(np.float64)
    assert np.linalg.norm(vectors, axis=-1).min() > 2
    expected = []
    for drawn in product(range(2), repeat=2):
        queries, prototypes = vectors[[0, 1], drawn], vectors[[0, 1], 1 - np.array(drawn)]
        scores = queries @ prototypes.T
        if similarity == "euclid":
            scores = -np.square(queries[:, None] - prototypes).sum(axis=2)
        expected.append(np.mean(np.logaddexp.reduce(scores, axis=1) - scores.diagonal()))
    encoder = TunableEncoder(states, trained_layers=1, dropout=0.0)
    settings = FewShotSettings(
        similarity=similarity,
        unit_length=False,
        inverses=False,
        dropout=0.0,
        iterations=1,
        train_shots=1,
        train_queries=1,
    )
    names, classes = classes_of(flat)
    trainer = EpisodicTraining(encoder, encoder.prepare(flat), classes, names, settings=settings, seed=0)
    (result,) = trainer.epochs()
    assert any(result.loss == pytest.approx(loss, rel=1e-3, abs=1e-5) for loss in expected)


def test_a_step_of_several_episodes_has_the_mean_of_their_losses(training: Build) -> None:
    still = {"learning_rate": 1e-12, "train_ways": 3}
    (one_by_one,) = training(iterations=4, check_every=4, **still).epochs()
    (together,) = training(iterations=1, check_every=1, train_batch=4, **still).epochs()
    assert together.loss == pytest.approx(one_by_one.loss, rel=1e-4)
    assert together.accuracy == one_by_one.accuracy


def test_steps_are_split_into_epochs_of_one_length(training: Build) -> None:
    steps: list[tuple[int, int | None]] = []
    ends = []
    trainer = training()
    for _ in trainer.epochs(progress=lambda _, done, total: steps.append((done, total))):
        ends.append(len(steps))
    assert trainer.n_epochs == 3
    assert ends == [2, 4, 6]
    assert steps == [(number, 6) for number in range(1, 7)]


def test_an_episode_has_as_many_relations_as_there_are(tiny: TransformerEncoder, predefined: Some) -> None:
    encoder = Recording(tiny, trained_layers=1)
    names, classes = classes_of(predefined)
    settings = FewShotSettings(inverses=False, iterations=1, train_ways=16, train_shots=2, train_queries=3)
    prepared = encoder.prepare(predefined)
    list(EpisodicTraining(encoder, prepared, classes, names, settings=settings, seed=0).epochs())
    (read,) = encoder.read
    relation_of = dict(zip(prepared.row_of.tolist(), classes.tolist(), strict=True))
    assert Counter(relation_of[row] for row in read.tolist()) == dict.fromkeys(range(4), 5)


def test_relations_without_instances_enough_are_named(training: Build) -> None:
    with pytest.raises(InputError, match="4 relations have fewer than the 13 instances"):
        training(train_shots=12, train_queries=1)
