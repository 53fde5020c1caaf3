from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from relscout.core.instances import RelationInstance, canonical_order
from relscout.lab.measuring import epoch_scores, open_world
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


def model_of(epochs: np.ndarray, **more: object) -> SimpleNamespace:
    """A fitted model as far as its epochs are read."""
    return SimpleNamespace(
        **{"epochs_labels_": epochs.astype(np.int16), "n_relations": 2, "n_clusters": 0, "names_": {}, **more}
    )


def test_the_last_epoch_and_the_one_that_gold_relations_select_are_scored(task: Task) -> None:
    mixed = as_discover_orders(task, [0, 1, 0, 1, 0, 1])
    right = as_discover_orders(task, [1, 1, 0, 0, 0, 0])  # the third instance is not scored
    scores = epoch_scores(model_of(np.stack([mixed, right, mixed])), task)
    assert (scores["gold_selected"]["b3_f1"], scores["gold_selected"]["epoch"]) == (1.0, 2)
    assert scores["last_epoch"]["b3_f1"] < 1.0
    of_epochs = scores["gold_selected"]["epochs_b3_f1"]
    assert of_epochs == pytest.approx([scores["last_epoch"]["b3_f1"], 1.0, of_epochs[0]])


def test_outputs_that_are_no_predictions_are_not_scored(task: Task) -> None:
    epochs = np.zeros((2, 6))
    assert epoch_scores(model_of(epochs, n_clusters=2), task)
    assert epoch_scores(model_of(epochs, n_clusters=8), task) == {}, "eight outputs were merged into two"
    assert epoch_scores(model_of(epochs, names_={0: "spouse"}), task) == {}
    assert epoch_scores(SimpleNamespace(names_={}, n_relations=2), task) == {}


def test_unseen_instances_are_scored_in_every_epoch_if_they_were_watched(
    task: Task, corpus: list[RelationInstance]
) -> None:
    unseen = [[one for one in corpus if one.relation == name][5] for name in ("orbits", "spouse")]
    other = Task(task.fitted, [*unseen, unseen[0], task.fitted[0]])
    epochs = np.stack([as_discover_orders(task, [0, 0, 0, 1, 1, 1])] * 2)
    assert epoch_scores(model_of(epochs), other) == {}
    scores = epoch_scores(model_of(epochs, watched_labels_=np.array([[1, 0], [0, 1]])), other)
    assert (scores["last_epoch"]["b3_f1"], scores["gold_selected"]["epoch"]) == (1.0, 2)
    assert scores["gold_selected"]["epochs_b3_f1"][0] < 1.0


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
