"""``method="auto"``, and the check of what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.discovery.choosing import candidate, choice_line
from relscout.encoders import TransformerEncoder
from relscout.methods import ClusteringMethod
from relscout.methods.kmeans import KMeans

Instances = list[RelationInstance]


class Shuffled(ClusteringMethod):
    """Training that forgets everything: clusters by a digit of the vectors."""

    NAME: ClassVar[str] = "shuffled"
    TRAINS: ClassVar[bool] = True

    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        return np.arange(len(vectors)) % n_relations


@pytest.mark.parametrize(
    ("given", "method"),
    [
        ({"labelled": True, "every_pair": False}, "transfer"),
        ({"labelled": True, "every_pair": True}, "transfer"),
        ({"labelled": False, "every_pair": True}, "hac"),
        ({"labelled": False, "every_pair": False, "frozen": True}, "kmeans"),
        ({"labelled": False, "every_pair": False, "n_instances": 99}, "kmeans"),
        ({"labelled": False, "every_pair": False, "n_instances": 100}, "selfore"),
        ({"labelled": False, "every_pair": False, "n_instances": 1_000_000}, "kmeans"),
    ],
)
def test_what_is_compared_depends_on_what_is_given(given: dict[str, Any], method: str) -> None:
    chosen = candidate(**given)
    assert chosen.method == method
    assert bool(chosen.why) == (method in ("hac", "kmeans"))


def test_labels_are_learnt_from_without_a_comparison_where_there_are_few_instances() -> None:
    chosen = candidate(labelled=True, every_pair=False, n_instances=99)
    assert chosen.method == "transfer"
    assert "too few to compare" in chosen.why


def test_vectors_and_labels_do_not_go_together() -> None:
    with pytest.raises(SettingError, match="cannot be trained on them"):
        candidate(labelled=True, every_pair=False, frozen=True)


def test_a_line_says_what_was_chosen_and_why() -> None:
    choice = {"method": "kmeans", "compared_with": "rocore", "why": "it is better"}
    assert choice_line(choice) == "kmeans was kept instead of rocore: it is better"
    assert choice_line({**choice, "compared_with": None}) == "kmeans was chosen: it is better"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"settings": {"n_init": 3}}, "chooses its settings"),
        ({"after": [object()]}, "cannot continue from earlier runs"),
    ],
)
def test_what_contradicts_a_choice_is_refused(
    instances: Instances, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SettingError, match=complaint):
        discover(instances, method="auto", **options)


def test_few_instances_are_clustered_by_k_means(
    instances: Instances, found: Discovery, encoder: TransformerEncoder
) -> None:
    chosen = discover(instances, method="auto", n_relations=5, encoder=encoder)
    assert chosen.run["method"] == "kmeans"
    assert choice_line(chosen.run["choice"]) == "kmeans was chosen: 90 instances are too few to learn from"
    np.testing.assert_array_equal(chosen.assignments.relation_ids, found.assignments.relation_ids)


@pytest.fixture(scope="module")
def enough(corpus: Instances) -> Instances:
    """110 instances of five relations: enough to compare, and too few for a layout of the neighbour graph."""
    names = ("place of birth", "spouse", "capital of", "river mouth", "orbits")
    return [
        instance for name in names for instance in [other for other in corpus if other.relation == name][:22]
    ]


def test_k_means_replaces_what_training_made_worse(
    enough: Instances, encoder: TransformerEncoder, tmp_path: Path
) -> None:
    checked = discover(enough, method=Shuffled, n_relations=5, encoder=encoder)
    assert isinstance(checked.model, KMeans)
    assert checked.run["method"] == "kmeans"
    assert checked.run["warnings"][0] == choice_line(checked.run["choice"])
    checked.save(tmp_path / "run")
    again = Discovery.load(tmp_path / "run")
    assert isinstance(again.model, KMeans)
    assert again.run["choice"] == checked.run["choice"]
    np.testing.assert_array_equal(again.model.predict(enough), checked.assignments.relation_ids)


def test_what_was_trained_stays_where_no_check_is_wanted(
    enough: Instances, encoder: TransformerEncoder
) -> None:
    trusted = discover(enough, method=Shuffled, n_relations=5, encoder=encoder, check_training=False)
    assert trusted.run["method"] == "shuffled"
    assert "choice" not in trusted.run


def test_the_check_reaches_the_method_within_a_detector_of_unrelated_pairs(
    enough: Instances, encoder: TransformerEncoder
) -> None:
    checked = discover(enough, method=Shuffled, n_relations=5, encoder=encoder, none=0.0)
    assert isinstance(checked.model.method, KMeans)  # type: ignore[attr-defined]
    assert checked.run["method"] == "kmeans"
