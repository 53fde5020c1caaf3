from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch.autograd import gradcheck

from relscout.clustering.adaptive import divergence, student_t, target_distribution

#: Two vectors on the left, one on the right; a centroid at each end. ‖z − μ‖² is 0 1 9 and 9 4 0.
CODES = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
CENTROIDS = torch.tensor([[0.0], [3.0]], dtype=torch.float64)
#: α = 1, so a kernel is 1/(1 + ‖z − μ‖²): 1 1/10, 1/2 1/5, 1/10 1.
Q = [[10 / 11, 1 / 11], [5 / 7, 2 / 7], [1 / 11, 10 / 11]]
#: f is 132/77 and 99/77, so that the q² are to be weighed 3 : 4.
P = [[300 / 304, 4 / 304], [75 / 91, 16 / 91], [3 / 403, 400 / 403]]

_VALUES = st.floats(-20, 20)
_SIZES = st.tuples(st.integers(1, 8), st.integers(1, 6), st.integers(1, 4))
_ALPHAS = st.floats(0.1, 20)


def slow_student_t(z: NDArray[Any], mu: NDArray[Any], alpha: float) -> NDArray[Any]:
    """Equation 7, a number at a time."""
    q = np.zeros((len(z), len(mu)))
    for n in range(len(z)):
        kernels = [(1 + np.sum((z[n] - mu[k]) ** 2) / alpha) ** (-(alpha + 1) / 2) for k in range(len(mu))]
        for k in range(len(mu)):
            q[n, k] = kernels[k] / sum(kernels)
    return q


def slow_target(q: NDArray[Any]) -> NDArray[Any]:
    """Equation 8, a number at a time."""
    f = [sum(q[n, k] for n in range(len(q))) for k in range(q.shape[1])]
    p = np.zeros_like(q)
    for n in range(len(q)):
        for k in range(q.shape[1]):
            p[n, k] = (q[n, k] ** 2 / f[k]) / sum(q[n, other] ** 2 / f[other] for other in range(q.shape[1]))
    return p


def slow_divergence(p: NDArray[Any], q: NDArray[Any]) -> float:
    """Equation 9, a number at a time."""
    total = 0.0
    for n in range(len(p)):
        for k in range(p.shape[1]):
            if p[n, k] > 0:
                total += p[n, k] * np.log(p[n, k] / q[n, k])
    return total


@st.composite
def codes_and_centroids(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n, k, z = draw(_SIZES)
    return (
        draw(arrays(np.float64, (n, z), elements=_VALUES)),
        draw(arrays(np.float64, (k, z), elements=_VALUES)),
    )


@st.composite
def distributions(draw: st.DrawFn) -> torch.Tensor:
    n, k, _ = draw(_SIZES)
    weights = draw(arrays(np.float64, (n, k), elements=st.floats(0.001, 1)))
    return torch.from_numpy(weights / weights.sum(axis=1, keepdims=True))


def test_a_worked_soft_assignment() -> None:
    torch.testing.assert_close(student_t(CODES, CENTROIDS), torch.tensor(Q, dtype=torch.float64))


def test_a_worked_soft_assignment_of_three_degrees_of_freedom() -> None:
    # kernels (1 + 0/3)⁻² = 1 and (1 + 9/3)⁻² = 1/16; of the second (1 + 1/3)⁻² = 9/16 and (1 + 4/3)⁻² = 9/49
    found = student_t(CODES[:2], CENTROIDS, alpha=3)
    expected = torch.tensor([[16 / 17, 1 / 17], [49 / 65, 16 / 65]], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_a_worked_target() -> None:
    found = target_distribution(torch.tensor(Q, dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor(P, dtype=torch.float64))


def test_a_worked_divergence() -> None:
    p = torch.tensor([[0.5, 0.5], [1.0, 0.0]], dtype=torch.float64)
    q = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64)
    # ½ ln 2 + ½ ln(2/3) + ln 2
    assert float(divergence(p, q)) == pytest.approx(0.5 * np.log(4 / 3) + np.log(2))


def test_a_small_cluster_draws_what_lies_between() -> None:
    # three vectors at the left centroid, one at the right, one half way: eq. 8 divides by the size
    codes = torch.tensor([[0.0], [0.0], [0.0], [2.0], [1.0]], dtype=torch.float64)
    q = student_t(codes, torch.tensor([[0.0], [2.0]], dtype=torch.float64))
    assert q[-1].tolist() == [0.5, 0.5]
    # sizes ½ + 3 · 5/6 + 1/6 = 19/6 and 11/6
    assert target_distribution(q)[-1].tolist() == pytest.approx([11 / 30, 19 / 30])


def test_sizes_may_be_given() -> None:
    q = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    found = target_distribution(q, torch.tensor([1.0, 3.0]))
    assert found[0].tolist() == pytest.approx([0.75, 0.25])


@given(codes_and_centroids(), _ALPHAS)
def test_the_soft_assignment_is_that_of_its_definition(
    both: tuple[NDArray[np.float64], NDArray[np.float64]], alpha: float
) -> None:
    codes, centroids = both
    found = student_t(torch.from_numpy(codes), torch.from_numpy(centroids), alpha=alpha)
    np.testing.assert_allclose(found, slow_student_t(codes, centroids, alpha), rtol=1e-8, atol=1e-12)


@given(distributions())
def test_the_target_is_that_of_its_definition(q: torch.Tensor) -> None:
    np.testing.assert_allclose(target_distribution(q), slow_target(q.numpy()), rtol=1e-10)


@given(st.data())
def test_the_divergence_is_that_of_its_definition(data: st.DataObject) -> None:
    p = data.draw(distributions())
    q = torch.roll(p, 1, dims=0)
    assert float(divergence(p, q)) == pytest.approx(slow_divergence(p.numpy(), q.numpy()), abs=1e-12)


@given(codes_and_centroids(), _ALPHAS)
def test_assignment_and_target_sum_to_one(
    both: tuple[NDArray[np.float64], NDArray[np.float64]], alpha: float
) -> None:
    q = student_t(torch.from_numpy(both[0]), torch.from_numpy(both[1]), alpha=alpha)
    for shares in (q, target_distribution(q)):
        np.testing.assert_allclose(shares.sum(dim=1), 1, rtol=1e-12)
        assert (shares >= 0).all()


@given(codes_and_centroids(), st.randoms(use_true_random=False))
def test_the_order_of_clusters_changes_nothing(
    both: tuple[NDArray[np.float64], NDArray[np.float64]], random: Any
) -> None:
    codes, centroids = (torch.from_numpy(array) for array in both)
    order = list(range(len(centroids)))
    random.shuffle(order)
    q, other = student_t(codes, centroids), student_t(codes, centroids[order])
    torch.testing.assert_close(other, q[:, order])
    torch.testing.assert_close(target_distribution(other), target_distribution(q)[:, order])
    p = target_distribution(q)
    assert float(divergence(p[:, order], q[:, order])) == pytest.approx(float(divergence(p, q)), abs=1e-12)


@given(distributions())
def test_among_clusters_of_one_size_the_target_is_sharper(q: torch.Tensor) -> None:
    p = target_distribution(q, torch.ones(q.shape[1]))
    assert (p.max(dim=1).values >= q.max(dim=1).values - 1e-12).all()
    assert (_entropy(p) <= _entropy(q) + 1e-12).all()


@given(distributions())
def test_the_divergence_is_never_below_zero_and_is_zero_between_equals(q: torch.Tensor) -> None:
    p = target_distribution(q)
    assert float(divergence(p, q)) >= -1e-12
    assert float(divergence(q, q)) == 0
    apart = float((p - q).abs().sum(dim=1).square().sum())
    # Pinsker: what differs has a divergence
    assert float(divergence(p, q)) >= 0.5 * apart - 1e-12


def test_one_cluster_has_all() -> None:
    q = student_t(CODES, CENTROIDS[:1])
    assert q.tolist() == target_distribution(q).tolist() == [[1], [1], [1]]
    assert float(divergence(target_distribution(q), q)) == 0


def test_a_share_of_nothing_adds_nothing() -> None:
    sure = torch.tensor([[1.0, 0.0]])
    assert float(divergence(sure, sure)) == 0


def test_a_code_on_its_centroid_in_float32_has_a_kernel_of_one() -> None:
    codes = torch.full((1, 50), 123.456)
    centroids = torch.stack([codes[0], codes[0] + 100])
    assert student_t(codes, centroids)[0, 0] == pytest.approx(1, abs=1e-4)


def test_far_codes_have_an_assignment_too() -> None:
    codes = 1e4 * torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    q = student_t(codes, torch.tensor([[0.0, 0.0], [-1.0, -1.0]]))
    np.testing.assert_allclose(q.sum(dim=1), 1, rtol=1e-5)
    assert (q[:, 0] > q[:, 1]).all()


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_gradients_of_the_soft_assignment(alpha: float) -> None:
    codes, centroids = _random(5, 3).requires_grad_(), (2 * _random(4, 3)).requires_grad_()
    assert gradcheck(lambda z, mu: student_t(z, mu, alpha=alpha), (codes, centroids))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_gradients_of_the_loss_reach_codes_and_centroids(alpha: float) -> None:
    codes, centroids = _random(5, 3).requires_grad_(), (2 * _random(4, 3)).requires_grad_()
    p = target_distribution(student_t(codes, centroids, alpha=alpha)).detach()
    assert gradcheck(lambda z, mu: divergence(p, student_t(z, mu, alpha=alpha)), (codes, centroids))


def test_the_gradient_for_codes_is_the_one_that_was_published() -> None:
    # Xie et al. 2016, eq. 4: ∂L/∂z_n = (α+1)/α Σ_k (1 + ‖z_n − μ_k‖²/α)⁻¹ (p_nk − q_nk)(z_n − μ_k)
    codes, centroids, alpha = _random(6, 3).requires_grad_(), 2 * _random(4, 3), 2.0
    q = student_t(codes, centroids, alpha=alpha)
    p = target_distribution(q).detach()
    divergence(p, q).backward()  # type: ignore[no-untyped-call]
    z, mu, shares = codes.detach().numpy(), centroids.numpy(), q.detach().numpy()
    expected = np.zeros_like(z)
    for n in range(len(z)):
        for k in range(len(mu)):
            pull = (p.numpy()[n, k] - shares[n, k]) / (1 + np.sum((z[n] - mu[k]) ** 2) / alpha)
            expected[n] += (alpha + 1) / alpha * pull * (z[n] - mu[k])
    np.testing.assert_allclose(codes.grad, expected, atol=1e-12)


def _entropy(shares: torch.Tensor) -> torch.Tensor:
    return -torch.xlogy(shares, shares).sum(dim=1)
