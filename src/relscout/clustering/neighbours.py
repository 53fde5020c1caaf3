"""Nearest neighbours and their graph, projections that preserve them, and communities and modularity of a graph."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Number of products in memory at a time.
PRODUCTS = 1 << 24
#: Cosine from which two vectors count as equal.
_SAME = 1 - 1e-6
#: Number of rows that are in float64 at a time.
_BLOCK = 1024


def nearest_neighbours(
    vectors: NDArray[np.float32], count: int, *, most_products: int = PRODUCTS
) -> NDArray[np.int64]:
    """Return the rows with the highest inner product with each row, itself left out (N, count), int64.

    Exact, in ascending order of the rows; ties go to lower rows. With unit length, these are the nearest by cosine.

    Args:
        vectors: (N, D) float32.
        count: Number of neighbours, from 1 to N - 1.
        most_products: Maximum number of products in memory at a time, unless N is larger.
    """
    n = len(vectors)
    neighbours = np.empty((n, count), dtype=np.int64)
    chunk = max(1, most_products // n)
    for start in range(0, n, chunk):
        products = vectors[start : start + chunk] @ vectors.T
        rows = np.arange(len(products))
        products[rows, start + rows] = -np.inf
        neighbours[start : start + chunk] = _highest(products, count)
    return neighbours


def nearest_others(
    vectors: NDArray[np.float32],
    among: NDArray[np.float32],
    count: int,
    *,
    most_products: int = PRODUCTS,
) -> NDArray[np.int64]:
    """Return the rows of other vectors that are nearest to each vector by cosine (N, count), int64.

    Equal vectors are no neighbours, so that it does not matter whether ``among`` contains the vector itself, unless too
    few others are left. Exact, in ascending order of the rows; ties go to lower rows.

    Args:
        vectors: (N, D), float32, of unit length.
        among: (R, D), float32, of unit length.
        count: Number of neighbours, from 1 to R.
        most_products: Maximum number of products in memory at a time, unless R is larger.
    """
    neighbours = np.empty((len(vectors), count), dtype=np.int64)
    chunk = max(1, most_products // len(among))
    for start in range(0, len(vectors), chunk):
        products = vectors[start : start + chunk] @ among.T
        products[products > _SAME] = -np.inf
        neighbours[start : start + chunk] = _highest(products, count)
    return neighbours


def _highest(products: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the columns of the highest products of each row (N, count), int64, in ascending order."""
    n = products.shape[1]
    least = np.partition(products, n - count, axis=1)[:, n - count, None]
    # all above the least, and the first of those that equal it
    above, level = products > least, products == least
    wanted = count - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1, dtype=np.int32) <= wanted))
    return np.nonzero(chosen)[1].reshape(-1, count)


def strongest_directions(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the vectors in the ``count`` directions in which they are longest (N, min(count, N, D)), float32.

    The truncated singular value decomposition preserves inner products, and with them cosines and distances. Vectors
    are not centred, which would change their cosines.

    Args:
        vectors: (N, D) float32.
        count: Number of directions.
    """
    count = min(count, *vectors.shape)
    if vectors.shape[1] <= vectors.shape[0]:
        axes = directions(vectors, count).T
        return np.concatenate([(block @ axes).astype(np.float32) for block in _exact(vectors)])
    exact = vectors.astype(np.float64)
    squares, left = _strongest(exact @ exact.T, count)
    return np.asarray(left * np.sqrt(np.maximum(squares, 0)), dtype=np.float32)


def directions(vectors: NDArray[np.floating[Any]], count: int) -> NDArray[np.float64]:
    """Return the ``count`` directions in which vectors are longest (min(count, N, D), D), float64, of unit length.

    Args:
        vectors: (N, D).
        count: Number of directions.
    """
    count = min(count, *vectors.shape)
    if vectors.shape[1] <= vectors.shape[0]:
        gram = np.zeros((vectors.shape[1],) * 2)
        for block in _exact(vectors):
            gram += block.T @ block
        return np.ascontiguousarray(_strongest(gram, count)[1].T)
    return np.asarray(np.linalg.svd(vectors.astype(np.float64), full_matrices=False)[2][:count])


def _exact(vectors: NDArray[np.floating[Any]]) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of rows in float64."""
    for start in range(0, len(vectors), _BLOCK):
        yield vectors[start : start + _BLOCK].astype(np.float64)


def _strongest(gram: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ``count`` largest eigenvalues of a Gram matrix, descending, and their eigenvectors (N, count)."""
    from scipy.linalg import eigh

    # ascending
    values, axes = eigh(gram, subset_by_index=[len(gram) - count, len(gram) - 1], overwrite_a=True)
    return values[::-1], axes[:, ::-1]


def spectral_layout(vectors: NDArray[np.float32], count: int, *, n_neighbours: int) -> NDArray[np.float32]:
    """Embed vectors by the strongest eigenvectors of the graph of their nearest neighbours (N, count), float32.

    The graph is UMAP's: each vector has weights exp(−max(0, d − ρ) / σ) to its neighbours by cosine distance d, where ρ
    is the distance of the nearest, σ makes the weights sum to log₂ of their number, and a ∪ b = a + b − ab joins both
    directions (McInnes et al. 2018, section 3.1). Rows have unit length, as in Ng, Jordan and Weiss (2001). Nothing is
    random.

    Args:
        vectors: (N, D), float32, none of them zero.
        count: Number of eigenvectors, below N.
        n_neighbours: Number of neighbours, from 2 to N - 1.
    """
    from scipy.sparse import csr_matrix
    from sklearn.manifold import spectral_embedding

    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    neighbours = nearest_neighbours(unit, n_neighbours)  # (N, k)
    near = np.stack([unit[row] @ unit[others].T for row, others in enumerate(neighbours)])
    beyond = near.max(axis=1, keepdims=True) - near.astype(np.float64)  # d - ρ, at least 0
    low, high = np.full((len(unit), 1), 1e-9), np.full((len(unit), 1), 1e3)
    for _ in range(64):
        scale = np.sqrt(low * high)
        too_wide = np.exp(-beyond / scale).sum(axis=1, keepdims=True) > np.log2(n_neighbours)
        low, high = np.where(too_wide, low, scale), np.where(too_wide, scale, high)
    rows = np.repeat(np.arange(len(unit)), n_neighbours)
    weights = np.exp(-beyond / scale).ravel()
    directed = csr_matrix((weights, (rows, neighbours.ravel())), shape=(len(unit), len(unit)))
    graph = directed + directed.T - directed.multiply(directed.T)
    with warnings.catch_warnings():
        # parts that are not connected are what is looked for
        warnings.simplefilter("ignore", UserWarning)
        embedded = spectral_embedding(
            graph, n_components=count, eigen_solver="arpack", random_state=0, drop_first=False
        )
    lengths = np.maximum(np.linalg.norm(embedded, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(embedded / lengths, dtype=np.float32)


def communities(joined: NDArray[np.bool_], n_points: int, *, seed: int) -> NDArray[np.int64]:
    """Return the community of each point (N,), int64, by the Louvain method (Blondel et al. 2008).

    Communities are numbered by their first points; an isolated point is a community of its own.

    Args:
        joined: Whether two points are joined (N (N − 1) / 2,), in the order of SciPy's ``pdist``. Memory: about
            600 bytes per joined pair.
        n_points: N.
        seed: Draws the order of the points.
    """
    import networkx as nx

    left, right = np.triu_indices(n_points, 1)
    graph = nx.Graph()
    graph.add_nodes_from(range(n_points))
    graph.add_edges_from(zip(left[joined].tolist(), right[joined].tolist(), strict=True))
    groups = nx.community.louvain_communities(graph, seed=seed)
    labels = np.empty(n_points, dtype=np.int64)
    for number, members in enumerate(sorted(groups, key=min)):
        labels[list(members)] = number
    return labels


def neighbour_graph(similarity: NDArray[np.float32], n_neighbours: int) -> Any:
    """Return the symmetric graph of nearest neighbours (N, N), as a sparse matrix of zeros and ones.

    Args:
        similarity: Similarity of each pair (N, N), float32; its diagonal is overwritten.
        n_neighbours: Number of neighbours of each row, from 1 to N - 1.
    """
    from scipy.sparse import csr_matrix

    count = len(similarity)
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argpartition(-similarity, n_neighbours - 1, axis=1)[:, :n_neighbours]
    rows = np.repeat(np.arange(count), n_neighbours)
    ones = np.ones(len(rows), dtype=np.float64)
    directed = csr_matrix((ones, (rows, nearest.ravel())), shape=(count, count))
    return directed.maximum(directed.T)


def modularity(graph: Any, labels: NDArray[np.int64], k: int) -> float:
    """Return the modularity of a partition (Newman and Girvan 2004), in [-0.5, 1].

    It is the share of edges inside clusters minus the expected share of a random graph with the same degrees.

    Args:
        graph: Symmetric sparse matrix (N, N), without negative weights and with at least one edge.
        labels: Cluster of each point (N,), int64, from 0 to K - 1.
        k: Number of clusters K.
    """
    from scipy.sparse import csr_matrix

    members = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(k, len(labels)))
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    total = degrees.sum()
    inside = (members @ graph @ members.T).diagonal() / total
    return float(inside.sum() - ((members @ degrees / total) ** 2).sum())
