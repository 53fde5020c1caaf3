from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from relscout.methods.hiure import (
    cluster_temperatures,
    instance_contrast,
    momentum_contrast,
    prototype_contrast,
)


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_the_contrast_of_instances_is_what_the_equation_says_term_by_term() -> None:
    first, second, temperature = unit(4, 3), unit(4, 3, seed=1), 0.3
    expected = 0.0
    for one, other in ((first, second), (second, first)):
        for row in range(4):
            exps = [math.exp(float(one[row] @ other[place]) / temperature) for place in range(4)]
            expected -= math.log(exps[row] / sum(exps)) / 8
    assert instance_contrast(first, second, temperature=temperature).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_the_contrast_of_instances_is_lowest_where_views_are_alike_and_instances_are_not() -> None:
    views = torch.eye(5)
    apart = instance_contrast(views, views, temperature=0.05).item()
    assert apart == pytest.approx(0, abs=1e-6)
    one = torch.ones(5, 5) / 5**0.5
    assert instance_contrast(one, one, temperature=0.05).item() == pytest.approx(math.log(5), rel=1e-5)


def test_the_contrast_of_prototypes_is_what_the_equation_says_term_by_term() -> None:
    views, prototypes = unit(3, 4), unit(2, 4, seed=1)
    temperatures, own = torch.tensor([0.2, 0.7]), torch.tensor([0, 1, 1])
    expected = 0.0
    for row in range(3):
        exps = [math.exp(float(views[row] @ prototypes[c]) / float(temperatures[c])) for c in range(2)]
        expected -= math.log(exps[int(own[row])] / sum(exps)) / 3
    found = prototype_contrast(views, prototypes, temperatures, own)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_temperatures_are_what_the_equation_says() -> None:
    # of three clusters, the percentiles are near the ends, so that what is clipped is small and can be worked out
    prototypes = np.eye(3, dtype=np.float32)
    vectors = np.array(
        [[1, 0, 0], [0.8, 0.6, 0], [0, 1, 0], [0, 0.6, 0.8], [0, 0, 1], [0, 0, 1]], dtype=np.float32
    )
    labels = np.array([0, 0, 1, 1, 2, 2])
    far = [math.dist(vectors[1], prototypes[0]), math.dist(vectors[3], prototypes[1]), 0.0]
    raw = np.array([distance / (2 * math.log(2 + 10)) for distance in far])
    clipped = np.clip(raw, *np.percentile(raw, [10, 90]))
    found = cluster_temperatures(vectors, prototypes, labels, smoothing=10, mean=0.2)
    np.testing.assert_allclose(found, clipped / clipped.mean() * 0.2, rtol=1e-5)
    assert found.dtype == np.float32
    assert found.mean() == pytest.approx(0.2)


def test_a_small_cluster_as_loose_as_a_large_one_has_the_higher_temperature() -> None:
    prototypes = np.eye(2, dtype=np.float32)
    labels = np.array([0] * 20 + [1] * 2)
    angle = 0.3
    around = np.array([[math.cos(angle), math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32)
    found = cluster_temperatures(around[labels], prototypes, labels, smoothing=10, mean=0.1)
    assert found[1] > found[0]


def test_one_that_is_alone_counts_as_loose_and_what_repeats_has_a_temperature_above_zero() -> None:
    prototypes = np.eye(3, dtype=np.float32)
    vectors = np.array([[1, 0, 0], [0, 0.8, 0.6], [0, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=np.float32)
    found = cluster_temperatures(vectors, prototypes, np.array([0, 1, 1, 2, 2]), smoothing=10, mean=0.1)
    assert found[0] == found[1] > found[2] > 0
    same = cluster_temperatures(prototypes, prototypes, np.arange(3), smoothing=10, mean=0.1)
    np.testing.assert_allclose(same, 0.1)


def test_the_contrast_with_keys_equals_the_equation_term_by_term() -> None:
    views, keys, queued = unit(3, 4), unit(3, 4, seed=1), unit(5, 4, seed=2)
    same = torch.zeros(3, 5, dtype=torch.bool)
    same[1, 4] = True  # an earlier view of instance 1 is no negative of it
    expected = 0.0
    for row in range(3):
        own = math.exp(float(views[row] @ keys[row]) / 0.3)
        negatives = [math.exp(float(views[row] @ key) / 0.3) for key in keys]
        negatives += [
            math.exp(float(views[row] @ key) / 0.3)
            for place, key in enumerate(queued)
            if (row, place) != (1, 4)
        ]
        expected -= math.log(own / sum(negatives)) / 3
    loss = momentum_contrast(views, keys, queued, same, temperature=0.3)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_without_a_queue_the_keys_of_the_batch_are_the_negatives() -> None:
    views, keys = unit(4, 3), unit(4, 3, seed=1)
    nothing = torch.empty(4, 0, dtype=torch.bool)
    loss = momentum_contrast(views, keys, torch.empty(0, 3), nothing, temperature=0.3)
    expected = prototype_contrast(views, keys, torch.full((4,), 0.3), torch.arange(4))
    assert loss.item() == pytest.approx(expected.item())
