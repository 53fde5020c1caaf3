from __future__ import annotations

from math import exp, log

import pytest
import torch

from relscout.pretraining.objectives import (
    contrast_as_printed,
    contrast_as_released,
    matching,
    nearest_is_positive,
)

#: Four sentences, two pairs; dot products are easily told: 0·1 = 2, 0·2 = 1, 0·3 = 0, 1·2 = 1, 1·3 = 1, 2·3 = 0.
X = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def test_eq_2_has_the_other_of_the_pair_above_the_sentences_of_other_pairs() -> None:
    terms = [
        -log(exp(2) / (exp(2) + exp(1) + exp(0))),
        -log(exp(2) / (exp(2) + exp(1) + exp(1))),
        -log(exp(0) / (exp(0) + exp(1) + exp(1))),
        -log(exp(0) / (exp(0) + exp(0) + exp(1))),
    ]
    everyone = torch.ones((4, 4), dtype=torch.bool)
    assert contrast_as_printed(X, everyone).item() == pytest.approx(sum(terms) / 4)


def test_sentences_that_are_no_negatives_are_in_no_denominator() -> None:
    allowed = torch.ones((4, 4), dtype=torch.bool)
    allowed[0, 2] = False
    first = -log(exp(2) / (exp(2) + exp(0)))
    before = -log(exp(2) / (exp(2) + exp(1) + exp(0)))
    everyone = torch.ones_like(allowed)
    found = contrast_as_printed(X, allowed) - contrast_as_printed(X, everyone)
    assert found.item() == pytest.approx((first - before) / 4)


def test_the_released_loss_has_every_positive_once_and_no_other_positive_below() -> None:
    x = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0], [-1.0, 0.0]])
    relation = torch.tensor([0, 0, 0, 1])
    positive = (relation == relation[:, None]) & ~torch.eye(4, dtype=torch.bool)
    cosine = {(0, 1): 0.0, (0, 2): 1.0, (1, 2): 0.0, (0, 3): -1.0, (1, 3): 0.0, (2, 3): -1.0}
    terms = []
    for anchor, other in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)):
        p = exp(cosine[min(anchor, other), max(anchor, other)] / 0.5)
        terms.append(-log(p / (p + exp(cosine[anchor, 3] / 0.5))))
    found = contrast_as_released(x, positive, relation != relation[:, None], temperature=0.5)
    assert found.item() == pytest.approx(sum(terms) / 6)


def test_a_batch_of_one_relation_has_nothing_to_learn_and_a_gradient_of_zero() -> None:
    x = X.clone().requires_grad_(True)
    positive = ~torch.eye(4, dtype=torch.bool)
    loss = contrast_as_released(x, positive, torch.zeros_like(positive), temperature=0.5)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_a_batch_without_a_positive_has_nothing_to_learn() -> None:
    x = X.clone().requires_grad_(True)
    nothing = torch.zeros((4, 4), dtype=torch.bool)
    loss = contrast_as_released(x, nothing, ~nothing, temperature=0.5)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_matching_is_the_cross_entropy_of_dot_products() -> None:
    p_same, p_other = 1 / (1 + exp(-2)), 1 / (1 + exp(0))
    expected = -(log(p_same) + log(1 - p_other)) / 2
    assert matching(X, torch.tensor([True, False])).item() == pytest.approx(expected)


def test_the_nearest_counts_for_sentences_that_have_a_positive() -> None:
    relation = torch.tensor([0, 0, 0, 1])
    positive = (relation == relation[:, None]) & ~torch.eye(4, dtype=torch.bool)
    # by cosine: 0 → 1, 1 → 0, 2 → 0, and 3 has none
    assert nearest_is_positive(X, positive).tolist() == [True, True, True]
    assert nearest_is_positive(X[[3, 0, 2, 1]], positive).tolist() == [False, False, True]
