"""Starts at the parts of the neighbour graph by its eigenvectors, without UMAP."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from relscout.clustering.kmeans import nearest, starting_centroids
from relscout.clustering.neighbours import spectral_layout


def test_there_is_a_start_in_every_blob(blobs: Any) -> None:
    vectors, gold = blobs(4, 40)
    starts = starting_centroids(vectors, 4, start="spectral", seed=0)
    assert starts is not None
    assert adjusted_rand_score(gold, nearest(vectors, starts)[0]) == 1


def test_rows_have_unit_length_and_follow_the_order_of_the_vectors(blobs: Any) -> None:
    vectors, _ = blobs(3, 50)
    layout = spectral_layout(vectors, 5, n_neighbours=10)
    assert (layout.shape, layout.dtype) == ((150, 5), np.float32)
    np.testing.assert_allclose(np.linalg.norm(layout, axis=1), 1, rtol=1e-5)
    order = np.random.default_rng(0).permutation(150)
    again = spectral_layout(vectors[order], 5, n_neighbours=10)
    np.testing.assert_allclose(again @ again.T, (layout @ layout.T)[np.ix_(order, order)], atol=1e-3)
    assert spectral_layout(vectors, 5, n_neighbours=10).tobytes() == layout.tobytes()


def test_a_ring_is_laid_out_as_a_ring() -> None:
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    layout = spectral_layout(ring, 3, n_neighbours=6)
    # neighbours on the ring are nearest in the layout, too
    products = layout @ layout.T
    np.fill_diagonal(products, -1)
    assert set((products.argmax(axis=1) - np.arange(60)) % 60) <= {1, 59}


def test_it_loads_neither_umap_nor_numba() -> None:
    code = (
        "import sys, numpy as np; from relscout.clustering.kmeans import starting_centroids; "
        "vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32); "
        "starting_centroids(vectors, 3, start='spectral', seed=0); "
        "sys.exit('umap' in sys.modules or 'numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
