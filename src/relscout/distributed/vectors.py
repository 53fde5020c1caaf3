"""Vectors in shards, clustered where they are: Lloyd's iterations as sums of shards.

Each worker assigns the vectors of a shard and returns their sums by cluster. Sums are computed in integers, in units of
2^-36, so that they are the same in whatever order, and in whatever shards, they are added. A mean differs from that of
:func:`relscout.clustering.kmeans.means` by the rounding of the latter, 1e-7 of a vector of unit length.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import CHUNK, DistantVectors, nearest
from relscout.core.errors import ArtifactError, InputError
from relscout.core.files import whole_file
from relscout.distributed.cluster import Failure, Ray, caught, worked

#: Units of a sum; 2^63 of them hold the sums of 10^8 vectors of unit length.
_UNITS = float(2**36)

_Assigned = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]


def write_vectors(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write vectors (N, D), float32; the file appears whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    with whole_file(path) as partial, partial.open("wb") as stream:
        np.save(stream, vectors)


def read_vectors(path: Path) -> NDArray[np.float32]:
    """Return memory-mapped vectors (N, D), float32.

    Raises:
        ArtifactError: The file is missing or damaged.
    """
    try:
        vectors: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ArtifactError(f"{path} is damaged ({error}); delete its folder and start again") from error
    return vectors


class ShardedVectors(DistantVectors):
    """Vectors of unit length in files, one for each shard.

    Args:
        ray: The connected Ray.
        files: The files of :func:`write_vectors`, which all nodes see.
        sizes: Number of vectors in each.
        order: Row of each vector (N,), int64, counted through all shards: vectors are numbered in this order.
        dimension: D.
        workers: Number of workers; ``None`` for as many as there are.
    """

    def __init__(
        self,
        ray: Ray,
        files: Sequence[Path],
        sizes: Sequence[int],
        order: NDArray[np.int64],
        dimension: int,
        *,
        workers: int | None = None,
    ) -> None:
        self._ray, self._files, self._workers = ray, list(files), workers
        #: First row of each shard, and the number of all rows.
        self._starts = np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))])
        self._order, self._dimension = order, dimension
        self._place_of = np.empty(len(order), dtype=np.int64)
        self._place_of[order] = np.arange(len(order))
        self._labels: NDArray[np.int64] | None = None
        self._sums: NDArray[np.int64] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        return len(self._order), self._dimension

    def places(self, shard: int) -> NDArray[np.int64]:
        """Return the numbers of the vectors of a shard (n,), int64, in the order of its rows."""
        return self._place_of[self._starts[shard] : self._starts[shard + 1]]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Return the vector of a row (D,), or the vectors of several rows (n, D), read from the disk."""
        wanted = np.atleast_1d(self._order[rows])
        vectors = np.empty((len(wanted), self._dimension), dtype=np.float32)
        shards = np.searchsorted(self._starts, wanted, side="right") - 1
        for shard in np.unique(shards).tolist():
            of_shard = shards == shard
            vectors[of_shard] = read_vectors(self._files[shard])[wanted[of_shard] - self._starts[shard]]
        return vectors[0] if isinstance(rows, int | np.integer) else vectors

    def nearest(self, centroids: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the nearest centroid of each vector (N,), int64, and the squared distance to it (N,), float32.

        Raises:
            ArtifactError: A file is damaged.
            OutputError: A node cannot read a file.
        """
        labels = np.empty(len(self), dtype=np.int64)
        distances = np.empty(len(self), dtype=np.float32)
        sums = np.zeros(centroids.shape, dtype=np.int64)
        shards = list(enumerate(self._files))
        for (shard, _), part in worked(
            self._ray,
            _assigned,
            shards,
            self._ray.put(centroids),
            stage="cluster shards",
            workers=self._workers,
        ):
            if isinstance(part, Failure):
                raise part.error()
            of_shard: _Assigned = part
            places = self.places(shard)
            labels[places], distances[places] = of_shard[0], of_shard[1]
            sums += of_shard[2]
        self._labels, self._sums = labels, sums
        return labels, distances

    def means(self, labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.float32]:
        """Return the mean vectors (K, D), float32, of the clusters that :meth:`nearest` returned last.

        Raises:
            InputError: The labels are others.
        """
        if self._sums is None or labels is not self._labels or len(self._sums) != n_clusters:
            raise InputError("the means are those of the last assignment only; assign the vectors first")
        counts = np.maximum(np.bincount(labels, minlength=n_clusters), 1)
        centroids: NDArray[np.float32] = (self._sums / _UNITS / counts[:, None]).astype(np.float32)
        return centroids

    def is_finite(self) -> bool:
        """Return whether no value is NaN or infinite: it was checked when the vectors were encoded."""
        return True


def _assigned(shard: tuple[int, Path], centroids: NDArray[np.float32]) -> _Assigned | Failure:
    """Return the nearest centroids of a shard's vectors, their distances, and the sums by cluster in units."""

    def work() -> _Assigned:
        vectors = read_vectors(shard[1])
        labels, distances = nearest(vectors, centroids)
        return labels, distances, sums_of(vectors, labels, len(centroids))

    result: _Assigned | Failure = caught(work)
    return result


def sums_of(vectors: NDArray[np.float32], labels: NDArray[np.int64], n_clusters: int) -> NDArray[np.int64]:
    """Return the sums of vectors by cluster (K, D), int64, in units of 2^-36.

    Args:
        vectors: Vectors (N, D), float32, of unit length.
        labels: Cluster of each (N,), int64.
        n_clusters: K.
    """
    from scipy.sparse import csr_matrix

    sums = np.zeros((n_clusters, vectors.shape[1]), dtype=np.int64)
    for start in range(0, len(vectors), CHUNK):
        chunk = np.rint(np.asarray(vectors[start : start + CHUNK], dtype=np.float64) * _UNITS).astype(
            np.int64
        )
        columns = np.arange(len(chunk))
        members = csr_matrix(
            (np.ones(len(chunk), dtype=np.int64), (labels[start : start + CHUNK], columns)),
            shape=(n_clusters, len(chunk)),
        )
        sums += members @ chunk
    return sums
