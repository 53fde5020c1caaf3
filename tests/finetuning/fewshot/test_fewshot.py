from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relscout.core.errors import ArtifactError, InputError, OutputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.saved import save_encoder
from relscout.encoders.settings import settings_for
from relscout.finetuning.fewshot import FewShot
from relscout.finetuning.fewshot_training import OBJECTIVES, FewShotSettings

Build = Callable[..., FewShot]
Some = list[RelationInstance]


def renamed(instances: Some) -> Some:
    """The same instances with relations of other names, in another alphabetic order."""
    return [replace(one, relation=str(one.relation)[::-1]) for one in instances]


@pytest.fixture(scope="module")
def frozen(fewshot: Build, predefined: Some) -> FewShot:
    """A classifier that has only seen the mean of the labelled instances; not to be changed."""
    return fewshot(iterations=0).fit(predefined)


@pytest.fixture(scope="module", params=OBJECTIVES)
def uninterrupted(request: pytest.FixtureRequest, fewshot: Build, predefined: Some, held: Some) -> FewShot:
    """A fit by each objective; not to be changed."""
    return fewshot(objective=request.param).fit(predefined, held)


def test_neither_the_order_nor_the_names_change_a_number(
    uninterrupted: FewShot, fewshot: Build, predefined: Some, held: Some, novel: Some
) -> None:
    again = fewshot(objective=uninterrupted.settings()["objective"])
    again.fit(renamed(predefined[::-1]), renamed(held[::-1]))
    assert again.report_ == uninterrupted.report_
    score = uninterrupted.evaluate(novel, ways=3, shots=2, episodes=200)
    assert again.evaluate(renamed(novel[::-1]), ways=3, shots=2, episodes=200) == score
    assert uninterrupted.evaluate(novel, ways=3, shots=2, episodes=200, seed=1) != score


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_without_dev_the_last_weights_are_taken_and_training_changes_them(
    objective: str, fewshot: Build, predefined: Some, novel: Some
) -> None:
    found = fewshot(objective=objective).fit(predefined)
    n_epochs = {"relations": 6, "episodes": 3}[objective]
    assert found.report_["chosen_epoch"] == len(found.report_["epochs"]) == n_epochs
    assert not np.allclose(found.trained_encoder.encode(novel), found.encoder.encode(novel), atol=1e-3)


def test_the_encoder_stays_as_it_is_where_training_makes_it_worse_on_dev(
    fewshot: Build, predefined: Some, held: Some, novel: Some
) -> None:
    found = fewshot(objective="episodes", learning_rate=1e-9).fit(predefined, held)
    assert found.report_["chosen_epoch"] == 0, "what is no better does not replace it"
    assert found.report_["dev_untuned"] == found.report_["epochs"][-1]["dev"]
    assert found.trained_encoder is found.encoder


def test_a_sentence_that_is_there_twice_is_never_asked_by_itself(frozen: FewShot, novel: Some) -> None:
    doubled = [*novel, *(replace(one, id=f"copy of {one.id}") for one in novel)]
    found = frozen.evaluate(doubled, ways=3, shots=2, episodes=200)
    plain = frozen.evaluate(novel, ways=3, shots=2, episodes=200)
    assert found.accuracy == plain.accuracy
    assert found.warnings[0].startswith("36 of 72 labelled instances repeat another one")


def test_a_grid_has_the_scores_of_its_cells(frozen: FewShot, novel: Some) -> None:
    grid = frozen.evaluate_grid(novel, ways=[2, 3], shots=[1, 2], queries=2, episodes=50)
    assert [(one.ways, one.shots) for one in grid] == [(2, 1), (2, 2), (3, 1), (3, 2)]
    assert grid[2] == frozen.evaluate(novel, ways=3, shots=1, queries=2, episodes=50)


def test_what_was_learnt_is_not_novel(frozen: FewShot, predefined: Some, novel: Some) -> None:
    both = [*novel, *(one for one in predefined if one.relation == "composer")]
    with pytest.raises(
        InputError, match="1 relation was learnt in training and is in the test, too: 'composer'; give"
    ):
        frozen.evaluate(both, ways=3, shots=1)
    dropped = frozen.evaluate(both, ways=3, shots=1, known="drop", episodes=50)
    assert dropped.accuracy == frozen.evaluate(novel, ways=3, shots=1, episodes=50).accuracy
    assert dropped.relations == 3
    assert dropped.warnings[0].startswith("12 instances were left out: 1 relation was learnt")
    assert frozen.evaluate(both, ways=3, shots=1, known="keep", episodes=50).relations == 4


def test_sentences_that_were_learnt_from_under_another_name_are_left_out(
    frozen: FewShot, predefined: Some, novel: Some
) -> None:
    found = frozen.evaluate([*novel, *renamed(predefined[:5])], ways=3, shots=1, episodes=50)
    assert found.relations == 3
    assert found.warnings[0].startswith("5 instances in the test were left out")


def test_dev_has_other_relations_than_training(fewshot: Build, predefined: Some) -> None:
    with pytest.raises(InputError, match="4 relations were learnt in training and are in dev, too"):
        fewshot().fit(predefined, predefined)


def test_what_the_weights_were_chosen_by_is_not_novel(
    uninterrupted: FewShot, held: Some, novel: Some, tmp_path: Path
) -> None:
    uninterrupted.save(tmp_path / "model")
    both = [*novel, *held[:12]]
    for found in (uninterrupted, FewShot.load(tmp_path / "model")):
        with pytest.raises(
            InputError, match=r"2 relations were used to choose the weights \(dev\) and are in the test"
        ):
            found.evaluate(both, ways=3, shots=1)
        with pytest.raises(
            InputError, match="0"
        ):  # under other names their sentences are left out, all of them
            found.evaluate(renamed(held), ways=2, shots=1)
        dropped = found.evaluate(both, ways=3, shots=1, known="drop", episodes=50)
        assert dropped.relations == 3
        assert dropped.warnings[0].startswith("12 instances were left out: 2 relations were used to choose")


def test_relations_that_the_encoder_had_learnt_before_are_told(
    tiny_bert: Path, novel: Some, tmp_path: Path
) -> None:
    base = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="span-mean", device="cpu"))
    save_encoder(tmp_path / "taught", base, made={"relations": ["spouse", "orbits"]})
    taught = TransformerEncoder(settings_for(str(tmp_path / "taught"), device="cpu"))
    score = FewShot(taught).evaluate(novel, ways=2, shots=1, episodes=50)
    assert score.warnings == (
        f"the encoder {str(tmp_path / 'taught')!r} has learnt 1 of the 3 scored relations from labels",
    )


def test_work_is_kept_until_the_model_is_safe(
    fewshot: Build, predefined: Some, novel: Some, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        fewshot().fit(predefined, checkpoints=tmp_path / "work", out=tmp_path / "file" / "model")
    assert list((tmp_path / "work").iterdir())
    steps: list[int] = []
    found = fewshot().fit(
        predefined,
        progress=lambda stage, done, _: steps.append(done) if stage == "train" else None,
        checkpoints=tmp_path / "work",
        out=tmp_path / "new" / "model",
    )
    assert steps == []
    assert list((tmp_path / "work").iterdir()) == []
    loaded = FewShot.load(tmp_path / "new" / "model")
    assert loaded.report_ == found.report_
    assert loaded.report_["chosen_epoch"] > 0


def test_sentences_are_told_by_examples(
    frozen: FewShot, predefined: Some, novel: Some, tiny: TransformerEncoder
) -> None:
    support, queries = novel[:9], [one.without_relation() for one in novel[9:]]
    names, found = frozen.classify_proba(support, queries)
    assert sorted(names) == ["capital of", "river mouth", "spouse"]
    assert (found.shape, found.dtype) == ((27, 3), np.float32)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    labels = frozen.classify(support, queries)
    assert labels == [names[place] for place in found.argmax(axis=1)]
    assert frozen.classify(support[::-1], queries[::-1]) == labels[::-1]
    assert frozen.classify(support, support) != [], "an example may be asked"
    assert frozen.classify(support, []) == []
    # one query by hand: softmax of −16 ‖q − p‖² around the mean of the labelled instances
    unit = lambda rows: rows / np.linalg.norm(rows, axis=-1, keepdims=True)  # noqa: E731
    centre = unit(tiny.encode(predefined)).mean(axis=0)
    vectors = unit(unit(tiny.encode([*support, queries[0]])) - centre)
    distances = [
        np.square(
            vectors[-1]
            - np.mean([v for v, one in zip(vectors, support, strict=False) if one.relation == name], axis=0)
        ).sum()
        for name in names
    ]
    weights = np.exp(-16 * np.array(distances))
    np.testing.assert_allclose(found[0], weights / weights.sum(), rtol=1e-3)


def test_saved_and_loaded_it_is_the_same(
    fewshot: Build, predefined: Some, novel: Some, tmp_path: Path
) -> None:
    found = fewshot(seed=3).fit(predefined)
    found.save(tmp_path / "model")
    loaded = FewShot.load(tmp_path / "model")
    assert (loaded.relations_, loaded.settings()) == (
        found.relations_,
        {**found.settings(), "encoder": loaded.settings()["encoder"]},
    )
    score = found.evaluate(novel, ways=3, shots=1, episodes=100)
    assert loaded.evaluate(novel, ways=3, shots=1, episodes=100) == score
    with pytest.raises(InputError, match="4 relations were learnt in training"):
        loaded.evaluate(predefined, ways=3, shots=1)


@pytest.mark.parametrize("similarity", ["dot", "euclid"])
def test_prototypes_of_hidden_states_are_the_same_after_loading(
    similarity: str, fewshot: Build, predefined: Some, novel: Some, tmp_path: Path
) -> None:
    raw = fewshot(
        similarity=similarity, unit_length=False, objective="episodes", train_batch=2, centred=False
    )
    vectors = raw.encoder.as_states().encode(novel).astype(np.float64)
    examples, queries = vectors[:6].reshape(2, 3, -1), vectors[6:]  # relations alternate by three
    prototypes = examples.mean(axis=0)
    scores = queries @ prototypes.T
    if similarity == "euclid":
        scores = -np.square(queries[:, None] - prototypes).sum(axis=2)
    names = [str(one.relation) for one in novel[:3]]
    expected = [names[place] for place in scores.argmax(axis=1)]
    assert raw.classify(novel[:6], novel[6:]) == expected
    raw.fit(predefined)
    raw.save(tmp_path / "raw")
    loaded = FewShot.load(tmp_path / "raw")
    for trained in (raw, loaded):
        assert not trained.trained_encoder.of_unit_length
    np.testing.assert_array_equal(
        raw.classify_proba(novel[:6], novel[6:])[1], loaded.classify_proba(novel[:6], novel[6:])[1]
    )


def test_queries_refine_the_prototypes_and_so_after_loading(
    fewshot: Build, frozen: FewShot, predefined: Some, novel: Some, tmp_path: Path
) -> None:
    refined = fewshot(iterations=0, refinements=2).fit(predefined)
    examples, queries = novel[:9], novel[9:]
    names, shares = refined.classify_proba(examples, queries)
    assert not np.allclose(shares, frozen.classify_proba(examples, queries)[1], atol=1e-3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    refined.save(tmp_path / "model")
    again = FewShot.load(tmp_path / "model").classify_proba(examples, queries)
    assert again[0] == names
    np.testing.assert_allclose(again[1], shares, atol=1e-5)


def test_another_encoder_than_was_fitted_with_is_refused(
    frozen: FewShot, tiny_bert_without_unused: Path, novel: Some, tmp_path: Path
) -> None:
    frozen.save(tmp_path / "model")
    loaded = FewShot.load(tmp_path / "model")
    settings = EncoderSettings(model=str(tiny_bert_without_unused), pooling="span-mean", device="cpu")
    loaded.encoder = TransformerEncoder(settings)
    with pytest.raises(ArtifactError, match="is not the one this model was fitted with"):
        loaded.classify(novel[:6], novel)


def test_it_works_before_anything_was_learnt(fewshot: Build, novel: Some, tmp_path: Path) -> None:
    fresh = fewshot()
    score = fresh.evaluate(novel, ways=2, shots=1, episodes=50)
    fresh.save(tmp_path / "model")
    assert FewShot.load(tmp_path / "model").evaluate(novel, ways=2, shots=1, episodes=50) == score


def test_an_encoder_that_is_shown_the_direction_learns_no_inverses(tiny_bert: Path, predefined: Some) -> None:
    encoder = TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), marking="C+M", pooling="start", device="cpu")
    )
    settings: dict[str, Any] = {
        "iterations": 1,
        "trained_layers": 1,
        "objective": "episodes",
        "dtype": "float32",
    }
    assert FewShot(encoder, **settings).fit(predefined).report_["inverses"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ways": 5, "shots": 1}, "episodes of 5 relations need as many, but there are 3"),
        ({"ways": 2, "shots": 12}, "there are 0; .* 3 relations have fewer than the 13 instances"),
        ({"ways": 2, "shots": 1, "episodes": 1}, "episodes is 1, expected at least 2"),
        ({"ways": 2, "shots": 1, "known": "ask"}, "unknown choice for known relations 'ask'"),
        ({"ways": 2, "shots": 1, "seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    arguments: dict[str, Any], message: str, frozen: FewShot, novel: Some
) -> None:
    with pytest.raises((InputError, SettingError), match=message):
        frozen.evaluate(novel, **arguments)


def test_what_has_no_relation_is_refused(frozen: FewShot, novel: Some) -> None:
    bare = [novel[0].without_relation(), *novel[1:]]
    for what in (
        lambda: frozen.evaluate(bare, ways=2, shots=1),
        lambda: frozen.classify(bare, novel),
        lambda: frozen.fit(bare),
    ):
        with pytest.raises(InputError, match="1 of 36 labelled instances have no gold relation"):
            what()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"similarity": "manhattan"}, "unknown similarity 'manhattan'"),
        ({"objective": "episode"}, "unknown objective 'episode': did you mean 'episodes'"),
        ({"iterations": -1}, "iterations is -1"),
        ({"train_ways": 1}, "train_ways is 1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"sharpness": 0.0}, "sharpness is 0.0"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        FewShotSettings(**settings)
