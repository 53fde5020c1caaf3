from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from relscout.training.neighbourhoods import Neighbourhoods

VECTORS = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)
OTHERS = np.random.default_rng(1).standard_normal((12, 3)).astype(np.float32)


def unit(vectors: np.ndarray) -> torch.Tensor:
    return normalize(torch.from_numpy(vectors), dim=1)


def divergence(student: np.ndarray, teacher: np.ndarray, sharpness: float, first: int) -> float:
    """The mean divergence of the first rows, each without itself, in plain NumPy."""
    total = 0.0
    for row in range(first):
        logs = []
        for vectors in (student, teacher):
            cosines = sharpness * np.delete(vectors @ vectors[row], row)
            logs.append(cosines - np.log(np.exp(cosines).sum()))
        total += float((np.exp(logs[1]) * (logs[1] - logs[0])).sum())
    return total / first


def test_the_loss_is_the_divergence_from_the_batch_and_the_queue() -> None:
    known = Neighbourhoods(VECTORS, None, size=4, sharpness=3.0, weight=2.0)
    student = unit(OTHERS)
    first, second = np.array([3, 0, 7, 5, 1, 2]), np.array([8, 4, 6])
    teacher = unit(VECTORS).double().numpy()
    wide = student.double().numpy()
    assert known.loss(first, student[first]).item() == pytest.approx(
        2 * divergence(wide[first], teacher[first], 3.0, 6), rel=1e-4
    )
    seen = np.concatenate([second, first[:4]])  # the queue holds the first four
    assert known.loss(second, student[second]).item() == pytest.approx(
        2 * divergence(wide[seen], teacher[seen], 3.0, 3), rel=1e-4
    )
    known.clear()
    assert known.loss(second, student[second]).item() == pytest.approx(
        2 * divergence(wide[second], teacher[second], 3.0, 3), rel=1e-4
    )


def test_the_teacher_itself_loses_nothing_and_gradients_reach_only_the_batch() -> None:
    known = Neighbourhoods(VECTORS, VECTORS[::-1].copy(), size=100, sharpness=3.0, weight=1.0)
    rows = np.arange(6)
    both = torch.cat([unit(VECTORS)[:6], unit(VECTORS[::-1].copy())[:6]])
    assert known.loss(rows, both).item() == pytest.approx(0, abs=1e-6)
    vectors = both.flip(0).requires_grad_()
    known.loss(rows, vectors).backward()
    assert vectors.grad is not None
    assert float(vectors.grad.abs().sum()) > 0
    again = both.clone().requires_grad_()
    known.loss(rows, again).backward()  # the queue keeps no graph


def test_without_a_queue_only_the_batch_counts() -> None:
    known = Neighbourhoods(VECTORS, None, size=0, sharpness=3.0, weight=1.0)
    rows = np.arange(5)
    first = known.loss(rows, unit(OTHERS)[:5]).item()
    assert known.loss(rows, unit(OTHERS)[:5]).item() == pytest.approx(first)
