"""Communities of a graph: how many there are, the graph decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def communities(joined: NDArray[np.bool_], n_points: int, *, seed: int) -> NDArray[np.int64]:
    """Return the community of each point (N,), int64, by the Louvain method (Blondel et al. 2008).

    Communities are numbered by their first points; a point that is joined to no other is one of its own.

    Args:
        joined: Whether each two points are joined (N (N − 1) / 2,), in the order of SciPy's ``pdist``. Memory: some
            600 bytes for each two that are.
        n_points: N.
        seed: Draws the order in which points are moved.
    """
    import networkx as nx

    left, right = np.triu_indices(n_points, 1)
    graph = nx.Graph()
    graph.add_nodes_from(range(n_points))
    graph.add_edges_from(zip(left[joined].tolist(), right[joined].tolist(), strict=True))
    found = nx.community.louvain_communities(graph, seed=seed)
    labels = np.empty(n_points, dtype=np.int64)
    for number, members in enumerate(sorted(found, key=min)):
        labels[list(members)] = number
    return labels
