from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.methods.estimator import Estimator
from relscout.methods.uie import UIEBERT, UIEPCNN, March, UIEMarch
from relscout.metrics import score

Fit = Callable[..., Estimator]


def corpus_of_facts() -> list[RelationInstance]:
    """240 sentences of three relations, each with 8 heads and 8 tails of its own, and two ways to say it."""
    random = np.random.default_rng(0)
    ways = {
        "born in": ("was born in", "came to life in"),
        "owns": ("owns all of", "has bought"),
        "plays": ("performs on the", "practises the"),
    }
    instances = []
    for relation, phrases in ways.items():
        for number in range(80):
            head, tail = (f"{relation[:2]}{side}{random.integers(8)}" for side in "ht")
            text = f"{head} {phrases[number % 2]} {tail} {number}"
            start = text.index(tail, len(head))
            instances.append(
                RelationInstance(text, Mention(0, len(head)), Mention(start, start + len(tail)), relation)
            )
    return instances


FACTS = corpus_of_facts()
GOLD = [instance.relation for instance in FACTS]


def ari(fitted: Estimator) -> float:
    return score(GOLD, fitted.labels_.tolist()).ari


#: Settings with which entities that repeat in few sentences are learnt.
REPEATED: dict[str, Any] = {
    "batch": 60,
    "link_learning_rate": 0.03,
    "skewness_weight": 0.01,
    "dispersion_weight": 1.0,
}


@pytest.mark.parametrize(
    ("method", "least"),
    [
        (UIEMarch(n_relations=3, annotate=False, epochs=40, learning_rate=0.1, **REPEATED), 0.6),
        (
            UIEPCNN(
                n_relations=3, epochs=15, dimension=16, word_dimension=16, learning_rate=5e-3, **REPEATED
            ),
            0.3,
        ),
    ],
    ids=["uie-march", "uie-pcnn"],
)
def test_relations_are_what_makes_entities_predictable(method: Estimator, least: float) -> None:
    """The two ways of saying a relation share no word, but their entities."""
    fitted = method.fit([RelationInstance(one.text, one.head, one.tail) for one in FACTS])
    assert ari(fitted) > least
    losses = [epoch["link_prediction"] for epoch in fitted.report_["epochs"]]
    assert losses[-1] < losses[0]


def test_march_predicts_entities_better_in_every_epoch_and_reports_it() -> None:
    fitted = March(n_relations=3, epochs=5, annotate=False).fit(FACTS)
    losses = [epoch["link_prediction"] for epoch in fitted.report_["epochs"]]
    assert losses == sorted(losses, reverse=True)
    assert sorted(fitted.report_["epochs"][0]) == ["dispersion", "link_prediction", "skewness"]


def test_the_entropy_weight_of_march_keeps_predictions_undecided() -> None:
    certain, undecided = (
        March(n_relations=3, epochs=10, annotate=False, entropy_weight=weight).fit(FACTS)
        for weight in (0.0, 5.0)
    )
    assert _entropy(undecided) > 2 * _entropy(certain)


def test_the_skewness_loss_makes_predictions_certain() -> None:
    undecided, certain = (
        UIEMarch(
            n_relations=3,
            epochs=5,
            annotate=False,
            learning_rate=0.03,
            skewness_weight=weight,
            dispersion_weight=5.0,
        ).fit(FACTS)
        for weight in (0.0, 5.0)
    )
    assert _entropy(certain) < 0.8 * _entropy(undecided)


def _entropy(fitted: Estimator) -> float:
    """Mean entropy of the predictions in the last epoch."""
    return float(fitted.report_["epochs"][-1]["skewness"])


def test_the_dispersion_loss_keeps_relations_that_are_lost_without_it() -> None:
    lost, kept = (
        UIEMarch(
            n_relations=3,
            epochs=20,
            annotate=False,
            learning_rate=0.05,
            skewness_weight=5.0,
            dispersion_weight=weight,
        ).fit(FACTS)
        for weight in (0.0, 10.0)
    )
    assert lost.n_relations_ < 3
    assert f"{lost.n_relations_} relations were found instead of 3" in lost.report_["warnings"][0]
    assert kept.n_relations_ == 3
    assert kept.report_["warnings"] == []


def test_the_representation_of_features_is_the_root_of_the_probabilities() -> None:
    fitted = March(n_relations=3, epochs=1, annotate=False).fit(FACTS)
    np.testing.assert_allclose(fitted.vectors_**2, fitted.probabilities_, atol=1e-6)


def test_without_training_the_clusters_of_k_means_are_the_relations(
    random_encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    """A learning rate of almost nothing keeps the start."""
    still = {"learning_rate": 1e-12, "epochs": 1}
    fitted = UIEBERT(random_encoder, n_relations=4, **still).fit(few)
    centroids = np.stack([fitted.vectors_[fitted.labels_ == label].mean(axis=0) for label in range(4)])
    distances = np.linalg.norm(fitted.vectors_[:, None] - centroids, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), fitted.labels_)
    drawn = UIEBERT(random_encoder, n_relations=4, start="random", **still).fit(few)
    assert drawn.labels_.tolist() != fitted.labels_.tolist()


def test_layers_of_the_encoder_train_where_asked(
    random_encoder: TransformerEncoder, few: list[RelationInstance]
) -> None:
    options: dict[str, Any] = {"n_relations": 4, "epochs": 1, "training_dtype": "float32"}
    frozen = UIEBERT(random_encoder, **options).fit(few)
    trained = UIEBERT(random_encoder, trained_layers=1, encoder_learning_rate=1e-3, **options).fit(few)
    assert np.abs(frozen.vectors_ - trained.vectors_).max() > 1e-4
    assert sorted(frozen.state()[1]) == ["head.bias", "head.weight"]
    assert any(name.startswith("encoder.") for name in trained.state()[1])


def test_types_are_read_by_the_network_where_asked() -> None:
    typed = [
        RelationInstance(one.text, Mention(one.head.start, one.head.end, kind), one.tail)
        for one, kind in zip(FACTS[:20], ["A", "B"] * 10, strict=True)
    ]
    small: dict[str, Any] = {"n_relations": 2, "epochs": 1, "dimension": 4, "word_dimension": 4}
    without, reading = (
        UIEPCNN(type_dimension=dimension, **small).fit(typed).transform([FACTS[0], typed[0]])
        for dimension in (0, 3)
    )
    assert without[0].tobytes() == without[1].tobytes()
    assert reading[0].tobytes() != reading[1].tobytes()


def test_word_vectors_are_read_from_a_file_and_saved_with_the_network(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("owns 1 0 2\nborn 0 1 3\n", encoding="utf-8")
    small: dict[str, Any] = {"n_relations": 2, "epochs": 1, "dimension": 4, "vectors": str(path)}
    fitted = UIEPCNN(**small).fit(FACTS)
    fitted.save(tmp_path / "model")
    path.unlink()
    loaded = UIEPCNN.load(tmp_path / "model")
    assert loaded.predict_proba(FACTS).tobytes() == fitted.probabilities_.tobytes()


def test_a_sentence_that_is_cut_is_reported() -> None:
    long = " ".join(["word"] * 20)
    texts = [f"Ada {long} met Bob {number}" for number in range(3)]
    instances = [
        RelationInstance(text, Mention(0, 3), Mention(text.index("Bob"), text.index("Bob") + 3))
        for text in texts
    ]
    fitted = UIEPCNN(n_relations=1, epochs=1, dimension=2, max_length=10).fit(instances)
    assert fitted.report_["warnings"] == [
        "in 3 instances, words between the entities were left out: the entities are too far apart for the "
        "maximum length"
    ]


def test_an_interrupted_fit_leaves_the_earlier_one(tmp_path: Path) -> None:
    fitted = March(n_relations=3, epochs=2, annotate=False).fit(FACTS)
    before = json.dumps(fitted.state()[0]), fitted.predict_proba(FACTS).tobytes()

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if (stage, done) == ("train", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted.fit(FACTS[:150], progress=interrupt)
    assert (json.dumps(fitted.state()[0]), fitted.predict_proba(FACTS).tobytes()) == before


@pytest.mark.parametrize(
    ("method", "settings", "complaint"),
    [
        (March, {"entropy_weight": -1.0}, "entropy_weight is -1.0, expected at least 0"),
        (UIEMarch, {"negatives": 0}, "negatives is 0, expected at least 1"),
        (UIEPCNN, {"marking": "none"}, "unknown marking 'none'"),
        (UIEBERT, {"start": "zero"}, "unknown start 'zero': known are clusters, random"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    method: type[Estimator], settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SettingError, match=complaint):
        method(**settings).fit(FACTS)


def test_a_missing_file_of_word_vectors_is_named() -> None:
    with pytest.raises(InputError, match=r"no-such\.txt: No such file"):
        UIEPCNN(n_relations=2, vectors="no-such.txt").fit(FACTS[:10])
