from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from relscout.methods.rsn.training import adversarial_divergence, conditional_entropy, divergence


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def logits(*probabilities: float) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).logit()


def test_the_entropy_is_that_of_its_definition() -> None:
    found = conditional_entropy(logits(0.5, 0.8, 0.1))
    assert float(found) == pytest.approx((math.log(2) + entropy(0.8) + entropy(0.1)) / 3)


@pytest.mark.parametrize("sure", [-200.0, 200.0])
def test_a_pair_that_is_decided_has_no_entropy(sure: float) -> None:
    z = torch.tensor([sure], requires_grad=True)
    found = conditional_entropy(z)
    found.backward()
    assert found.item() == 0
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_lowering_the_entropy_moves_a_pair_to_the_side_where_it_is() -> None:
    z = torch.tensor([0.4, -0.4], requires_grad=True)
    conditional_entropy(z).backward()
    assert z.grad is not None
    assert z.grad[0] < 0 < z.grad[1]


def test_the_divergence_is_that_of_its_definition() -> None:
    found = divergence(logits(0.5, 0.9), logits(0.2, 0.7))
    assert float(found) == pytest.approx((kl(0.5, 0.2) + kl(0.9, 0.7)) / 2)
    assert float(divergence(logits(0.3), logits(0.3))) == pytest.approx(0, abs=1e-12)


def test_where_the_logit_is_linear_the_worst_direction_is_its_gradient() -> None:
    w = torch.tensor([3.0, -4.0], dtype=torch.float64)  # of length 5
    left, right = torch.zeros((1, 2), dtype=torch.float64), torch.ones((1, 2), dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = adversarial_divergence(lambda a, b: (a - b) @ w, left, right, length=0.1)
    # z = −3 + 4 = 1; either side moves by 0.1 · √2 along w, so that z changes by 2 · 0.1 · √2 · 5, up or down
    p, step = 1 / (1 + math.exp(-1)), 2 * 0.1 * math.sqrt(2) * 5
    expected = [kl(p, 1 / (1 + math.exp(-1 - sign * step))) for sign in (1, -1)]
    assert any(float(found) == pytest.approx(value) for value in expected)


def test_the_worst_direction_is_worse_than_random_ones() -> None:
    random = torch.Generator().manual_seed(0)
    layer = torch.randn((6, 4), generator=random, dtype=torch.float64)

    def logit(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return 1 - ((a - b) @ layer).tanh().abs().sum(dim=1)

    left, right = (torch.randn((1, 6), generator=random, dtype=torch.float64) for _ in range(2))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        worst = float(adversarial_divergence(logit, left, right, length=0.05))
    others = []
    for _ in range(200):
        ways = [torch.randn((1, 6), generator=random, dtype=torch.float64) for _ in range(2)]
        moved = [
            side + 0.05 * way / way.square().mean().sqrt()
            for side, way in zip((left, right), ways, strict=True)
        ]
        others.append(float(divergence(logit(left, right), logit(*moved))))
    assert worst > np.quantile(others, 0.95)


def test_gradients_reach_the_vectors_and_the_weights_by_the_moved_prediction_only() -> None:
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    left, right = torch.ones((1, 2), requires_grad=True), torch.zeros((1, 2), requires_grad=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = adversarial_divergence(lambda a, b: (a - b) @ w, left, right, length=0.5)
    found.backward()
    assert left.grad is not None
    assert w.grad is not None
    # the clean prediction is fixed, so that ∂/∂z′ KL = p′ − p remains
    clean = torch.tensor(3.0).sigmoid()
    change = 2 * 0.5 * math.sqrt(2) * math.sqrt(5)
    moved = [torch.tensor(3 + sign * change).sigmoid() for sign in (1, -1)]
    expected = [float(p - clean) for p in moved]
    slope = float(left.grad[0, 0] / w.detach()[0])
    assert any(slope == pytest.approx(value, rel=1e-4) for value in expected)


def test_a_prediction_that_nothing_changes_is_not_moved() -> None:
    found = adversarial_divergence(
        lambda a, b: (a * 0).sum(dim=1) + (b * 0).sum(dim=1),
        torch.ones((2, 3)),
        torch.ones((2, 3)),
        length=1.0,
    )
    assert float(found) == 0
