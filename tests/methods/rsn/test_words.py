from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import EncoderSettings, OnLoss, VectorCache
from relscout.methods.rsn import RSN
from relscout.methods.rsn.network import RSNSettings
from relscout.methods.rsn.words import WordNetwork

Few = list[RelationInstance]
Build = Callable[..., RSN]
QUICK = {"reads": "words", "filters": 16, "word_dimension": 8, "layers": "8", "encoder_learning_rate": 1e-2}


class RefusingEncoder:
    """An encoder that must not be run."""

    cache: VectorCache | None = None
    settings = EncoderSettings()
    fingerprint = "e" * 32

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        raise AssertionError("the encoder was run")


@pytest.fixture(scope="module")
def on_words(rsn: Build, few: Few, known: Few) -> RSN:
    """A fit on words; not to be changed."""
    return rsn(encoder=RefusingEncoder(), **QUICK).fit(few, known)


def separable(n_relations: int, first: int = 0) -> Few:
    """Sentences of relations that one word each gives away."""
    verbs = ("admires", "builds", "crosses", "drives", "eats", "finds")
    return [
        RelationInstance.from_strings(
            f"then {name} {verbs[first + relation]} {other} again",
            name,
            other,
            relation=verbs[first + relation],
        )
        for relation in range(n_relations)
        for name, other in (("anna", "rome"), ("ben", "oslo"), ("carl", "bonn"), ("dora", "kiev"))
    ]


def test_the_network_on_words_learns_which_sentences_share_a_relation(rsn: Build) -> None:
    known = separable(4)
    fitted = rsn(n_relations=2, **{**QUICK, "epochs": 20, "pairs": 200, "entropy_weight": 0.0}).fit(
        separable(2, first=4), known
    )
    accuracies = [epoch["accuracy"] for epoch in fitted.report_["epochs"]]
    assert accuracies[-1] > max(0.9, accuracies[0])


def test_the_encoder_is_not_run(on_words: RSN, few: Few) -> None:
    assert on_words.predict(few).tolist() == on_words.labels_.tolist()
    assert on_words.transform(few).tobytes() == on_words.vectors_.tobytes()


def test_it_predicts_the_same_once_saved_and_loaded(
    random_encoder: Any, rsn: Build, few: Few, known: Few, tmp_path: Path
) -> None:
    fitted = rsn(**QUICK).fit(few, known)
    fitted.save(tmp_path / "model")
    loaded = RSN.load(tmp_path / "model", encoder=random_encoder)
    assert loaded.predict_proba(few).tobytes() == fitted.probabilities_.tobytes()


@pytest.mark.parametrize(
    "settings",
    [{"adversarial_weight": 0.5}, {"entropy_weight": 0.0}, {"windows": "2-3"}, {"filters": 8}],
)
def test_each_setting_changes_the_fit(
    settings: dict[str, Any], rsn: Build, few: Few, known: Few, on_words: RSN
) -> None:
    changed = rsn(encoder=RefusingEncoder(), **{**QUICK, **settings}).fit(few, known)
    assert changed.probabilities_.tobytes() != on_words.probabilities_.tobytes()


def test_the_order_of_either_side_changes_nothing(rsn: Build, few: Few, known: Few, on_words: RSN) -> None:
    turned = rsn(encoder=RefusingEncoder(), **QUICK).fit(few[::-1], known[::-1])
    assert turned.probabilities_[::-1].tobytes() == on_words.probabilities_.tobytes()


def test_word_vectors_of_a_file_are_the_first_embeddings(few: Few, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2 3\n", encoding="utf-8")
    settings = RSNSettings(reads="words", filters=4, word_vectors=str(path))
    network = WordNetwork.untrained(few, settings=settings, seed=0)
    row = network.words().index("the")
    assert network.weights()["tables.words.weight"][row].tolist() == [1, 2, 3]


def test_a_file_of_word_vectors_that_is_missing_is_named(
    rsn: Build, few: Few, known: Few, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"none\.txt: No such file"):
        rsn(**QUICK, word_vectors=str(tmp_path / "none.txt")).fit(few, known)


def test_a_sentence_that_is_cut_is_reported(rsn: Build, few: Few, known: Few) -> None:
    long = RelationInstance.from_strings(f"anna {'and then ' * 100} met ben", "anna", "ben")
    fitted = rsn(**QUICK).fit([long, *few[1:]], known)
    assert any(warning.startswith("in 1 instance,") for warning in fitted.report_["warnings"])
