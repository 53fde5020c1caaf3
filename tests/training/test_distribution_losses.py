from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy.stats import entropy
from torch import Tensor

from relscout.training.distribution_losses import dispersion, skewness


def certain(*labels: int) -> Tensor:
    """Scores of three relations that leave no doubt."""
    return 1e4 * torch.nn.functional.one_hot(torch.tensor(labels), 3).float()


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(7, 5, generator=torch.Generator().manual_seed(3))


def test_skewness_is_the_mean_entropy(logits: Tensor) -> None:
    assert skewness(logits).item() == pytest.approx(entropy(logits.softmax(dim=1).numpy(), axis=1).mean())


def test_certain_predictions_have_no_skewness_loss() -> None:
    assert skewness(certain(0, 0, 2)).item() == 0


def test_undecided_predictions_have_the_highest_skewness_loss() -> None:
    assert skewness(torch.zeros(4, 3)).item() == pytest.approx(math.log(3))


def test_dispersion_is_the_divergence_of_the_mean_prediction_from_uniform(logits: Tensor) -> None:
    expected = entropy(logits.softmax(dim=1).mean(dim=0).numpy(), [0.2] * 5)
    assert dispersion(logits).item() == pytest.approx(expected, abs=1e-6)


def test_equally_frequent_relations_have_no_dispersion_loss() -> None:
    assert dispersion(certain(0, 1, 2)).item() == pytest.approx(0, abs=1e-6)


def test_a_single_relation_has_the_highest_dispersion_loss() -> None:
    assert dispersion(certain(1, 1, 1)).item() == pytest.approx(math.log(3), abs=1e-6)


@pytest.mark.parametrize("loss", [skewness, dispersion])
def test_gradients_are_finite_where_predictions_are_certain(loss: Callable[[Tensor], Tensor]) -> None:
    logits = certain(1, 1, 1).requires_grad_(True)
    loss(logits).backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_training_with_both_gives_certain_and_even_predictions() -> None:
    logits = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (skewness(logits) + dispersion(logits)).backward()
        optimizer.step()
    counts = torch.bincount(logits.argmax(dim=1), minlength=4)
    assert skewness(logits).item() < 0.05
    assert counts.max().item() < 2 * counts.min().item()
