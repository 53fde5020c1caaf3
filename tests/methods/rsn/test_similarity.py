from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.clustering.adaptive import Mapping, fully_connected
from relscout.methods.rsn.network import Network, RSNSettings, Similarity

VECTORS = np.random.default_rng(5).normal(size=(9, 6)).astype(np.float32)


def similarity(weight: list[float], bias: float) -> Similarity:
    """One whose f leaves vectors as they are."""
    size = len(weight)
    mapping = Mapping(fully_connected([(torch.eye(size), torch.zeros(size))]), 1.0)
    return Similarity(mapping, np.array(weight, dtype=np.float32), bias)


def slow(one: NDArray[Any], other: NDArray[Any], found: Similarity) -> float:
    """σ(w · |f(a) − f(b)| + c), one pair at a time."""
    z = float(np.sum(found.weight.astype(float) * np.abs(one.astype(float) - other.astype(float))))
    return 1 / (1 + np.exp(-(z + found.bias)))


@pytest.mark.parametrize("weight", [[-1.0, -0.5, -2.0], [1.0, -0.5, 0.25], [0.5, 0.0, 1.0], [0.0, 0.0, 0.0]])
def test_it_is_that_of_one_pair_at_a_time(weight: list[float]) -> None:
    random = np.random.default_rng(0)
    codes, others = (random.normal(size=(size, 3)).astype(np.float32) for size in (5, 4))
    by_weight = similarity(weight, 0.3)
    found = by_weight.between(codes, others)
    expected = [[slow(one, other, by_weight) for other in others] for one in codes]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        by_weight.among(codes), by_weight.between(codes, codes)[np.triu_indices(5, 1)], rtol=1e-9
    )


def test_it_is_as_worked_out_by_hand() -> None:
    # |(1, 2) − (3, 1)| = (2, 1); z = −0.5 · 2 + 1 · 1 + 2 = 2
    found = similarity([-0.5, 1.0], 2.0).between(
        np.array([[1, 2]], dtype=np.float32), np.array([[3, 1]], dtype=np.float32)
    )
    assert found.tolist() == [[pytest.approx(1 / (1 + np.exp(-2)))]]


def test_pairs_that_are_far_apart_or_near_stay_numbers() -> None:
    codes = np.array([[0], [1e6]], dtype=np.float32)
    assert similarity([-1.0], 0.0).between(codes, codes).tolist() == [[0.5, 0], [0, 0.5]]


def test_one_code_has_no_pairs() -> None:
    assert similarity([-1.0], 0.0).among(np.ones((1, 1), dtype=np.float32)).shape == (0,)


def test_arrays_build_the_same_similarity() -> None:
    network = Network(VECTORS, settings=RSNSettings(layers="5-3"), seed=0)
    found = network.similarity()
    again = Similarity.from_arrays(found.arrays())
    vectors = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    assert again.codes(vectors).tobytes() == found.codes(vectors).tobytes()
    assert again.among(found.codes(vectors)).tobytes() == found.among(found.codes(vectors)).tobytes()


def test_the_network_and_what_is_taken_from_it_agree() -> None:
    network = Network(VECTORS, settings=RSNSettings(layers="5-3"), seed=1)
    with torch.no_grad():
        for tensor in (*network.f.parameters(), *network.w.parameters()):
            tensor += 0.3 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0))
    vectors = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    with torch.no_grad():
        codes = network.f(torch.from_numpy(vectors) * 6**0.5)
        expected = network.logit(codes[:1], codes[1:]).sigmoid()
    found = network.similarity()
    np.testing.assert_allclose(found.codes(vectors), codes.numpy(), rtol=1e-5, atol=1e-6)
    assert found.among(found.codes(vectors))[0] == pytest.approx(float(expected), rel=1e-5)


def test_a_network_is_layers_with_relu_between_them() -> None:
    network = Network(VECTORS[:, :4], settings=RSNSettings(layers="3-2"), seed=0)
    first, second = (layer.state_dict() for layer in network.f[::2])
    h = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    hidden = np.maximum(h @ first["weight"].numpy().T + first["bias"].numpy(), 0)
    expected = hidden @ second["weight"].numpy().T + second["bias"].numpy()
    np.testing.assert_allclose(network.f(torch.from_numpy(h)).detach().numpy(), expected, atol=1e-6)


def test_before_training_the_nearer_are_the_more_alike() -> None:
    network = Network(VECTORS[:, :4], settings=RSNSettings(layers="2"), seed=0)
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 1.0]])
    assert network.logit(codes[[0, 0, 0]], codes).tolist() == [0, -0.5, -2]


def test_the_seed_draws_the_first_weights() -> None:
    one, same, other = (
        Network(VECTORS[:, :4], settings=RSNSettings(layers="2", start="random"), seed=seed).f[0].weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
