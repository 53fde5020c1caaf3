"""Open world: which instances express a pre-defined relation, and which a novel one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import means
from relscout.clustering.neighbours import nearest_others
from relscout.clustering.soft import soft_assignment, spread
from relscout.clustering.within_class import Whitening
from relscout.errors import InputError
from relscout.methods.estimator import NRelations
from relscout.methods.transfer.settings import TransferSettings
from relscout.methods.unrelated.telling import at_most
from relscout.methods.vectors import drawn
from relscout.seeding import generator

#: Most vectors of either side among which neighbours are looked for, and fewest of the corpus where few are labelled.
_MOST, _FEWEST = 20_000, 200
#: Share of these that are neighbours at most, so that in a small corpus they are still near.
_NEAR = 0.1


@dataclass(frozen=True)
class Sorting:
    """Tells novel relations from pre-defined ones by what stands around an instance.

    Where labelled instances are dense, the relation is a pre-defined one; where there is only the corpus, it is novel.
    So the labelled ones among the nearest neighbours are counted. The corpus itself tells where its novel relations
    lie, which the distance to pre-defined ones does not: on three development draws the AUROC is .93 to .95, that of
    the distance to the nearest class mean .76 (draw B).

    Args:
        view: From the encoder's vectors to those in which classes are told apart.
        plain: To those in which neighbours are looked for. What varies within a class is not discounted there: it helps
            nothing, and of few labelled instances it is learnt so well that they lie apart from all others.
        centroids: Means of the pre-defined relations (C, Z), float32.
        variance: Of a pre-defined relation (see :func:`relscout.clustering.soft.spread`).
        around: Labelled vectors, and behind them some of the corpus (R, Z), float32, of unit length.
        n_labelled: How many of these are labelled.
        n_neighbours: Neighbours that are looked at.
        least: Labelled ones among them from which on an instance is of a pre-defined relation, at least 1.
    """

    view: Whitening
    plain: Whitening
    centroids: NDArray[np.float32]
    variance: float
    around: NDArray[np.float32]
    n_labelled: int
    n_neighbours: int
    least: int

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.float32],
        labelled: NDArray[np.float32],
        classes: NDArray[np.int64],
        settings: TransferSettings,
        *,
        seed: int,
    ) -> Self:
        """Learn from vectors of unit length.

        Args:
            vectors: Unlabelled (N, D), float32.
            labelled: (L, D), float32.
            classes: Of each labelled vector (L,), int64.
            settings: Of the method.
            seed: Draws everything random.

        Raises:
            InputError: The labelled vectors do not differ.
        """
        view = Whitening.of(labelled, classes, shrinkage=settings.shrinkage)
        seen = view(labelled)
        centroids = means(seen, classes, int(classes.max()) + 1)
        variance = spread(
            drawn(seen, generator(seed, "spread")),
            float(np.square(seen - centroids[classes]).sum(axis=1).mean()),
        )
        # of both sides: few labelled ones lie wholly in the directions in which they differ, others do not
        random = generator(seed, "around")
        known = at_most(labelled, _MOST, random)
        # more of the corpus than is labelled would leave too few labelled ones among the neighbours of any instance
        both = np.concatenate([known, at_most(vectors, max(len(known), _FEWEST), random)])
        plain = Whitening.of(both, np.zeros(len(both), dtype=np.int64), shrinkage=1.0)
        around = plain(both)
        n_neighbours = int(np.clip(_NEAR * len(around), 1, min(settings.neighbours, len(around) - 1)))
        found = cls(view, plain, centroids, variance, around, len(known), n_neighbours, 1)
        # a labelled instance is looked at as one of the corpus that nobody has labelled: it does not count itself
        counts = found._labelled_around(around[: len(known)])
        # at most that share lies below; what has no labelled neighbour at all is novel in any case
        least = max(int(np.quantile(counts, settings.novel_mistakes, method="lower")), 1)
        return replace(found, least=least)

    def predefined(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the pre-defined relation of each vector (N,), int64; -1 for a novel one."""
        known, of_known = self._told(vectors)
        return np.where(known > 0.5, of_known.argmax(axis=1), -1).astype(np.int64)

    def joined(self, vectors: NDArray[np.float32], novel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each novel and each pre-defined relation (N, K + C), float32.

        The highest one is of a novel relation where :meth:`predefined` says -1, and else of the relation that it says.

        Args:
            vectors: (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
        """
        known, of_known = self._told(vectors)
        sides = [
            share / share.max(axis=1, keepdims=True) * likely[:, None]
            for share, likely in ((novel, 1 - known), (of_known, known))
        ]
        found = np.concatenate(sides, axis=1)
        found /= found.sum(axis=1, keepdims=True)
        return found.astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        return {
            "mean": self.view.mean,
            "matrix": self.view.matrix,
            "plain_mean": self.plain.mean,
            "plain_matrix": self.plain.matrix,
            "centroids": self.centroids,
            "variance": np.array([self.variance]),
            "around": self.around,
            "counts": np.array([self.n_labelled, self.n_neighbours, self.least], dtype=np.int64),
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build a sorting from what :meth:`arrays` gave."""
        view, plain = (
            Whitening(arrays[f"{prefix}mean"], arrays[f"{prefix}matrix"]) for prefix in ("", "plain_")
        )
        variance, counts = float(arrays["variance"][0]), arrays["counts"].tolist()
        return cls(view, plain, arrays["centroids"], variance, arrays["around"], *counts)

    def _told(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return how much speaks for a pre-defined relation (N,), never a half, and for each if it is one (N, C)."""
        counts = self._labelled_around(self.plain(vectors))
        # straight from 0 to a half at the border between two counts, and on to 1
        border = self.least - 0.5
        above = 0.5 + 0.5 * (counts - border) / (self.n_neighbours - border)
        known = np.where(counts < border, 0.5 * counts / border, above).astype(np.float32)
        return known, soft_assignment(self.view(vectors), self.centroids, self.variance)

    def _labelled_around(self, plain: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return how many of the neighbours of each vector are labelled (N,), int64."""
        near = nearest_others(plain, self.around, self.n_neighbours)
        return np.asarray((near < self.n_labelled).sum(axis=1), dtype=np.int64)


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
    sorting = Sorting.of(vectors, labelled, classes, settings, seed=seed)
    is_novel = sorting.predefined(vectors) < 0
    if (n_novel := int(is_novel.sum())) < (1 if n_relations == "auto" else n_relations):
        wanted = "novel" if n_relations == "auto" else f"{n_relations} novel"
        raise InputError(
            f"only {n_novel} of {len(vectors)} instances with a relation are classified as novel, "
            f"but {wanted} relations were asked for; ask for fewer, or set novel_mistakes higher than "
            f"{settings.novel_mistakes}"
        )
    return sorting, is_novel
