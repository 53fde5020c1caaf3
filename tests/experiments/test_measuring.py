from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from relscout.core.instances import RelationInstance, canonical_order
from relscout.lab.measuring import gold_selected, open_world
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


def test_known_and_novel_relations_are_scored_by_names_clusters_and_evidence(
    corpus: list[RelationInstance],
) -> None:
    spouse, orbits = ([one for one in corpus if one.relation == name][:3] for name in ("spouse", "orbits"))
    task = Task([*spouse[:2], *orbits], [*spouse[:2], *orbits], [spouse[2]], mixed=True)
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]], np.float32)
    model = SimpleNamespace(
        names_={0: "spouse"},
        n_relations_=2,
        probabilities_=shares[canonical_order(task.fitted)],
    )
    assigned = shares.argmax(axis=1)
    (scores,) = open_world(SimpleNamespace(model=model), task, assigned, task.labeled).values()
    assert scores["predefined_accuracy"] == 0.5
    assert scores["novel_ari"] == 1.0
    assert scores["novelty_f1"] == pytest.approx(2 * 3 / (4 + 3))
    assert scores["novelty_auroc"] == 1.0
    other = Task(task.fitted, task.scored, task.labeled)
    assert open_world(SimpleNamespace(model=model), other, assigned, task.labeled) == {}


def test_clusters_without_names_have_no_evidence_of_novelty(corpus: list[RelationInstance]) -> None:
    both = [one for one in corpus if one.relation in ("spouse", "orbits")][::20]
    task = Task(both, both, [one for one in corpus if one.relation == "spouse"][:1], mixed=True)
    model = SimpleNamespace(names_={}, n_relations_=2)
    assigned = np.zeros(len(both), dtype=np.int64)
    (scores,) = open_world(SimpleNamespace(model=model), task, assigned, None).values()
    assert (scores["predefined_accuracy"], scores["novelty_auroc"]) == (0.0, None)
