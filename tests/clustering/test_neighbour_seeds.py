"""Starts on the neighbour graph. Compiling UMAP takes half a minute, so whatever needs it is tested here alone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from relscout.clustering.adaptive import AdaptiveSettings, adapt, pretrain
from relscout.clustering.kmeans import (
    in_own_thread,
    kmeans,
    nearest,
    side_by_side,
    starting_centroids,
)
from relscout.core.instances import RelationInstance
from relscout.encoders import TransformerEncoder
from relscout.methods.kmeans import KMeans
from relscout.metrics import score


@pytest.fixture(scope="module")
def vectors_and_gold(blobs: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    return blobs(4, 40)


@pytest.fixture(scope="module")
def seeds(vectors_and_gold: tuple[NDArray[np.float32], NDArray[np.int64]]) -> NDArray[np.float32]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = starting_centroids(vectors_and_gold[0], 4, start="neighbours", seed=0)
    afterwards = torch.get_num_threads()
    torch.set_num_threads(threads)
    assert found is not None
    assert afterwards == 1
    return found


def test_there_is_a_seed_in_every_blob(seeds: NDArray[np.float32], vectors_and_gold: Any) -> None:
    vectors, gold = vectors_and_gold
    assert (seeds.shape, seeds.dtype) == ((4, 16), np.float32)
    assert adjusted_rand_score(gold, nearest(vectors, seeds)[0]) == 1


def test_the_same_seed_gives_the_same_bytes(seeds: NDArray[np.float32], vectors_and_gold: Any) -> None:
    again = starting_centroids(vectors_and_gold[0], 4, start="neighbours", seed=0)
    assert again is not None
    assert again.tobytes() == seeds.tobytes()


def test_a_sample_and_a_seed_beyond_32_bits_will_do(vectors_and_gold: Any) -> None:
    vectors, gold = vectors_and_gold
    found = starting_centroids(vectors, 4, start="neighbours", seed=2**40, sample_size=130)
    assert found is not None
    assert adjusted_rand_score(gold, nearest(vectors, found)[0]) == 1


def test_what_most_layouts_separate_is_separated_whatever_their_scale() -> None:
    places = np.arange(40)
    halves, others = places % 2, places // 2 % 2
    of_most, of_one = (side[:, None].astype(np.float32) for side in (halves, others))
    joined = side_by_side([of_most, 3 * of_most, 100 * of_one])
    assert joined.shape == (40, 3)
    np.testing.assert_allclose(joined.mean(axis=0), 0, atol=1e-6)
    assert adjusted_rand_score(halves, kmeans(joined, 2, seed=0).labels) == 1


def test_a_start_by_consensus_is_in_every_blob(vectors_and_gold: Any) -> None:
    vectors, gold = vectors_and_gold
    started = starting_centroids(vectors, 4, start="consensus", seed=0)
    assert started is not None
    assert adjusted_rand_score(gold, nearest(vectors, started)[0]) == 1
    assert starting_centroids(vectors, 4, start="k-means++", seed=0) is None


def test_a_consensus_is_not_the_first_of_its_layouts() -> None:
    noise = np.random.default_rng(0).normal(size=(130, 16)).astype(np.float32)
    by_consensus = starting_centroids(noise, 6, start="consensus", seed=0)
    by_layout = starting_centroids(noise, 6, start="neighbours", seed=0)
    assert by_consensus is not None
    assert by_layout is not None
    assert by_consensus.tobytes() != by_layout.tobytes()


@pytest.mark.parametrize(("each", "n_clusters"), [(29, 4), (40, 1), (40, 81)])
def test_there_are_none_where_a_graph_has_nothing_to_tell(blobs: Any, each: int, n_clusters: int) -> None:
    assert starting_centroids(blobs(4, each)[0], n_clusters, start="neighbours", seed=0) is None


def test_there_are_none_where_most_vectors_repeat(blobs: Any) -> None:
    few, _ = blobs(10, 1)
    assert starting_centroids(np.repeat(few, 30, axis=0), 4, start="neighbours", seed=0) is None


def test_adaptive_clustering_starts_at_those_of_its_codes(vectors_and_gold: Any) -> None:
    vectors, gold = vectors_and_gold
    settings = AdaptiveSettings(layers="16-4", start="neighbours", cluster_epochs=0, autoencoder_epochs=5)
    mapping = pretrain(vectors, settings=settings, seed=0).mapping
    codes = mapping(vectors)
    started = kmeans(codes, 4, seed=0, starts=starting_centroids(codes, 4, start="neighbours", seed=0))
    found = adapt(vectors, 4, mapping, settings=settings, seed=0)
    assert found.centroids.tobytes() == started.centroids.tobytes()
    assert adjusted_rand_score(gold, found.labels) == 1


def test_k_means_of_sentences_finds_the_relations_from_there(corpus: list[RelationInstance]) -> None:
    relations = ("spouse", "capital of", "orbits")
    chosen = [instance for instance in corpus if instance.relation in relations]
    found = KMeans(TransformerEncoder(), n_relations=3, start="neighbours").fit(chosen)
    assert score([instance.relation for instance in chosen], found.labels_.tolist()).ari > 0.9


@pytest.mark.parametrize("torch_first", [True, False])
def test_numba_leaves_the_number_of_threads_of_torch_as_it_is(torch_first: bool) -> None:
    program = f"""
        {"import torch" if torch_first else ""}
        from numba.np.ufunc.parallel import _launch_threads  # what the first parallel function calls
        from relscout.clustering.kmeans import in_own_thread

        in_own_thread(_launch_threads)
        import torch
        print(torch.get_num_threads())
    """
    lines = [line.removeprefix(" " * 8) for line in program.splitlines()]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["1"]


def test_what_fails_in_the_thread_is_raised_to_the_caller() -> None:
    def fail() -> None:
        raise ValueError("no graph")

    with pytest.raises(ValueError, match="no graph"):
        in_own_thread(fail)
