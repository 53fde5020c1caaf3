from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.finetuning.cnn_fewshot import CNNFewShot

Some = list[RelationInstance]

SMALL: dict[str, Any] = {
    "iterations": 40,
    "check_every": 20,
    "dimension": 24,
    "word_dimension": 12,
    "train_ways": 4,
    "train_shots": 3,
    "train_queries": 3,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def fitted(predefined: Some) -> CNNFewShot:
    return CNNFewShot(**SMALL).fit(predefined)


def test_it_learns_relations_by_their_words(fitted: CNNFewShot, novel: Some) -> None:
    (score,) = fitted.evaluate_grid(novel, ways=[3], shots=[5], episodes=300)
    assert score.accuracy > 0.6  # chance is 1/3
    losses = [epoch["loss"] for epoch in fitted.report_["epochs"]]
    assert losses[-1] < 0.5 * losses[0]


def test_the_same_seed_gives_the_same_and_the_order_does_not_matter(
    fitted: CNNFewShot, predefined: Some, novel: Some
) -> None:
    again = CNNFewShot(**SMALL).fit(predefined[::-1])
    assert again.report_ == fitted.report_
    grids = [one.evaluate_grid(novel, ways=[2, 3], shots=[1], episodes=100) for one in (fitted, again)]
    assert grids[0] == grids[1]
    assert CNNFewShot(**SMALL, seed=1).fit(predefined).report_ != fitted.report_


def test_the_best_weights_on_dev_are_kept(predefined: Some, held: Some, novel: Some) -> None:
    chosen = CNNFewShot(**{**SMALL, "check_every": 10, "dimension": 4}).fit(
        predefined + held[:0], _five(held, novel)
    )
    scores = [epoch["dev"] for epoch in chosen.report_["epochs"]]
    assert scores[chosen.report_["chosen_epoch"] - 1] == max(scores)


def test_interrupted_training_resumes_with_the_same_result(
    fitted: CNNFewShot, predefined: Some, tmp_path: Path
) -> None:
    def stops(stage: str, done: int, _: int | None) -> None:
        if stage == "episodes" and done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CNNFewShot(**SMALL).fit(predefined, progress=stops, checkpoints=tmp_path)
    assert any(tmp_path.iterdir())
    resumed = CNNFewShot(**SMALL).fit(predefined, checkpoints=tmp_path)
    assert resumed.report_ == fitted.report_
    assert not any(tmp_path.iterdir())


def test_what_was_learnt_is_not_scored_and_what_is_untrained_does_not_score(
    fitted: CNNFewShot, predefined: Some, novel: Some
) -> None:
    with pytest.raises(InputError, match="were learnt in training and are in the test"):
        fitted.evaluate_grid([*novel, *predefined], ways=[2], shots=[1])
    with pytest.raises(SettingError, match="not trained; call fit"):
        CNNFewShot().evaluate_grid(novel, ways=[2], shots=[1])


def test_pieces_tags_and_similarity_are_settings_of_the_network(predefined: Some, novel: Some) -> None:
    quick = {**SMALL, "iterations": 2, "check_every": 2}
    grids = []
    for more in ({}, {"pooling": "pieces"}, {"tag_dimension": 4}, {"similarity": "dot", "unit_length": True}):
        made = CNNFewShot(**{**quick, **more}).fit(predefined)
        (score,) = made.evaluate_grid(novel, ways=[3], shots=[1], episodes=200)
        grids.append(round(score.accuracy, 3))
    assert len(set(grids)) == 4


def _five(held: Some, novel: Some) -> Some:
    """Instances of the five relations that an episode of ``dev`` has."""
    dev = [*held, *novel]
    assert len({one.relation for one in dev}) == 5
    return dev


def test_vectors_are_those_of_the_papers_distance(fitted: CNNFewShot, novel: Some) -> None:
    vectors = fitted._vectors(novel, progress=lambda *_: None, on_loss=None)
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1)
