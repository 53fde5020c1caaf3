from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.clustering.kmeans import kmeans
from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.tunable import ContentVectors, Prepared, TunableEncoder
from relscout.training.checkpointing import EpochResult
from relscout.training.classification import ClassificationSettings, Classifier

Labels = NDArray[np.int64]

SMALL = ClassificationSettings(
    classifier_epochs=3, frozen_epochs=1, classifier_batch=8, trained_layers=1, training_dtype="float32"
)


@pytest.fixture(scope="session")
def base(tiny_bert: Path) -> TransformerEncoder:
    settings = EncoderSettings(
        model=str(tiny_bert), marking="markers", pooling="start+sentence@1", device="cpu"
    )
    return TransformerEncoder(settings)


@pytest.fixture(scope="session")
def sentences(corpus: list[RelationInstance]) -> tuple[list[RelationInstance], Labels]:
    """20 sentences of each of two relations, mixed, and which relation each has."""
    names = ("spouse", "orbits")
    chosen = [[one for one in corpus if one.relation == name][:20] for name in names]
    return [one for pair in zip(*chosen, strict=True) for one in pair], np.tile([0, 1], 20)


@pytest.fixture
def tunable(base: TransformerEncoder) -> TunableEncoder:
    return TunableEncoder(base, trained_layers=1)


@pytest.fixture
def prepared(tunable: TunableEncoder, sentences: tuple[list[RelationInstance], Labels]) -> Prepared:
    return tunable.prepare(sentences[0])


@pytest.fixture
def classifier(
    tunable: TunableEncoder, prepared: Prepared, sentences: tuple[list[RelationInstance], Labels]
) -> Callable[..., Classifier]:
    def build(settings: ClassificationSettings = SMALL, **options: Any) -> Classifier:
        options = {"seed": 0, **options}
        return Classifier(tunable, prepared, sentences[1], 2, settings=settings, **options)

    return build


def everything(classifier: Classifier) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in classifier.state.arrays().items()}


def slow_cross_entropy(
    h: NDArray[Any], head: tuple[NDArray[Any], NDArray[Any]], labels: Labels
) -> tuple[float, float]:
    """Equations 11 and 12, a number at a time, and the share that is told right."""
    losses, right = [], []
    weight, bias = (array.astype(float) for array in head)
    for n in range(len(h)):
        scores = [
            sum(w * x for w, x in zip(weight[k], h[n], strict=True)) + bias[k] for k in range(len(bias))
        ]
        shares = [np.exp(score) / sum(np.exp(other) for other in scores) for score in scores]
        losses.append(-np.log(shares[labels[n]]))
        right.append(int(np.argmax(shares)) == labels[n])
    return float(np.mean(losses)), float(np.mean(right))


def test_the_loss_is_the_cross_entropy_of_the_pseudo_labels(
    classifier: Callable[..., Classifier],
    tunable: TunableEncoder,
    prepared: Prepared,
    sentences: tuple[list[RelationInstance], Labels],
) -> None:
    # one batch, no dropout: the first epoch's loss is that of the start
    settings = replace(
        SMALL, classifier_epochs=2, frozen_epochs=1, classifier_batch=40, classifier_dropout=0.0
    )
    built = classifier(settings)
    head = built.head
    result = next(built.epochs())
    loss, accuracy = slow_cross_entropy(tunable.encode(prepared) * tunable.scale, head, sentences[1])
    assert result.loss == pytest.approx(loss, rel=1e-4)
    assert result.accuracy == pytest.approx(accuracy)


def test_the_head_moves_down_the_gradient_of_equation_12(
    classifier: Callable[..., Classifier],
    tunable: TunableEncoder,
    prepared: Prepared,
    sentences: tuple[list[RelationInstance], Labels],
) -> None:
    settings = replace(
        SMALL,
        classifier_epochs=2,
        classifier_batch=40,
        classifier_dropout=0.0,
        warm_up=1.0,  # the first of two steps has half the rate
        head_learning_rate=2e-3,
    )
    built = classifier(settings)
    weight, bias = (array.astype(float) for array in built.head)
    h = tunable.encode(prepared).astype(float) * tunable.scale
    shares = np.exp(h @ weight.T + bias)
    shares /= shares.sum(axis=1, keepdims=True)
    apart = (shares - np.eye(2)[sentences[1]]) / len(h)
    next(built.epochs())
    # the first step of Adam goes against the sign of the gradient, as far as the learning rate
    np.testing.assert_allclose(built.head[0], weight * (1 - 1e-5) - 1e-3 * np.sign(apart.T @ h), atol=2e-5)
    np.testing.assert_allclose(built.head[1], bias - 1e-3 * np.sign(apart.sum(axis=0)), atol=2e-5)


def test_it_learns_labels_that_can_be_told_apart(tunable: TunableEncoder, prepared: Prepared) -> None:
    labels = kmeans(tunable.encode(prepared), 2, seed=0).labels
    settings = replace(
        SMALL,
        classifier_epochs=12,
        frozen_epochs=10,
        classifier_dropout=0.0,
        classifier_learning_rate=1e-4,
        head_learning_rate=0.03,
    )
    results = list(Classifier(tunable, prepared, labels, 2, settings=settings, seed=0).epochs())
    assert [result.epoch for result in results] == list(range(12))
    assert results[9].accuracy > 0.95
    assert results[-1].loss < 0.5 * results[0].loss


def test_while_the_encoder_is_frozen_only_the_head_learns(
    classifier: Callable[..., Classifier], tunable: TunableEncoder
) -> None:
    built = classifier(replace(SMALL, frozen_epochs=2))
    states = [(tunable.weights(), built.head[0])]
    for _ in built.epochs():
        states.append((tunable.weights(), built.head[0]))
    same = [
        all(np.array_equal(earlier[name], later[name]) for name in earlier)
        for (earlier, _), (later, _) in pairwise(states)
    ]
    assert same == [True, True, False]
    assert all(not np.array_equal(earlier, later) for (_, earlier), (_, later) in pairwise(states))


def test_no_epoch_has_to_be_frozen(classifier: Callable[..., Classifier], tunable: TunableEncoder) -> None:
    before = tunable.weights()
    next(classifier(replace(SMALL, frozen_epochs=0)).epochs())
    after = tunable.weights()
    assert not any(np.array_equal(before[name], after[name]) for name in before if "query.weight" in name)


def test_the_encoder_is_left_without_dropout(
    classifier: Callable[..., Classifier], tunable: TunableEncoder, prepared: Prepared
) -> None:
    for _ in classifier().epochs():
        with torch.no_grad():
            one, other = (tunable(prepared, np.arange(5)) for _ in range(2))
        assert torch.equal(one, other)


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_going_on_gives_the_same_bytes_as_never_having_stopped(
    done: int, base: TransformerEncoder, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    def build() -> Classifier:
        tunable = TunableEncoder(base, trained_layers=2)
        return Classifier(tunable, tunable.prepare(sentences[0]), sentences[1], 2, settings=SMALL, seed=0)

    whole = build()
    expected = list(whole.epochs())
    first = build()
    results = first.epochs()
    before = [next(results) for _ in range(done)]
    kept = first.state.arrays()
    second = build()
    second.state.restore(kept)
    assert before + list(second.epochs(first=done)) == expected
    assert everything(second) == everything(whole)


def test_vectors_that_are_there_are_not_encoded_again(
    base: TransformerEncoder, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    repeated, labels = [*sentences[0], sentences[0][0]], np.append(sentences[1], 0)
    found, told = [], []
    for given in (False, True):
        tunable = TunableEncoder(base, trained_layers=1)
        prepared = tunable.prepare(repeated)
        contents = None
        if given:
            contents = ContentVectors(len(prepared.lengths), tunable.dimension)
            tunable.encode(prepared, contents=contents)
        built = Classifier(tunable, prepared, labels, 2, settings=SMALL, seed=0)
        stages: list[str] = []
        results = list(
            built.epochs(contents=contents, progress=lambda stage, *_, stages=stages: stages.append(stage))
        )
        found.append((results, everything(built)))
        told.append("encode again" in stages)
    assert found[0] == found[1]
    assert told == [True, False]


def test_arrays_are_a_copy(classifier: Callable[..., Classifier]) -> None:
    built = classifier()
    results = built.epochs()
    next(results)
    kept = built.state.arrays()
    before = {name: array.tobytes() for name, array in kept.items()}
    next(results)
    assert {name: array.tobytes() for name, array in kept.items()} == before
    assert everything(built) != before


def test_the_same_seed_gives_the_same_bytes(
    base: TransformerEncoder, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    found = []
    for seed in (0, 0, 1):
        tunable = TunableEncoder(base, trained_layers=1)
        built = Classifier(tunable, tunable.prepare(sentences[0]), sentences[1], 2, settings=SMALL, seed=seed)
        torch.rand(3)
        list(built.epochs())
        found.append(everything(built))
    assert found[0] == found[1] != found[2]


def test_the_random_numbers_of_the_program_are_left_alone(classifier: Callable[..., Classifier]) -> None:
    state = torch.get_rng_state()
    list(classifier().epochs())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_head_to_start_from_is_taken_and_left_as_it_is(classifier: Callable[..., Classifier]) -> None:
    head = np.full((2, 96), 0.25, dtype=np.float32), np.array([1, -1], dtype=np.float32)
    built = classifier(head=head)
    assert [array.tobytes() for array in built.head] == [array.tobytes() for array in head]
    list(built.epochs())
    assert np.unique(head[0]).tolist() == [0.25]
    assert built.head[0].tobytes() != head[0].tobytes()


def test_a_drawn_head_is_small_and_without_bias(
    tunable: TunableEncoder, prepared: Prepared, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    weight, bias = Classifier(tunable, prepared, sentences[1], 200, settings=SMALL, seed=0).head
    assert weight.shape == (200, 96)
    assert weight.std() == pytest.approx(0.02, rel=0.02)
    assert not bias.any()


def test_what_repeats_counts_once(
    base: TransformerEncoder, sentences: tuple[list[RelationInstance], Labels]
) -> None:
    instances, labels = sentences
    repeated = [*instances, *(replace(instances[0], id=str(number)) for number in range(50))]
    results = []
    for given, of_given in (
        (instances, labels),
        (repeated, np.concatenate([labels, np.zeros(50, dtype=np.int64)])),
    ):
        tunable = TunableEncoder(base, trained_layers=1)
        built = Classifier(tunable, tunable.prepare(given), of_given, 2, settings=SMALL, seed=0)
        results.append(list(built.epochs()))
    assert results[0] == results[1]


def test_every_content_is_seen_once_in_an_epoch(classifier: Callable[..., Classifier]) -> None:
    built = classifier(replace(SMALL, classifier_batch=7, classifier_epochs=2))
    told: list[tuple[str, int, int | None]] = []
    list(built.epochs(progress=lambda *step: told.append(step) if step[0] == "classify" else None))
    # 40 sentences in batches of 7
    assert told == [("classify", number + 1, 12) for number in range(12)]


def test_an_epoch_may_pass_over_the_instances_several_times(classifier: Callable[..., Classifier]) -> None:
    told: list[tuple[str, int, int | None]] = []
    results = list(
        classifier(passes=3).epochs(
            progress=lambda *step: told.append(step) if step[0] == "classify" else None
        )
    )
    # 40 sentences in batches of 8, three times in each of three epochs
    assert told == [("classify", number + 1, 45) for number in range(45)]
    assert all(0 <= result.accuracy <= 1 for result in results)


def test_plain_descent_goes_on_behind_an_interruption_too(classifier: Callable[..., Classifier]) -> None:
    first = classifier(plain=True)
    next(first.epochs())
    kept = first.state.arrays()
    second = classifier(plain=True)
    second.state.restore(kept)
    assert everything(second) == everything(first)


def test_accuracies_are_shares(classifier: Callable[..., Classifier]) -> None:
    results = list(classifier().epochs())
    assert all(0 <= result.accuracy <= 1 for result in results)
    assert all(isinstance(result, EpochResult) for result in results)


def test_a_loss_that_is_no_number_ends_it(classifier: Callable[..., Classifier]) -> None:
    with pytest.raises(SettingError, match="training diverged in step"):
        list(classifier(replace(SMALL, head_learning_rate=1e38)).epochs())


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("classifier_epochs", 0, "classifier_epochs is 0, expected at least 1"),
        ("frozen_epochs", -1, "frozen_epochs is -1"),
        ("classifier_batch", 0, "classifier_batch is 0"),
        ("classifier_learning_rate", 0.0, "classifier_learning_rate is 0.0, expected a number above 0"),
        ("head_learning_rate", float("nan"), "head_learning_rate is nan"),
        ("classifier_dropout", 1.0, "classifier_dropout is 1.0, expected a number from 0 to below 1"),
        ("warm_up", 1.5, "warm_up is 1.5, expected a number from 0 to 1"),
        ("warm_up", float("nan"), "warm_up is nan"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        ClassificationSettings(**{setting: value})


def test_an_unknown_arithmetic_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'bfloat16'"):
        ClassificationSettings(training_dtype="bfloat")
