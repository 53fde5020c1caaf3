from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from relscout.methods.siamese import (
    consistency_loss,
    negative_cosine,
    negative_entropy,
    pull_together,
    similarity_loss,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_cosines_are_those_worked_out_by_hand() -> None:
    predicted = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    target = torch.tensor([[4.0, 3.0], [0.0, 5.0]])
    # 24/25 and 0
    assert negative_cosine(predicted, target).item() == pytest.approx(-0.48)


def test_the_similarity_loss_is_symmetric_and_lowest_where_each_predicts_the_other() -> None:
    g, d, other_g, other_d = (random(6, 4, seed=seed) for seed in range(4))
    loss = similarity_loss((g, d), (other_g, other_d))
    torch.testing.assert_close(loss, similarity_loss((other_g, other_d), (g, d)))
    by_hand = -np.mean(
        [
            (a @ b / (a.norm() * b.norm())).item()
            for one, other in ((d, other_g), (other_d, g))
            for a, b in zip(one, other, strict=True)
        ]
    )
    assert loss.item() == pytest.approx(by_hand, abs=1e-6)
    assert similarity_loss((g, 2 * other_g), (other_g, 3 * g)).item() == pytest.approx(-1, abs=1e-6)


def test_no_gradient_goes_through_what_is_to_be_predicted() -> None:
    g, d, other_g, other_d = (random(6, 4, seed=seed).requires_grad_() for seed in range(4))
    similarity_loss((g, d), (other_g, other_d)).backward()  # type: ignore[no-untyped-call]
    assert g.grad is None
    assert other_g.grad is None
    assert d.grad is not None
    assert other_d.grad is not None


def test_consistency_is_what_the_equation_says_term_by_term() -> None:
    logits, others = random(3, 4), random(3, 2, 4, seed=1)
    expected = 0.0
    for row in range(3):
        own = logits[row].softmax(dim=0)
        for place in range(2):
            expected -= math.log(float(own @ others[row, place].softmax(dim=0))) / 3
    assert consistency_loss(logits, others).item() == pytest.approx(expected, rel=1e-5)
    assert consistency_loss(logits, others, scale="mean").item() == pytest.approx(expected / 2, rel=1e-5)


def test_consistency_is_zero_where_both_are_sure_of_one_cluster_and_finite_where_they_are_not() -> None:
    sure = torch.tensor([[200.0, 0.0, 0.0]])
    assert consistency_loss(sure, sure[:, None]).item() == pytest.approx(0, abs=1e-6)
    other = torch.tensor([[[0.0, 200.0, 0.0]]])
    assert math.isfinite(consistency_loss(sure, other).item())


def test_the_entropy_is_that_of_the_mean_and_not_the_mean_of_entropies() -> None:
    sure = torch.eye(4)
    assert negative_entropy(sure).item() == pytest.approx(-math.log(4), abs=1e-5)
    assert negative_entropy(sure[:1].expand(8, 4)).item() == pytest.approx(0, abs=1e-6)


def test_the_entropy_has_a_gradient_where_a_cluster_is_empty() -> None:
    logits = (torch.eye(3)[:2] * 300).requires_grad_()
    negative_entropy(logits.softmax(dim=1)).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_the_entropy_over_the_data_has_its_value_and_over_all_batches_its_gradient() -> None:
    logits = random(12, 3).requires_grad_()
    negative_entropy(logits.softmax(dim=1)).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    expected, logits.grad = logits.grad.clone(), None
    overall = logits.detach().softmax(dim=1).mean(dim=0)
    for start in (0, 4, 8):
        shares = logits[start : start + 4].softmax(dim=1)
        loss = negative_entropy(shares, overall=overall)
        assert loss.item() == pytest.approx(float((overall * overall.log()).sum()), abs=1e-6)
        (loss / 3).backward()
    torch.testing.assert_close(logits.grad, expected)


def test_pulling_together_moves_both_sides() -> None:
    h, neighbours = random(5, 3).requires_grad_(), random(5, 2, 3, seed=1).requires_grad_()
    loss = pull_together(h, neighbours)
    loss.backward()  # type: ignore[no-untyped-call]
    assert h.grad is not None
    assert neighbours.grad is not None
    cosines = [
        torch.cosine_similarity(h[row], neighbours[row, place], dim=0).item()
        for row in range(5)
        for place in range(2)
    ]
    assert loss.item() == pytest.approx(-float(np.mean(cosines)), abs=1e-6)
