"""Prototypical networks: relations by the means of their examples (Snell, Swersky, Zemel, NIPS 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import check_finite

if TYPE_CHECKING:
    import torch

#: Similarity → how a query q is compared with a prototype p.
# vectors are brought to unit length first (see :func:`placed`), so that one sharpness fits every encoder and pooling;
# the dot product of the paper is that of vectors as they are
SIMILARITIES: dict[str, str] = {
    "dot": "q · p (Peng et al. 2020, section 4.1)",
    "euclid": "−‖q − p‖² (Snell et al. 2017, eq. 2)",
    "cosine": "q · p / (‖q‖ ‖p‖)",
}
#: Numbers that a batch of episodes may gather.
_AT_ONCE = 4_000_000


def similarities(queries: torch.Tensor, prototypes: torch.Tensor, similarity: str) -> torch.Tensor:
    """Return how similar queries (…, M, D) are to prototypes (…, N, D), as (…, M, N).

    Args:
        queries: Vectors that are asked.
        prototypes: Mean of each relation's examples (Snell et al. 2017, eq. 1).
        similarity: A name of :data:`SIMILARITIES`.
    """
    from torch.nn.functional import normalize

    if similarity == "cosine":
        queries, prototypes = normalize(queries, dim=-1), normalize(prototypes, dim=-1)
    products = queries @ prototypes.transpose(-1, -2)  # (…, M, N)
    if similarity != "euclid":
        return products
    squares = queries.square().sum(dim=-1)[..., None] + prototypes.square().sum(dim=-1)[..., None, :]
    return 2 * products - squares


def placed(vectors: NDArray[np.float32], centre: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return vectors (N, D), float32, of unit length, seen from ``centre`` (D,) and of unit length again, if given.

    Raises:
        InputError: A value is NaN or infinite.
    """
    import torch
    from torch.nn.functional import normalize

    check_finite(vectors)
    found = normalize(torch.from_numpy(vectors), dim=1)
    if centre is not None:
        found = normalize(found - torch.from_numpy(centre), dim=1)
    return np.asarray(found.numpy(), dtype=np.float32)


def accuracies(
    vectors: NDArray[np.float32], episodes: NDArray[np.int64], *, shots: int, similarity: str
) -> NDArray[np.float64]:
    """Return the share of its queries that each episode tells right (E,), float64.

    Args:
        vectors: (M, D), float32.
        episodes: Rows of ``vectors`` (E, N, K + Q), as :func:`relscout.finetuning.episodes.draw_episodes` gives them.
        shots: K.
        similarity: A name of :data:`SIMILARITIES`.
    """
    import torch
    from torch.nn.functional import embedding_bag

    n_episodes, ways, of_each = episodes.shape
    n_queries = of_each - shots
    table, rows = torch.from_numpy(vectors), torch.from_numpy(episodes)
    truth = torch.arange(ways).repeat_interleave(n_queries)  # (N Q,)
    size = max(1, _AT_ONCE // (ways * of_each * vectors.shape[1]))
    found = np.empty(n_episodes, dtype=np.float64)
    with torch.inference_mode():
        for start in range(0, n_episodes, size):
            some = rows[start : start + size]
            prototypes = embedding_bag(some[:, :, :shots].reshape(-1, shots), table, mode="mean")
            queries = table[some[:, :, shots:].reshape(-1)]
            scores = similarities(
                queries.view(len(some), ways * n_queries, -1),
                prototypes.view(len(some), ways, -1),
                similarity,
            )
            found[start : start + size] = (scores.argmax(dim=-1) == truth).double().mean(dim=1).numpy()
    return found


def probabilities(
    queries: NDArray[np.float32],
    examples: NDArray[np.float32],
    classes: NDArray[np.int64],
    *,
    similarity: str,
    sharpness: float,
) -> NDArray[np.float32]:
    """Return the probability of each relation for each query (M, R), float32: the softmax of Snell et al., eq. 2.

    Args:
        queries: (M, D), float32.
        examples: (S, D), float32.
        classes: Relation of each example (S,), int64, from 0; every relation has one at least.
        similarity: A name of :data:`SIMILARITIES`.
        sharpness: Factor of the similarities before the softmax.
    """
    import torch

    sums = np.zeros((int(classes.max()) + 1, examples.shape[1]))
    np.add.at(sums, classes, examples)
    prototypes = (sums / np.bincount(classes)[:, None]).astype(np.float32)
    with torch.inference_mode():
        scores = similarities(torch.from_numpy(queries), torch.from_numpy(prototypes), similarity)
        return np.asarray((sharpness * scores).softmax(dim=1).numpy(), dtype=np.float32)
