"""Comparing what a method trained with k-means, without gold relations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import CollapsedError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.methods import ClusteringMethod, load_fitted
from relscout.methods.estimator import Labels
from relscout.methods.kmeans import KMeans
from relscout.methods.rocore import RoCORE
from relscout.methods.training_check import (
    Agreement,
    Neighbourhoods,
    TrainingCheck,
    compare,
    relation_shift,
)

VERBS = ("was born in", "is married to", "works for", "flows through")
NAMES = ("Ann", "Bob", "Eve", "Joe", "Kim", "Lee", "Max")


def sentence(verb: str, number: int) -> RelationInstance:
    head, tail = NAMES[number % 7], f"Mr {NAMES[number // 7 % 7]}"
    text = f"{head} {verb} {tail} number {number}."
    start = len(head) + len(verb) + 2
    return RelationInstance(text, Mention(0, len(head)), Mention(start, start + len(tail)), relation=verb)


@pytest.fixture(scope="module")
def instances() -> list[RelationInstance]:
    """28 instances of each of four relations, mixed; too few for a layout of the neighbour graph."""
    return [sentence(verb, number) for number in range(28) for verb in VERBS]


class VerbEncoder:
    """An encoder whose vectors are the verb with noise, moved by an offset."""

    fingerprint = "verbs"

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def encode(
        self, instances: Sequence[RelationInstance], *, progress: Any = None, on_loss: Any = None
    ) -> NDArray[np.float32]:
        rows = []
        for instance in instances:
            random = np.random.default_rng(crc32(instance.text.encode()))
            verbs = [verb in instance.text for verb in VERBS]
            rows.append([*verbs, *random.normal(scale=0.05, size=12) + self.offset])
        return np.array(rows, dtype=np.float32)


class Shuffled(ClusteringMethod):
    """Training that forgets everything: clusters at random."""

    NAME: ClassVar[str] = "shuffled"
    TRAINS: ClassVar[bool] = True

    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        return np.random.default_rng(0).integers(n_relations, size=len(vectors))

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        keys = (np.abs(vectors).sum(axis=1) * 1e6).astype(np.int64) % self.n_relations_
        return np.eye(self.n_relations_, dtype=np.float32)[keys]


class Learnt(ClusteringMethod):
    """Training that finds the verbs."""

    NAME: ClassVar[str] = "learnt"
    TRAINS: ClassVar[bool] = True

    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        return vectors[:, : len(VERBS)].argmax(axis=1)


class Collapsing(Learnt):
    """Training that collapses."""

    NAME: ClassVar[str] = "collapsing"

    def cluster(self, vectors: NDArray[np.float32], n_relations: int) -> NDArray[np.int64]:
        raise CollapsedError("representations collapsed to a single point")


@dataclass
class Fits:
    """Counts the fits of a method that learns from labels."""

    count: int = 0


class FromLabels(Learnt):
    """Training that accepts labels."""

    NAME: ClassVar[str] = "from-labels"
    LABELS: ClassVar[Labels] = "required"
    fits: ClassVar[Fits] = Fits()

    def fit(self, unlabeled: Any, labeled: Any = None, **others: Any) -> Any:
        self.fits.count += 1
        self.LABELS = "none"  # type: ignore[misc]
        return super().fit(unlabeled, **others)


def test_the_shift_of_a_hand_worked_example() -> None:
    labelled = np.array([[0], [0], [2], [2]], dtype=np.float32)
    corpus = np.array([[3], [5]], dtype=np.float32)
    # means 0 and 2 around 1, so s² = 2; the corpus lies around 4: (4 - 1)² / (2 (1/2 + 1/2))
    assert relation_shift(corpus, labelled, np.array([0, 0, 1, 1]), 2) == pytest.approx(4.5)


def test_the_shift_is_about_one_within_a_population_and_large_outside() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(60, 200))
    vectors = (centres.repeat(5, axis=0) + 0.1 * random.normal(size=(300, 200))).astype(np.float32)
    classes = np.arange(40).repeat(5)
    same = relation_shift(vectors[200:], vectors[:200], classes, 20)
    assert 0.7 < same < 1.4
    assert relation_shift(vectors[200:] + 0.5, vectors[:200], classes, 20) > 3


def test_the_gold_partition_agrees_better_with_the_wording_than_another(
    instances: list[RelationInstance],
) -> None:
    encoder = VerbEncoder()
    graphs = Neighbourhoods(instances, encoder.encode(instances), seed=0)
    gold = np.array([VERBS.index(str(instance.relation)) for instance in instances])
    right, wrong = graphs.agreement(gold), graphs.agreement(np.roll(gold, 1) // 2)
    assert right.wording is not None
    assert wrong.wording is not None
    assert right.wording > wrong.wording
    assert right.vectors > wrong.vectors


def test_without_shared_words_there_is_no_wording(instances: list[RelationInstance]) -> None:
    unlike = [
        RelationInstance(f"a{number} b{number} c{number}", Mention(0, 2), Mention(6, 8))
        for number in range(100)
    ]
    vectors = VerbEncoder().encode(instances[:100])
    assert Neighbourhoods(unlike, vectors, seed=0).agreement(np.arange(100) % 4).wording is None


@pytest.mark.parametrize(
    ("trained", "kept", "why"),
    [
        (Agreement(0.6, 0.3), True, "brought instances of similar wording together"),
        (Agreement(0.6, 0.1), False, "separated instances of similar wording"),
        (Agreement(0.4, 0.3), False, "separated neighbours by the frozen vectors"),
        (Agreement(0.6, None), False, "hardly any instances share words"),
    ],
)
def test_the_partition_that_agrees_better_is_kept(trained: Agreement, kept: bool, why: str) -> None:
    verdict = compare(Agreement(0.62, 0.2), trained)
    assert verdict.trained is kept
    assert why in verdict.why


def test_training_that_makes_it_worse_gives_way_to_k_means(instances: list[RelationInstance]) -> None:
    checked = TrainingCheck(Shuffled(VerbEncoder(), n_relations=4)).fit(instances)
    alone = KMeans(VerbEncoder(), n_relations=4).fit(instances)
    assert isinstance(checked.kept_, KMeans)
    assert checked.labels_.tobytes() == alone.labels_.tobytes()
    assert checked.predict_proba(instances).tobytes() == alone.probabilities_.tobytes()
    assert checked.report_["choice"]["method"] == "kmeans"
    assert checked.report_["warnings"][0].startswith(
        "kmeans was kept instead of shuffled: training separated"
    )


def test_training_that_does_not_make_it_worse_is_kept(instances: list[RelationInstance]) -> None:
    checked = TrainingCheck(Learnt(VerbEncoder(), n_relations=4)).fit(instances)
    assert isinstance(checked.kept_, Learnt)
    assert checked.settings()["n_relations"] == 4
    assert (checked.report_["choice"]["method"], checked.report_["choice"]["compared_with"]) == (
        "learnt",
        "kmeans",
    )
    assert checked.report_["warnings"] == []


def test_the_number_of_relations_is_estimated_once(instances: list[RelationInstance]) -> None:
    class Limited(Learnt):
        NAME: ClassVar[str] = "limited"

        def __init__(
            self, encoder: Any = None, *, n_relations: Any = "auto", seed: int = 0, max_relations: int = 7
        ) -> None:
            self._store(locals())

        def estimated_number(self, vectors: Any, **options: Any) -> int:
            raise AssertionError("k-means has estimated it")

    checked = TrainingCheck(Limited(VerbEncoder())).fit(instances)
    assert checked.NAME == "limited"
    assert checked.settings()["n_relations"] == "auto"
    assert max(checked.report_["k_curve"]["candidates"]) <= 7


def test_training_that_collapses_gives_way_to_k_means(instances: list[RelationInstance]) -> None:
    checked = TrainingCheck(Collapsing(VerbEncoder(), n_relations=4)).fit(instances)
    assert checked.NAME == "kmeans"
    assert checked.report_["warnings"] == [
        "kmeans was kept instead of collapsing: representations collapsed to a single point"
    ]


def test_labels_of_another_domain_are_not_learnt_from(instances: list[RelationInstance]) -> None:
    class Elsewhere(VerbEncoder):
        def encode(self, instances: Any, **options: Any) -> NDArray[np.float32]:
            vectors = super().encode(instances, **options)
            vectors[[instance.text.startswith("Joe") for instance in instances]] += 3
            return vectors

    labelled = [sentence(verb, 3) for verb in VERBS] * 10
    corpus = [instance for instance in instances if not instance.text.startswith("Joe")] + instances[:4]
    before = FromLabels.fits.count
    checked = TrainingCheck(FromLabels(Elsewhere(), n_relations=4)).fit(corpus, labelled)
    assert checked.NAME == "kmeans"
    assert "another domain" in checked.report_["choice"]["why"]
    assert FromLabels.fits.count == before
    same = TrainingCheck(FromLabels(VerbEncoder(), n_relations=4)).fit(corpus, labelled)
    assert same.NAME == "from-labels"
    assert FromLabels.fits.count == before + 1


def test_few_instances_are_not_compared(instances: list[RelationInstance]) -> None:
    checked = TrainingCheck(Shuffled(VerbEncoder(), n_relations=4)).fit(instances[:40])
    assert checked.NAME == "shuffled"
    assert "choice" not in checked.report_


def test_the_order_of_the_input_does_not_change_the_choice(instances: list[RelationInstance]) -> None:
    fits = [
        TrainingCheck(Learnt(VerbEncoder(), n_relations=4)).fit(side) for side in (instances, instances[::-1])
    ]
    assert fits[0].report_ == fits[1].report_
    np.testing.assert_array_equal(fits[0].labels_, fits[1].labels_[::-1])


def test_the_chosen_method_is_saved_and_loaded_as_such(
    instances: list[RelationInstance], tmp_path: Path
) -> None:
    checked = TrainingCheck(Shuffled(VerbEncoder(), n_relations=4)).fit(instances)
    checked.save(tmp_path / "model")
    again = load_fitted(tmp_path / "model", encoder=VerbEncoder())
    assert isinstance(again, KMeans)
    assert again.predict_proba(instances).tobytes() == checked.probabilities_.tobytes()
    loaded = TrainingCheck.load(tmp_path / "model", encoder=VerbEncoder())
    assert loaded.predict_proba(instances).tobytes() == checked.probabilities_.tobytes()


def test_a_method_that_assigns_known_relations_is_refused(instances: list[RelationInstance]) -> None:
    with pytest.raises(SettingError, match="assigns instances to labelled relations"):
        TrainingCheck(RoCORE(incremental=True)).fit(instances, instances)
