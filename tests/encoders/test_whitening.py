from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.encoders.pooling import parse_pooling, turned
from relscout.encoders.settings import settings_for
from relscout.encoders.tunable import TunableEncoder
from relscout.encoders.whitening import WHITENING, Whitening
from relscout.pretraining.adapter import train_adapter

POOLING = "span-mean@1+between"
PARTS = parse_pooling(POOLING)
HIDDEN = 4
QUICK = {"rank": 2, "supervised_layers": 1, "supervised_steps": 0, "supervised_batch": 8, "whitening_rank": 8}


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    """Vectors of four relations that differ within each most of all in one dimension, which both mentions have."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((4, 3 * HIDDEN))
    noise = 0.2 * random.standard_normal((200, 3 * HIDDEN))
    noise[:, [1, 1 + HIDDEN]] *= 30
    return (np.repeat(centres, 50, axis=0) + noise).astype(np.float32)


def fitted(vectors: NDArray[np.float32], *, rank: int = 2) -> Whitening:
    classes = np.repeat(np.arange(4), 50)
    return Whitening.fit(
        vectors,
        classes,
        np.array([0, 0, 1, 1]),
        rank=rank,
        shrinkage=0.1,
        marking="none",
        pooling=POOLING,
        hidden_size=HIDDEN,
    )


def test_what_differs_within_relations_is_damped_and_lengths_stay(vectors: NDArray[np.float32]) -> None:
    whitened = fitted(vectors)(vectors)
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-5)

    def between_over_within(values: NDArray[np.float32]) -> float:
        of_relation = values.reshape(4, 50, -1)
        return float(of_relation.mean(axis=1).var(axis=0).sum() / of_relation.var(axis=1).sum())

    assert between_over_within(whitened) > 5 * between_over_within(vectors)


def test_whitening_an_exchanged_vector_is_exchanging_a_whitened_one(vectors: NDArray[np.float32]) -> None:
    whitening = fitted(vectors, rank=5)

    def exchanged(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(turned(torch.from_numpy(values), PARTS, HIDDEN).numpy())

    np.testing.assert_allclose(whitening(exchanged(vectors)), exchanged(whitening(vectors)), atol=2e-2)


def test_a_vector_does_not_depend_on_the_others_and_tensors_are_whitened_alike(
    vectors: NDArray[np.float32],
) -> None:
    whitening = fitted(vectors)
    together = whitening(np.concatenate([vectors, vectors]))
    for row in (0, 17, 199, 399):
        assert whitening(vectors[[row % 200]]).tobytes() == together[[row]].tobytes()
    np.testing.assert_allclose(whitening.of_tensor(torch.from_numpy(vectors)), whitening(vectors), atol=1e-4)


def test_each_set_counts_the_same_whatever_its_size(vectors: NDArray[np.float32]) -> None:
    other = vectors[100:].copy()
    other[:, [1, 1 + HIDDEN, 2, 2 + HIDDEN]] = vectors[100:][:, [2, 2 + HIDDEN, 1, 1 + HIDDEN]]
    # the sets differ in the dimension in which the vectors of a relation vary
    both = np.concatenate([vectors[:100], other])
    classes, sets = np.repeat(np.arange(4), 50), np.array([0, 0, 1, 1])

    def factors(times: int) -> NDArray[np.float32]:
        """Return the factors if the first set has so many times its vectors."""
        repeated = np.concatenate([*[both[:100]] * times, both[100:]])
        names = np.concatenate([*[classes[:100]] * times, classes[100:]])
        return Whitening.fit(
            repeated, names, sets, rank=3, shrinkage=1.0, marking="none", pooling=POOLING, hidden_size=HIDDEN
        ).factors

    np.testing.assert_allclose(factors(9), factors(1), atol=0.01)


def test_a_marking_that_shows_the_head_keeps_its_direction(vectors: NDArray[np.float32]) -> None:
    vectors = vectors.copy()
    vectors[:, 1] *= 0.01  # only the tail varies

    def of_marking(marking: str) -> NDArray[np.float32]:
        return Whitening.fit(
            vectors,
            np.repeat(np.arange(4), 50),
            np.zeros(4, dtype=np.int64),
            rank=1,
            shrinkage=0.1,
            marking=marking,
            pooling=POOLING,
            hidden_size=HIDDEN,
        ).directions[0]

    assert abs(of_marking("C+M")[1 + HIDDEN]) > 0.99
    both = of_marking("none")
    assert abs(both[1]) == pytest.approx(abs(both[1 + HIDDEN]), abs=0.01)


@pytest.fixture
def labeled(corpus: list[RelationInstance]) -> list[RelationInstance]:
    chosen = sorted({str(instance.relation) for instance in corpus if not instance.is_unrelated})[:3]
    return [instance for name in chosen for instance in corpus if instance.relation == name][::6]


@pytest.fixture
def adapter(tiny_bert: Path, labeled: list[RelationInstance], tmp_path: Path) -> Path:
    encoder = TransformerEncoder(
        EncoderSettings(model=str(tiny_bert), pooling="span-mean@2+between", device="cpu")
    )
    train_adapter(labeled, encoder, settings=QUICK, out=tmp_path / "adapter", flexible=True)
    return tmp_path / "adapter"


def loaded(adapter: Path, pooling: str = "span-mean@2+between") -> TransformerEncoder:
    return TransformerEncoder(settings_for(str(adapter), pooling=pooling, device="cpu"))


def test_an_adapter_whitens_the_vectors_of_its_pooling_only(
    adapter: Path, labeled: list[RelationInstance]
) -> None:
    encoder = loaded(adapter)
    plain = TransformerEncoder(encoder.settings, whitens=False)
    assert encoder.whitening is not None
    assert len(encoder.whitening.factors) == 8
    np.testing.assert_array_equal(encoder.encode(labeled), encoder.whitening(plain.encode(labeled)))
    assert encoder.fingerprint != plain.fingerprint
    assert loaded(adapter, "span-mean@2").whitening is None


def test_vectors_with_entity_types_are_not_whitened(adapter: Path, labeled: list[RelationInstance]) -> None:
    typed = loaded(adapter, "span-mean@2+between+coarse-types*1.5")
    assert typed.whitening is None
    plain = TransformerEncoder(loaded(adapter).settings, whitens=False)
    np.testing.assert_array_equal(typed.encode(labeled)[:, : plain.dimension], plain.encode(labeled))
    assert loaded(adapter, "types+span-mean@2+between").whitening is None


def test_layers_are_trained_through_the_whitening(adapter: Path, labeled: list[RelationInstance]) -> None:
    encoder = loaded(adapter)
    tunable = TunableEncoder(encoder, trained_layers=1)
    prepared = tunable.prepare(labeled)
    np.testing.assert_array_equal(tunable.encode(prepared), encoder.encode(labeled))
    tunable.train(True)
    trained = tunable(prepared, np.arange(4))
    trained.sum().backward()  # type: ignore[no-untyped-call]
    assert any(
        parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        for parameter in tunable.parameters()
    )


def test_an_adapter_of_an_adapter_has_a_whitening_of_its_own(
    adapter: Path, labeled: list[RelationInstance], tmp_path: Path
) -> None:
    again = train_adapter(
        labeled, loaded(adapter), settings={**QUICK, "whitening_rank": 3}, out=tmp_path / "again"
    )
    whitening = loaded(tmp_path / "again").whitening
    assert whitening is not None
    assert again.whitening is not None
    assert len(whitening.factors) == 3
    np.testing.assert_array_equal(whitening.directions, again.whitening.directions)


def test_without_directions_nothing_is_whitened(
    adapter: Path, labeled: list[RelationInstance], tmp_path: Path
) -> None:
    plain = TransformerEncoder(loaded(adapter).settings, whitens=False)
    settings = {**QUICK, "whitening_rank": 0}
    assert train_adapter(labeled, plain, settings=settings, out=tmp_path / "none").whitening is None
    assert not (tmp_path / "none" / WHITENING).exists()
    assert loaded(tmp_path / "none").whitening is None
    typed = TransformerEncoder(loaded(adapter, "span-mean@2+between+coarse-types").settings)
    assert train_adapter(labeled, typed, settings=QUICK).whitening is None


def test_a_damaged_whitening_is_an_error(adapter: Path, labeled: list[RelationInstance]) -> None:
    whitening = loaded(adapter).whitening
    assert whitening is not None
    replace(whitening, directions=whitening.directions[:, :5]).save(adapter)
    with pytest.raises(ArtifactError, match="for vectors of 5 dimensions, but those of pooling"):
        loaded(adapter).encode(labeled)
    (adapter / WHITENING).write_bytes(b"broken")
    with pytest.raises(ArtifactError, match=r"whitening\.safetensors is damaged"):
        loaded(adapter).encode(labeled)
