from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from relscout.clustering.adaptive import (
    AdaptiveClusters,
    AdaptiveSettings,
    Mapping,
    adapt,
    assign,
    effective_number,
    fully_connected,
    pretrain,
    starting_centroids,
)
from relscout.clustering.kmeans import kmeans
from relscout.core.errors import InputError, SettingError

SMALL = AdaptiveSettings(
    layers="16-4",
    autoencoder_steps=300,
    autoencoder_epochs=1,
    cluster_epochs=8,
    cluster_batch=32,
    cluster_learning_rate=1e-3,
    start="k-means++",
)
#: All vectors at once and plain steps, as in the released code.
RELEASED = replace(
    SMALL,
    optimizer="sgd",
    cluster_batch=0,
    cluster_learning_rate=0.1,
    label_from="assignment",
    keep="lowest-loss",
    redraws=0,
)


@pytest.fixture(scope="module")
def made(blobs: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    return blobs(5, 30, noise=0.08)


@pytest.fixture(scope="module")
def vectors(made: tuple[NDArray[np.float32], NDArray[np.int64]]) -> NDArray[np.float32]:
    return made[0]


@pytest.fixture(scope="module")
def mapping(vectors: NDArray[np.float32]) -> Mapping:
    return pretrain(vectors, settings=SMALL, seed=0).mapping


def identity(dimension: int) -> Mapping:
    return Mapping(fully_connected([(torch.eye(dimension), torch.zeros(dimension))]), scale=1.0)


def everything(found: AdaptiveClusters) -> list[bytes]:
    arrays = [*found.mapping.arrays().values(), found.centroids, found.frequencies, found.labels]
    return [array.tobytes() for array in arrays]


def slow_step(
    vectors: NDArray[np.float64], centroids: NDArray[np.float64], rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight and centroids after one step down KL(P‖Q)/N from an identity, by the gradients of Xie et al. 2016."""
    n_vectors, n_clusters = len(vectors), len(centroids)
    q = np.zeros((n_vectors, n_clusters))
    for n in range(n_vectors):
        kernels = [1 / (1 + np.sum((vectors[n] - centroid) ** 2)) for centroid in centroids]
        q[n] = [kernel / sum(kernels) for kernel in kernels]
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    of_codes, of_centroids = np.zeros_like(vectors), np.zeros_like(centroids)
    for n in range(n_vectors):
        for k in range(n_clusters):
            apart = vectors[n] - centroids[k]
            pull = 2 * (p[n, k] - q[n, k]) / (1 + np.sum(apart**2)) * apart
            of_codes[n] += pull
            of_centroids[k] -= pull
    weight = np.eye(vectors.shape[1]) - rate * of_codes.T @ vectors / n_vectors
    return weight, centroids - rate * of_centroids / n_vectors


def test_well_separated_blobs_come_apart(
    made: tuple[NDArray[np.float32], NDArray[np.int64]], mapping: Mapping
) -> None:
    found = adapt(made[0], 5, mapping, settings=SMALL, seed=0)
    assert adjusted_rand_score(made[1], found.labels) == 1
    assert (found.labels.dtype, found.centroids.dtype) == (np.int64, np.float32)


def test_assignments_become_surer(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    found = adapt(vectors, 5, mapping, settings=replace(SMALL, cluster_epochs=30), seed=0)
    before = adapt(vectors, 5, mapping, settings=replace(SMALL, cluster_epochs=0), seed=0)
    q, earlier = (assign(one.mapping, one.centroids, vectors).max(axis=1).mean() for one in (found, before))
    assert q > earlier + 0.02


def test_one_step_of_all_vectors_is_that_of_the_published_gradients(blobs: Any) -> None:
    vectors, _ = blobs(3, 10, dimensions=3, noise=0.3)
    settings = replace(RELEASED, cluster_epochs=1, keep="last", cluster_learning_rate=0.5)
    started = kmeans(vectors, 3, seed=0).centroids
    found = adapt(vectors, 3, identity(3), settings=settings, seed=0)
    weight, centroids = slow_step(vectors.astype(float), started.astype(float), 0.5)
    assert np.abs(centroids - started).max() > 1e-3
    np.testing.assert_allclose(found.centroids, centroids, atol=1e-5)
    np.testing.assert_allclose(found.mapping.network[0].weight, weight, atol=1e-5)


def test_a_second_step_has_momentum(blobs: Any) -> None:
    vectors, _ = blobs(3, 10, dimensions=3, noise=0.3)
    moved = []
    for epochs in (0, 1, 2):
        settings = replace(RELEASED, cluster_epochs=epochs, keep="last", cluster_learning_rate=0.01)
        moved.append(adapt(vectors, 3, identity(3), settings=settings, seed=0).centroids)
    # of two steps all but alike, the second is 1 + 0.9 times as long
    first, second = (np.linalg.norm(later - earlier) for earlier, later in pairwise(moved))
    assert second / first == pytest.approx(1.9, abs=0.05)


def test_the_mapping_that_is_given_stays_as_it_is(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    before = [array.tobytes() for array in mapping.arrays().values()]
    found = adapt(vectors, 5, mapping, settings=SMALL, seed=0)
    assert [array.tobytes() for array in mapping.arrays().values()] == before
    assert not any(parameter.requires_grad for parameter in mapping.network.parameters())
    assert [array.tobytes() for array in found.mapping.arrays().values()] != before
    assert not any(parameter.requires_grad for parameter in found.mapping.network.parameters())


def test_vectors_are_left_as_they_are(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    before = vectors.tobytes()
    adapt(vectors, 5, mapping, settings=SMALL, seed=0)
    assert vectors.tobytes() == before


@pytest.mark.parametrize("epochs", [0, 1, 6])
def test_the_curve_tells_the_loss_at_the_start_of_each_epoch_and_at_the_end(
    epochs: int, vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    found = adapt(vectors, 5, mapping, settings=replace(SMALL, cluster_epochs=epochs), seed=0)
    assert len(found.losses) == epochs + 1
    assert all(loss > 0 for loss in found.losses)


def test_the_first_loss_is_that_of_the_start(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    found = adapt(vectors, 5, mapping, settings=SMALL, seed=0)
    centroids = kmeans(mapping(vectors), 5, seed=0).centroids
    q = assign(mapping, centroids, vectors).astype(float)
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    assert found.losses[0] == pytest.approx(np.sum(p * np.log(p / q)) / len(vectors), rel=1e-4)


def test_without_epochs_it_is_k_means_on_the_codes(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    found = adapt(
        vectors, 5, mapping, settings=replace(SMALL, cluster_epochs=0, label_from="assignment"), seed=0
    )
    expected = kmeans(mapping(vectors), 5, seed=0)
    assert found.centroids.tobytes() == expected.centroids.tobytes()
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.starting_labels, expected.labels)


@pytest.mark.parametrize("label_from", ["target", "assignment"])
def test_the_probabilities_give_the_labels_back(
    label_from: str, vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    found = adapt(vectors, 5, mapping, settings=replace(SMALL, label_from=label_from), seed=0)
    shares = found.probabilities(vectors)
    assert (shares.shape, shares.dtype) == ((150, 5), np.float32)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(shares.argmax(axis=1), found.labels)


def test_what_a_vector_gets_does_not_depend_on_its_company(
    vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    found = adapt(vectors, 5, mapping, settings=SMALL, seed=0)
    np.testing.assert_allclose(
        found.probabilities(vectors[40:43]), found.probabilities(vectors)[40:43], rtol=1e-4
    )


def test_labels_are_read_from_the_target_or_from_the_assignment() -> None:
    # 30 vectors on the left, 3 on the right and one a little left of the middle, which the target gives to the few
    line = np.concatenate([np.full(30, -1.0), np.full(3, 1.0), [-0.05]])
    vectors = np.stack([line, np.zeros_like(line)], axis=1).astype(np.float32)
    vectors += np.random.default_rng(0).normal(scale=0.01, size=vectors.shape).astype(np.float32)
    labels = {}
    for label_from in ("target", "assignment"):
        settings = replace(SMALL, cluster_epochs=0, label_from=label_from)
        found = adapt(vectors, 2, identity(2), settings=settings, seed=0).labels
        labels[label_from] = found[-1] == found[0]
    assert labels == {"target": False, "assignment": True}


def test_centroids_are_redrawn_when_the_first_epoch_does_not_lower_the_loss(
    vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    # a step so long that it overshoots
    settings = replace(RELEASED, cluster_learning_rate=5.0, cluster_epochs=2, redraws=1)
    assert adapt(vectors, 5, mapping, settings=settings, seed=0).redraws == 1
    assert adapt(vectors, 5, mapping, settings=replace(settings, redraws=0), seed=0).redraws == 0


def test_redrawn_centroids_are_codes(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    codes = mapping(vectors)
    first = codes[:5] + 1
    starts = list(starting_centroids(codes, first, 2, np.random.default_rng(0)))
    assert [is_last for _, is_last in starts] == [False, False, False, True]
    for redrawn, _ in starts[1:3]:
        assert all((codes == centroid).all(axis=1).any() for centroid in redrawn)
        assert len(np.unique(redrawn, axis=0)) == 5
    assert next(is_last for _, is_last in starting_centroids(codes, first, 0, np.random.default_rng(0)))


def test_where_no_redrawn_centroids_lower_the_loss_those_of_k_means_are_taken(
    vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    settings = replace(RELEASED, cluster_learning_rate=5.0, cluster_epochs=1, redraws=2)
    found = adapt(vectors, 5, mapping, settings=settings, seed=0)
    assert (found.redraws, found.kept_start) == (2, True)
    assert found.losses[0] < found.losses[1], "what is kept is the state before the step"
    assert everything(found) == everything(
        adapt(vectors, 5, mapping, settings=replace(settings, redraws=0), seed=0)
    )


def test_centroids_are_kept_when_the_first_epoch_lowers_the_loss(
    vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    assert adapt(vectors, 5, mapping, settings=SMALL, seed=0).redraws == 0


def test_the_state_of_the_lowest_loss_is_kept(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    settings = replace(RELEASED, cluster_learning_rate=50.0, cluster_epochs=2, redraws=1)
    lowest, last = (
        adapt(vectors, 5, mapping, settings=replace(settings, keep=keep), seed=0)
        for keep in ("lowest-loss", "last")
    )
    assert lowest.losses == last.losses
    assert np.argmin(lowest.losses) == 1, "neither the first state nor the last one is the best"
    until = adapt(vectors, 5, mapping, settings=replace(settings, cluster_epochs=1, keep="last"), seed=0)
    assert everything(lowest) == everything(until)
    assert everything(last) != everything(until)


def test_the_released_settings_cluster_too(
    made: tuple[NDArray[np.float32], NDArray[np.int64]], mapping: Mapping
) -> None:
    found = adapt(made[0], 5, mapping, settings=replace(RELEASED, cluster_epochs=20), seed=0)
    assert adjusted_rand_score(made[1], found.labels) == 1
    assert len(found.losses) == 21


def test_the_same_seed_gives_the_same_bytes(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    first, again = (adapt(vectors, 7, mapping, settings=SMALL, seed=3) for _ in range(2))
    assert everything(first) == everything(again)
    assert first.losses == again.losses
    assert everything(adapt(vectors, 7, mapping, settings=SMALL, seed=4)) != everything(first)


def test_the_random_numbers_of_the_program_are_left_alone(
    vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    state = torch.get_rng_state()
    adapt(vectors, 5, mapping, settings=SMALL, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_memory_map_gives_the_same_bytes_as_an_array(
    vectors: NDArray[np.float32], mapping: Mapping, tmp_path: Path
) -> None:
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    expected = adapt(vectors, 5, mapping, settings=SMALL, seed=0)
    assert everything(adapt(mapped, 5, mapping, settings=SMALL, seed=0)) == everything(expected)


def test_it_starts_by_k_means_where_there_are_too_few_vectors_for_a_neighbour_graph(
    vectors: NDArray[np.float32], mapping: Mapping
) -> None:
    one, other = (
        adapt(vectors[:100], 5, mapping, settings=replace(SMALL, start=start), seed=0)
        for start in ("neighbours", "k-means++")
    )
    assert everything(one) == everything(other)


def test_one_cluster_has_all(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    found = adapt(vectors, 1, mapping, settings=SMALL, seed=0)
    assert not found.labels.any()
    assert found.redraws == 0
    assert found.losses == pytest.approx([0] * 9, abs=1e-6)
    assert found.probabilities(vectors).tolist() == [[1]] * 150


def test_every_vector_may_be_a_cluster(blobs: Any) -> None:
    vectors, _ = blobs(1, 12, noise=1)
    found = adapt(vectors, 12, identity(16), settings=SMALL, seed=0)
    assert sorted(found.labels.tolist()) == list(range(12))


def test_more_clusters_than_vectors_are_refused(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    with pytest.raises(InputError, match="cannot make 6 clusters of 5 instances"):
        adapt(vectors[:5], 6, mapping, settings=SMALL, seed=0)


def test_codes_that_do_not_differ_are_refused(vectors: NDArray[np.float32]) -> None:
    blind = Mapping(fully_connected([(torch.zeros(4, 16), torch.ones(4))]), scale=1.0)
    with pytest.raises(InputError, match="cannot make 5 clusters"):
        adapt(vectors, 5, blind, settings=SMALL, seed=0)


def test_vectors_that_are_no_numbers_are_refused(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    broken = vectors.copy()
    broken[3, 2] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        adapt(broken, 5, mapping, settings=SMALL, seed=0)


def test_a_loss_that_is_no_number_names_the_setting(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    settings = replace(SMALL, cluster_learning_rate=1e30)
    with pytest.raises(SettingError, match=r"adaptive clustering diverged: .*; lower cluster_learning_rate"):
        adapt(vectors, 5, mapping, settings=settings, seed=0)


def test_progress_counts_the_epochs(vectors: NDArray[np.float32], mapping: Mapping) -> None:
    told: list[tuple[str, int, int | None]] = []
    adapt(vectors, 5, mapping, settings=SMALL, seed=0, progress=lambda *step: told.append(step))
    assert told == [("adapt", done, 8) for done in range(9)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 0, 0], 1),
        ([0, 1, 2, 3], 4),
        ([5, 5, 9, 9], 2),
        # shares ½ ¼ ¼ have entropy 1.5 bits
        ([0, 0, 1, 2], 2**1.5),
        ([], 1),
    ],
)
def test_the_effective_number_of_clusters(labels: list[int], expected: float) -> None:
    assert effective_number(np.array(labels, dtype=np.int64)) == pytest.approx(expected)
