from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.pooling import encodes_direction, parse_pooling, turned
from relscout.encoders.tunable import Prepared, TunableEncoder, turned_by
from relscout.training.cosine_classifier import (
    NO_INVERSE,
    CosineClassifierSettings,
    CosineClassifierTrainer,
    Heads,
)

Labels = NDArray[np.int64]
Build = Callable[..., CosineClassifierTrainer]

SMALL = CosineClassifierSettings(
    supervised_layers=1, supervised_steps=0, supervised_batch=8, supervised_dtype="float32"
)


def encoder_of(model: Path, **settings: Any) -> TransformerEncoder:
    settings = {"pooling": "span-mean@1+span-mean+sentence", "device": "cpu", **settings}
    return TransformerEncoder(EncoderSettings(model=str(model), **settings))


@pytest.fixture(scope="session")
def sentences(corpus: list[RelationInstance]) -> tuple[list[RelationInstance], Labels]:
    """20 sentences of each of two relations, mixed, and which relation each has."""
    names = ("spouse", "capital of")
    chosen = [[one for one in corpus if one.relation == name][:20] for name in names]
    return [one for pair in zip(*chosen, strict=True) for one in pair], np.tile([0, 1], 20)


@pytest.fixture
def tunable(tiny_bert: Path) -> TunableEncoder:
    return TunableEncoder(encoder_of(tiny_bert), trained_layers=1, dropout=0.0)


@pytest.fixture
def prepared(tunable: TunableEncoder, sentences: tuple[list[RelationInstance], Labels]) -> Prepared:
    return tunable.prepare(sentences[0])


@pytest.fixture
def teacher(
    tunable: TunableEncoder, prepared: Prepared, sentences: tuple[list[RelationInstance], Labels]
) -> Build:
    def build(settings: CosineClassifierSettings = SMALL, seed: int = 0) -> CosineClassifierTrainer:
        return CosineClassifierTrainer(tunable, prepared, sentences[1], settings=settings, seed=seed)

    return build


def exchanged(instance: RelationInstance) -> RelationInstance:
    return replace(instance, id="", head=instance.tail, tail=instance.head)


def test_vectors_turned_are_those_of_the_sentence_with_head_and_tail_exchanged(
    tunable: TunableEncoder, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    found = tunable.encode(tunable.prepare(sentences[0]))
    other = tunable.encode(tunable.prepare([exchanged(one) for one in sentences[0]]))
    assert not np.allclose(found, other)
    np.testing.assert_allclose(turned_by(tunable.base, torch.from_numpy(found)).numpy(), other, atol=1e-6)


def test_turning_exchanges_the_halves_of_parts_that_read_both_mentions() -> None:
    parts = parse_pooling("start@1+sentence+span-max")
    vectors = torch.arange(10.0)[None]  # 2 + 2, 2, 2 + 2 of two dimensions each
    assert turned(vectors, parts, 2)[0].tolist() == [2, 3, 0, 1, 4, 5, 8, 9, 6, 7]
    torch.testing.assert_close(turned(turned(vectors, parts, 2), parts, 2), vectors)


def test_only_parts_that_read_both_mentions_tell_the_direction() -> None:
    assert encodes_direction(parse_pooling("sentence+span-mean@1"))
    assert not encodes_direction(parse_pooling("sentence+between+cls"))


@pytest.mark.parametrize("settings", [{"marking": "markers"}, {"pooling": "sentence+between"}])
def test_inverses_need_vectors_that_can_be_turned(
    settings: dict[str, str], tiny_bert: Path, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    tunable = TunableEncoder(encoder_of(tiny_bert, **settings), trained_layers=1)
    prepared = tunable.prepare(sentences[0])
    with pytest.raises(SettingError, match="inverses=false"):
        CosineClassifierTrainer(tunable, prepared, sentences[1], settings=SMALL, seed=0)
    without = replace(SMALL, inverses=False)
    assert list(CosineClassifierTrainer(tunable, prepared, sentences[1], settings=without, seed=0).epochs())


@pytest.mark.parametrize("inverses", [True, False])
def test_the_loss_is_the_cross_entropy_of_sharpened_cosines(
    inverses: bool, teacher: Build, tunable: TunableEncoder, prepared: Prepared, sentences: Any
) -> None:
    # one step over all sentences: the loss of the epoch is that before the step
    settings = replace(
        SMALL, inverses=inverses, supervised_dropout=0.0, sharpness=5.0, supervised_batch=len(sentences[1])
    )
    built = teacher(settings)
    vectors = tunable.encode_contents(prepared).astype(np.float64)
    classes = np.empty(len(prepared.lengths), dtype=np.int64)
    classes[prepared.row_of] = sentences[1]
    if inverses:
        backwards = turned_by(tunable.base, torch.from_numpy(vectors)).numpy()
        vectors, classes = np.concatenate([vectors, backwards]), np.concatenate([classes, classes + 2])
    directions = built.state.arrays()["directions.weight"].astype(np.float64)
    losses, hits = [], 0
    for vector, label in zip(vectors, classes, strict=True):
        scores = np.array(
            [5.0 * vector @ one / (np.linalg.norm(vector) * np.linalg.norm(one)) for one in directions]
        )
        losses.append(np.log(np.exp(scores).sum()) - scores[label])
        hits += int(scores.argmax() == label)
    (result,) = built.epochs()
    assert result.loss == pytest.approx(np.mean(losses), abs=1e-4)
    assert result.accuracy == hits / len(classes)


def test_relations_compete_within_their_set_and_known_inverses_share_a_direction(
    tunable: TunableEncoder, tiny_bert: Path, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    prepared = tunable.prepare(sentences[0])
    places = np.arange(len(sentences[1]))
    classes = sentences[1] + 2 * (places % 2)  # relations 0 and 1 are one set, 2 and 3 the other
    # 0 is the inverse of 1 and 2 is symmetric, so that only 3 has an inverse of its own: the direction 4
    heads = Heads(np.array([0, 0, 1, 1]), np.array([1, 0, 2, NO_INVERSE]))
    settings = replace(SMALL, supervised_dropout=0.0, sharpness=5.0, supervised_batch=len(classes))
    trainer = CosineClassifierTrainer(tunable, prepared, classes, settings=settings, seed=0, heads=heads)
    directions = trainer.state.arrays()["directions.weight"].astype(np.float64)
    assert len(directions) == 5
    vectors = tunable.encode(prepared).astype(np.float64)
    turned_vectors = turned_by(tunable.base, torch.from_numpy(vectors)).numpy()
    sets = np.array([0, 0, 1, 1, 1])
    losses = []
    for of_relation, both in ((classes, vectors), (np.array([1, 0, 2, 4])[classes], turned_vectors)):
        for vector, label in zip(both, of_relation, strict=True):
            cosines = directions @ vector / (np.linalg.norm(vector) * np.linalg.norm(directions, axis=1))
            scores = 5.0 * cosines[sets == sets[label]]
            losses.append(np.log(np.exp(scores).sum()) - 5.0 * cosines[label])
    (result,) = trainer.epochs()
    assert result.loss == pytest.approx(np.mean(losses), abs=1e-4)


def test_a_relation_and_its_inverse_are_two(teacher: Build) -> None:
    assert teacher().state.arrays()["directions.weight"].shape[0] == 4
    assert teacher(replace(SMALL, inverses=False)).state.arrays()["directions.weight"].shape[0] == 2


def test_teaching_lowers_the_loss(teacher: Build) -> None:
    settings = replace(
        SMALL, supervised_epochs=6, supervised_learning_rate=1e-3, directions_learning_rate=1e-2
    )
    results = list(teacher(settings).epochs())
    assert results[-1].loss < 0.8 * results[0].loss
    assert results[-1].accuracy > results[0].accuracy


def test_few_sentences_get_more_passes(teacher: Build) -> None:
    assert teacher(replace(SMALL, supervised_steps=12)).n_epochs == 3
    assert teacher(replace(SMALL, supervised_epochs=4)).n_epochs == 4


def test_the_seed_decides(teacher: Build, tunable: TunableEncoder) -> None:
    before = tunable.weights()
    found = []
    for seed in (0, 0, 1):
        tunable.load(before)
        built = teacher(seed=seed)
        losses = [result.loss for result in built.epochs()]
        found.append((losses, built.state.arrays()["directions.weight"].tobytes()))
    assert found[0] == found[1] != found[2]


def test_interrupted_teaching_ends_as_it_would_have(teacher: Build, tunable: TunableEncoder) -> None:
    settings = replace(SMALL, supervised_epochs=3)
    before = tunable.weights()
    whole = teacher(settings)
    losses = [result.loss for result in whole.epochs()]

    tunable.load(before)
    begun = teacher(settings)
    next(begun.epochs())
    kept = begun.state.arrays()
    tunable.load(before)
    resumed = teacher(settings)
    resumed.state.restore(kept)
    assert [result.loss for result in resumed.epochs(first=1)] == losses[1:]
    for name, array in resumed.state.arrays().items():
        np.testing.assert_array_equal(array, whole.state.arrays()[name])


@pytest.mark.parametrize(
    "wrong",
    [
        {"imprint_samples": -1},
        {"supervised_epochs": 0},
        {"supervised_steps": -1},
        {"supervised_batch": 0},
        {"supervised_learning_rate": 0.0},
        {"directions_learning_rate": -1.0},
        {"sharpness": 0.0},
        {"supervised_dropout": 1.0},
        {"supervised_warm_up": 2.0},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        CosineClassifierSettings(**wrong)


def test_an_unknown_arithmetic_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="float32"):
        CosineClassifierSettings(supervised_dtype="float31")


@pytest.mark.parametrize("inverses", [True, False])
def test_directions_start_at_the_means_of_the_relations(
    inverses: bool, teacher: Build, tunable: TunableEncoder, prepared: Prepared, sentences: Any
) -> None:
    built = teacher(replace(SMALL, inverses=inverses))
    vectors = tunable.encode_contents(prepared)[prepared.row_of].astype(np.float64)
    labels = sentences[1]
    if inverses:
        backwards = turned_by(tunable.base, torch.from_numpy(vectors)).numpy()
        vectors, labels = np.concatenate([vectors, backwards]), np.concatenate([labels, labels + 2])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = built.state.arrays()["directions.weight"]
    for label in range(len(found)):
        mean = vectors[labels == label].mean(axis=0) - vectors.mean(axis=0)
        assert found[label] @ mean / np.linalg.norm(found[label]) / np.linalg.norm(mean) == pytest.approx(
            1, abs=1e-4
        )


def test_means_are_of_as_many_instances_of_each_relation(
    teacher: Build,
) -> None:
    of_five = replace(SMALL, imprint_samples=5)
    few = teacher(of_five).state.arrays()["directions.weight"]
    assert few.tobytes() == teacher(of_five).state.arrays()["directions.weight"].tobytes()
    assert few.tobytes() != teacher(of_five, seed=1).state.arrays()["directions.weight"].tobytes()


def test_a_relation_that_is_where_all_are_starts_at_random(
    tunable: TunableEncoder, prepared: Prepared
) -> None:
    one = CosineClassifierTrainer(
        tunable, prepared, np.zeros(40, dtype=np.int64), settings=replace(SMALL, inverses=False), seed=0
    )
    found = one.state.arrays()["directions.weight"]
    assert found.shape[0] == 1
    assert found.std() == pytest.approx(0.05, rel=0.3)


def test_directions_can_start_at_random(teacher: Build) -> None:
    at_random = replace(SMALL, imprint_samples=0)
    found = teacher(at_random).state.arrays()["directions.weight"]
    assert found.tobytes() != teacher(at_random, seed=1).state.arrays()["directions.weight"].tobytes()
    assert found.std() == pytest.approx(0.05, rel=0.1)
