"""Every equation beside a hand-worked example, a slow reference, and its gradient."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.methods.rocore.training import (
    center_loss,
    class_means,
    divergences,
    hinge,
    pairwise_loss,
    ramp_up,
    reconstruction_loss,
    same_cluster,
)

RANDOM = np.random.default_rng(0)


def tensor(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RANDOM.standard_normal(shape))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    return sum(float(pc * math.log(pc / qc)) for pc, qc in zip(p, q, strict=True))


def slow_pairwise(logits: NDArray[np.float64], labels: list[int], margin: float) -> float:
    """Eq. 8 to 13, a pair at a time."""
    shares, total = softmax(logits), 0.0
    for i, j in product(range(len(labels)), repeat=2):
        terms = (kl(shares[i], shares[j]), kl(shares[j], shares[i]))
        if labels[i] == labels[j]:
            total += sum(terms)
        else:
            total += sum(max(0.0, margin - term) for term in terms)
    return total / len(labels) ** 2


def test_centroids_are_the_means_of_their_relations() -> None:
    codes = torch.tensor([[0.0, 0], [2, 4], [5, 5]])
    found = class_means(codes, torch.tensor([0, 0, 1]), 2)
    assert found.tolist() == [[1, 2], [5, 5]]


def test_a_relation_with_one_instance_is_its_own_centroid() -> None:
    codes, classes = tensor(5, 3), torch.tensor([0, 1, 0, 2, 1])
    torch.testing.assert_close(class_means(codes, classes, 3)[2], codes[3])


def test_the_centre_loss_is_half_the_mean_squared_distance() -> None:
    # distances squared 1 + 4 = 5 and 0; half of their mean
    codes, centroids = torch.tensor([[1.0, 2], [3, 3]]), torch.tensor([[0.0, 0], [3, 3]])
    assert center_loss(codes, centroids).item() == pytest.approx(1.25)


def test_the_centre_loss_equals_a_slow_reference() -> None:
    codes, classes = tensor(9, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0, 0, 1])
    centroids = class_means(codes, classes, 3)
    slow = sum(float(((codes[i] - centroids[classes[i]]) ** 2).sum()) for i in range(9)) / (2 * 9)
    assert center_loss(codes, centroids[classes]).item() == pytest.approx(slow, rel=1e-12)


def test_the_reconstruction_loss_is_half_the_mean_squared_error() -> None:
    restored, given = torch.tensor([[1.0, 1], [0, 0]]), torch.tensor([[0.0, 0], [0, 4]])
    assert reconstruction_loss(restored, given).item() == pytest.approx((2 + 16) / (2 * 2))
    assert reconstruction_loss(restored, given, scale="mean").item() == pytest.approx(18 / 4)


def test_the_two_scales_differ_by_half_the_dimensions() -> None:
    restored, given = tensor(6, 1536), tensor(6, 1536)
    ratio = reconstruction_loss(restored, given) / reconstruction_loss(restored, given, scale="mean")
    assert ratio.item() == pytest.approx(768)


def test_pairs_of_one_cluster_are_told() -> None:
    found = same_cluster(torch.tensor([3, 1, 3]))
    assert found.tolist() == [[True, False, True], [False, True, False], [True, False, True]]


def test_divergences_are_those_of_the_distributions() -> None:
    # P = (1/2, 1/2), Q = (1/4, 3/4): KL(P‖Q) = ½ log 2 + ½ log (2/3), KL(Q‖P) = ¼ log ½ + ¾ log 3/2
    logits = torch.log(torch.tensor([[0.5, 0.5], [0.25, 0.75]], dtype=torch.float64))
    found = divergences(logits)
    assert found[0, 1].item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert found[1, 0].item() == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))
    np.testing.assert_allclose(found.diagonal(), 0, atol=1e-12)


def test_divergences_equal_a_slow_reference() -> None:
    logits = 3 * tensor(7, 5)
    shares = softmax(logits.numpy())
    slow = [[kl(shares[i], shares[j]) for j in range(7)] for i in range(7)]
    np.testing.assert_allclose(divergences(logits).numpy(), slow, atol=1e-10)


def test_the_gradient_of_a_divergence_is_one_sided() -> None:
    logits = tensor(4, 3).requires_grad_(True)
    divergences(logits)[1, 2].backward()
    assert logits.grad is not None
    assert not logits.grad[[0, 1, 3]].any(), "P*, the first of the pair, is a constant"
    # ∂ KL(P*‖softmax(z)) / ∂z = softmax(z) − P
    shares = logits.detach().softmax(dim=1)
    torch.testing.assert_close(logits.grad[2], shares[2] - shares[1])


def test_the_hinge_is_flat_beyond_the_margin() -> None:
    divergence = torch.tensor([0.5, 2.0, 3.0], requires_grad=True)
    found = hinge(divergence, 2.0)
    assert found.tolist() == [1.5, 0, 0]
    found.sum().backward()
    assert divergence.grad is not None
    assert divergence.grad[[0, 2]].tolist() == [-1, 0]


@pytest.mark.parametrize("margin", [0.1, 2.0, 50.0])
def test_the_pairwise_loss_equals_a_slow_reference(margin: float) -> None:
    logits, labels = 2 * tensor(8, 4), [0, 1, 2, 0, 1, 0, 3, 3]
    found = pairwise_loss(logits, same_cluster(torch.tensor(labels)), margin=margin)
    assert found.item() == pytest.approx(slow_pairwise(logits.numpy(), labels, margin), rel=1e-9)


def test_the_gradient_of_the_pairwise_loss_is_that_of_constants_on_one_side() -> None:
    logits, labels, margin = 2 * tensor(6, 4), [0, 1, 0, 2, 1, 0], 2.0
    leaf = logits.clone().requires_grad_(True)
    pairwise_loss(leaf, same_cluster(torch.tensor(labels)), margin=margin).backward()
    fixed = softmax(logits.numpy())

    def one_sided(moved: NDArray[np.float64]) -> float:
        shares, total = softmax(moved), 0.0
        for i, j in product(range(6), repeat=2):
            for constant, other in ((i, j), (j, i)):
                term = kl(fixed[constant], shares[other])
                total += term if labels[i] == labels[j] else max(0.0, margin - term)
        return total / 36

    slow, step = np.zeros((6, 4)), 1e-6
    for place in product(range(6), range(4)):
        up, down = logits.numpy().copy(), logits.numpy().copy()
        up[place] += step
        down[place] -= step
        slow[place] = (one_sided(up) - one_sided(down)) / (2 * step)
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.numpy(), slow, atol=1e-7)


def test_a_batch_of_one_teaches_nothing() -> None:
    logits = tensor(1, 4).requires_grad_(True)
    found = pairwise_loss(logits, same_cluster(torch.tensor([2])), margin=2.0)
    found.backward()
    assert found.item() == pytest.approx(0, abs=1e-12)
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), 0, atol=1e-12)


def test_with_one_relation_there_is_nothing_to_learn() -> None:
    found = pairwise_loss(tensor(5, 1), same_cluster(torch.zeros(5)), margin=2.0)
    assert found.item() == 0


def test_extreme_scores_stay_finite() -> None:
    logits = torch.tensor([[200.0, -200], [-200, 200], [200, -200]], requires_grad=True)
    found = pairwise_loss(logits, same_cluster(torch.tensor([0, 0, 1])), margin=2.0)
    found.backward()
    assert math.isfinite(found.item())
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_the_ramp_rises_to_its_weight_and_stays() -> None:
    assert ramp_up(10, weight=2.0, length=10) == 2.0
    assert ramp_up(5, weight=1.0, length=10) == pytest.approx(math.exp(-5 * 0.25))
    assert ramp_up(99, weight=1.0, length=10) == 1.0
    values = [ramp_up(epoch, weight=1.0, length=10) for epoch in range(1, 11)]
    assert values == sorted(values)
