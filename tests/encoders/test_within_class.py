from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.encoders.whitening import WithinClassProjection, within_class_scatter


@pytest.fixture
def labelled() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Two relations that differ along the second axis, and within each mostly along the first."""
    random = np.random.default_rng(0)
    classes = np.repeat([0, 1], 200).astype(np.int64)
    vectors = random.normal(scale=[5.0, 0.5, 1.0], size=(400, 3))
    vectors[:, 1] += 4.0 * classes
    return vectors.astype(np.float32), classes


def test_the_scatter_is_that_around_the_mean_of_each_class(
    labelled: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, classes = labelled
    groups = [vectors[classes == 0], vectors[:0], vectors[classes == 1]]
    scatter = within_class_scatter(iter(groups), 3)
    assert (scatter.n_vectors, scatter.n_classes) == (400, 2)
    by_numpy = sum(np.cov(group.astype(np.float64).T) * (len(group) - 1) for group in groups if len(group))
    np.testing.assert_allclose(scatter.products, by_numpy, rtol=1e-9)


def test_the_scatter_is_summed_in_double_precision() -> None:
    far = (1e4 + np.random.default_rng(0).normal(size=(3000, 2))).astype(np.float32)
    exact = far.astype(np.float64) - far.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(within_class_scatter([far], 2).products, exact.T @ exact, rtol=1e-9)


def seen_before_scaling(view: WithinClassProjection, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return (vectors - view.mean) @ view.matrix


def test_what_varies_within_relations_varies_evenly_in_the_view(
    labelled: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, classes = labelled
    seen = seen_before_scaling(WithinClassProjection.of(vectors, classes, shrinkage=1e-9), vectors)
    around = np.concatenate([seen[classes == one] - seen[classes == one].mean(axis=0) for one in (0, 1)])
    np.testing.assert_allclose(around.T @ around / len(around), np.eye(3), atol=1e-3)


def test_it_is_the_inverse_root_of_the_shrunk_covariance(
    labelled: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, classes = labelled
    exact = vectors.astype(np.float64)
    within = np.zeros((3, 3))
    for one in (0, 1):
        for vector in exact[classes == one]:
            away = vector - exact[classes == one].mean(axis=0)
            within += np.outer(away, away) / len(exact)
    shrunk = 0.7 * within + 0.3 * np.trace(within) / 3 * np.eye(3)
    matrix = WithinClassProjection.of(vectors, classes, shrinkage=0.3).matrix.astype(np.float64)
    np.testing.assert_allclose(matrix @ matrix.T, np.linalg.inv(shrunk), rtol=1e-4)


def test_relations_are_told_apart_where_topics_hid_them(
    labelled: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, classes = labelled
    view = WithinClassProjection.of(vectors, classes)
    found = view(vectors)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)

    def apart(given: NDArray[np.float32]) -> float:
        unit = given / np.linalg.norm(given, axis=1, keepdims=True)
        same = classes[:, None] == classes[None, :]
        cosines = unit @ unit.T
        return float(cosines[same].mean() - cosines[~same].mean())

    assert apart(found) > 2 * apart(vectors - vectors.mean(axis=0))


def test_no_more_directions_than_there_are_or_than_asked_for(
    labelled: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, classes = labelled
    assert WithinClassProjection.of(vectors, classes, dimensions=2).matrix.shape == (3, 2)
    flat = np.concatenate([vectors, np.zeros((400, 1), np.float32)], axis=1)
    assert WithinClassProjection.of(flat, classes).matrix.shape == (4, 3)


def test_relations_of_one_instance_each_leave_the_vectors_as_they_are() -> None:
    vectors = np.eye(3, dtype=np.float32)
    view = WithinClassProjection.of(vectors, np.arange(3))
    cosines = view(vectors) @ view(vectors).T
    np.testing.assert_allclose(cosines, np.where(np.eye(3) > 0, 1, -0.5), atol=1e-5)


def test_what_cannot_be_learnt_from_is_refused(
    labelled: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, classes = labelled
    with pytest.raises(InputError, match="the 400 labelled vectors do not differ"):
        WithinClassProjection.of(np.ones_like(vectors), classes)
    for shrinkage in (0.0, 1.5):
        with pytest.raises(SettingError, match=f"shrinkage is {shrinkage}, expected a share above 0"):
            WithinClassProjection.of(vectors, classes, shrinkage=shrinkage)


def test_fewer_vectors_than_dimensions_are_seen_as_if_they_had_few_dimensions() -> None:
    random = np.random.default_rng(0)
    narrow, classes = random.normal(size=(30, 6)).astype(np.float32), np.arange(30) % 3
    turn, _ = np.linalg.qr(random.normal(size=(50, 50)))
    wide = narrow @ turn[:6].astype(np.float32)
    seen = [WithinClassProjection.of(vectors, classes)(vectors) for vectors in (narrow, wide)]
    assert [vectors.shape for vectors in seen] == [(30, 6)] * 2
    np.testing.assert_allclose(seen[1] @ seen[1].T, seen[0] @ seen[0].T, atol=1e-4)
