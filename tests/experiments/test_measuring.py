from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from relscout.core.instances import RelationInstance, canonical_order
from relscout.lab.measuring import gold_selected
from relscout.lab.protocols import Task


@pytest.fixture
def task(corpus: list[RelationInstance]) -> Task:
    """Six instances of two relations, of which four are scored."""
    fitted = [
        one for name in ("orbits", "spouse") for one in [two for two in corpus if two.relation == name][:3]
    ]
    return Task(fitted, [fitted[0], fitted[1], fitted[3], fitted[4]])


def as_discover_orders(task: Task, labels: list[int]) -> np.ndarray:
    return np.array(labels)[canonical_order(task.fitted)]


def test_the_epoch_that_is_best_by_gold_relations_is_told_apart(task: Task) -> None:
    mixed = as_discover_orders(task, [0, 1, 0, 1, 0, 1])
    right = as_discover_orders(task, [1, 1, 0, 0, 0, 0])  # the third instance is not scored
    model = SimpleNamespace(
        epochs_labels_=np.stack([mixed, right, mixed]).astype(np.int16), n_relations_=2, names_={}
    )
    (scores,) = gold_selected(model, task).values()
    assert scores["b3_f1"] == 1.0
    model.epochs_labels_ = model.epochs_labels_[:1]
    assert gold_selected(model, task)["gold_selected"]["b3_f1"] < 1.0
    model.n_relations_ = 1  # the outputs were merged
    assert gold_selected(model, task) == {}


def test_of_a_method_without_epochs_or_unseen_instances_nothing_is_told(
    task: Task, corpus: list[RelationInstance]
) -> None:
    assert gold_selected(SimpleNamespace(), task) == {}
    model = SimpleNamespace(epochs_labels_=np.zeros((2, 6), np.int16), n_relations_=1, names_={})
    unseen = Task(task.fitted, [one for one in corpus if one.relation == "composer"][:2])
    assert gold_selected(model, unseen) == {}
