"""Open world: which instances express a pre-defined relation, and which a novel one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.partly_labelled import partly_labelled_kmeans
from relscout.clustering.soft import soft_assignment, spread
from relscout.clustering.within_class import Whitening
from relscout.errors import InputError
from relscout.methods.estimator import NRelations
from relscout.methods.transfer.settings import TransferSettings
from relscout.methods.vectors import drawn
from relscout.seeding import generator

#: Clusters of novel relations where nobody says how many these are.
_UNKNOWN = 48
#: Instances that a cluster of novel ones should have on average, at least.
_LEAST = 5


@dataclass(frozen=True)
class Sorting:
    """Clusters of pre-defined and of novel relations side by side, in a view that labelled instances have taught.

    Novel relations have several clusters each: only where all of what is novel is near some cluster of its own does it
    not fall to the pre-defined relation that is least far. Which of them are one relation is not asked here.

    Args:
        view: From the encoder's vectors to those that are sorted.
        centroids: (C + K′, Z), float32, the pre-defined relations first.
        n_classes: C.
        variance: Of a cluster (see :func:`relscout.clustering.soft.spread`).
    """

    view: Whitening
    centroids: NDArray[np.float32]
    n_classes: int
    variance: float

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.float32],
        labelled: NDArray[np.float32],
        classes: NDArray[np.int64],
        n_relations: NRelations,
        *,
        parts: int,
        shrinkage: float,
        seed: int,
    ) -> Self:
        """Learn from vectors of unit length.

        Args:
            vectors: Unlabelled (N, D), float32.
            labelled: (L, D), float32.
            classes: Of each labelled vector (L,), int64.
            n_relations: Number of novel relations, or ``"auto"``.
            parts: Clusters for each novel relation.
            shrinkage: See :class:`Whitening`.
            seed: Draws everything random.

        Raises:
            InputError: The labelled vectors do not differ.
        """
        view = Whitening.of(labelled, classes, shrinkage=shrinkage)
        seen, seen_labelled = view(vectors), view(labelled)
        wanted = _UNKNOWN if n_relations == "auto" else parts * n_relations
        n_found = max(1, min(wanted, len(np.unique(seen, axis=0)) // _LEAST))
        found = partly_labelled_kmeans(seen, seen_labelled, classes, n_found, seed=seed)
        inertia = float(np.square(seen - found.centroids[found.labels]).sum(axis=1).mean())
        variance = spread(drawn(seen, generator(seed, "spread")), inertia)
        return cls(view, found.centroids, int(classes.max()) + 1, variance)

    def predefined(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the pre-defined relation of each vector (N,), int64; -1 for a novel one."""
        nearest = self._posterior(vectors).argmax(axis=1)
        return np.where(nearest < self.n_classes, nearest, -1).astype(np.int64)

    def joined(self, vectors: NDArray[np.float32], novel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each novel and each pre-defined relation (N, K + C), float32.

        The highest one is of a novel relation where :meth:`predefined` says -1, and else of the relation that it says.

        Args:
            vectors: (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
        """
        posterior = self._posterior(vectors)
        of_known, of_novel = posterior[:, : self.n_classes], posterior[:, self.n_classes :]
        found = np.concatenate(
            [novel / novel.max(axis=1, keepdims=True) * of_novel.max(axis=1, keepdims=True), of_known], axis=1
        )
        found /= found.sum(axis=1, keepdims=True)
        return found.astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        return {
            "mean": self.view.mean,
            "matrix": self.view.matrix,
            "centroids": self.centroids,
            "n_classes": np.array([self.n_classes], dtype=np.int64),
            "variance": np.array([self.variance]),
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build a sorting from what :meth:`arrays` gave."""
        view = Whitening(arrays["mean"], arrays["matrix"])
        return cls(view, arrays["centroids"], int(arrays["n_classes"][0]), float(arrays["variance"][0]))

    def _posterior(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return soft_assignment(self.view(vectors), self.centroids, self.variance)


def sorted_apart(
    vectors: NDArray[np.float32],
    labelled: NDArray[np.float32],
    classes: NDArray[np.int64],
    n_relations: NRelations,
    settings: TransferSettings,
    *,
    seed: int,
) -> tuple[Sorting, NDArray[np.bool_]]:
    """Return what tells pre-defined relations from novel ones, and which vectors are of novel ones (N,).

    Args:
        vectors: Unlabelled (N, D), float32, of unit length.
        labelled: (L, D), float32, of unit length.
        classes: Of each labelled vector (L,), int64.
        n_relations: Number of novel relations, or ``"auto"``.
        settings: Of the method.
        seed: Draws everything random.

    Raises:
        InputError: Fewer vectors are of novel relations than there are to be relations.
    """
    sorting = Sorting.of(
        vectors,
        labelled,
        classes,
        n_relations,
        parts=settings.novel_parts,
        shrinkage=settings.shrinkage,
        seed=seed,
    )
    is_novel = sorting.predefined(vectors) < 0
    if (n_novel := int(is_novel.sum())) < (1 if n_relations == "auto" else n_relations):
        wanted = "novel" if n_relations == "auto" else f"{n_relations} novel"
        raise InputError(
            f"only {n_novel} of {len(vectors)} instances with a relation are nearer to anything novel than to one of "
            f"the labelled relations, but {wanted} relations are to be found; ask for fewer"
        )
    return sorting, is_novel
