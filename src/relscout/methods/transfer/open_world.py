"""Transfer in an open world: known, novel and no relation are separated first; the novel ones are clustered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.clustering.kmeans import means, soft_assignment, spread
from relscout.clustering.neighbours import nearest_others
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import AtLeast1, Rate, from_mapping, settings_class, to_mapping
from relscout.encoders import Encoder, loss_warnings
from relscout.methods.estimator import NRelations
from relscout.methods.selfore import SelfORE, SelfORESettings
from relscout.methods.unrelated.detector import (
    LEAST,
    append_no_relation,
    at_most,
    line_between,
    redrawn_pairs,
    unseen_scores,
)
from relscout.methods.vectors import drawn, encode, outputs_by_size, scattered
from relscout.training.cosine_classifier import CosineClassifierSettings
from relscout.training.stored import below

_CHUNK = 4096


@dataclass(frozen=True)
class Whitening:
    """Centred, rotated, scaled by what varies within relations, and brought to unit length.

    Within-class covariance normalisation (Hatch, Kajarekar, Stolcke: "Within-Class Covariance Normalization for
    SVM-based Speaker Recognition", Interspeech 2006): directions in which instances of the same relation differ much,
    such as their topic, count less.

    Args:
        mean: (D,), float32.
        matrix: (D, Z), float32.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.float32],
        classes: NDArray[np.int64],
        *,
        shrinkage: float = 0.1,
        dimensions: int = 256,
    ) -> Self:
        """Learn from labelled vectors.

        Args:
            vectors: (N, D), float32, at least two.
            classes: Relation of each (N,), int64.
            shrinkage: Share of a round covariance that is mixed in, above 0 to 1: at 1 no direction counts less.
            dimensions: Most directions that are kept, those of the greatest variance.

        Raises:
            InputError: All vectors are equal.
            SettingError: The shrinkage is no such share.
        """
        if not 0 < shrinkage <= 1:
            raise SettingError(f"shrinkage is {shrinkage}, expected a share above 0, and at most 1")
        mean = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - mean
        # few vectors have the same directions in the smaller of the two products, (N, N), which takes a moment
        few = len(vectors) < vectors.shape[1]
        products = centred @ centred.T if few else centred.T @ centred
        variances, directions = np.linalg.eigh(products / len(vectors))  # ascending
        kept = np.flatnonzero(variances > 1e-9 * max(variances[-1], 1e-12))[-dimensions:]
        if not len(kept) or variances[-1] <= 1e-12:
            raise InputError(
                f"the {len(vectors)} labelled vectors do not differ, so nothing can be learnt from them"
            )
        directions = directions[:, kept]
        if few:
            directions = centred.T @ directions / np.sqrt(len(vectors) * variances[kept])
        seen = centred @ directions
        _, member = np.unique(classes, return_inverse=True)
        sums = np.zeros((int(member.max()) + 1, len(kept)))
        np.add.at(sums, member, seen)
        around = seen - (sums / np.bincount(member)[:, None])[member]
        within = around.T @ around / len(vectors)
        size = np.trace(within) / len(kept)
        # relations of one instance each say nothing about the variance within relations
        shrunk = (1 - shrinkage) * within + (shrinkage * size if size > 0 else 1.0) * np.eye(len(kept))
        scales, axes = np.linalg.eigh(shrunk)
        return cls(mean.astype(np.float32), (directions @ (axes * scales**-0.5)).astype(np.float32))

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (N, Z), float32, of unit length, for vectors (N, D)."""
        whitened = np.empty((len(vectors), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), _CHUNK):
            rows = (vectors[start : start + _CHUNK] - self.mean) @ self.matrix
            whitened[start : start + _CHUNK] = rows / np.maximum(
                np.linalg.norm(rows, axis=1, keepdims=True), 1e-12
            )
        return whitened


@settings_class
class TransferSettings(CosineClassifierSettings, SelfORESettings):
    """Settings of the method ``transfer``: how labelled relations teach, then those of ``selfore``."""

    classification: bool = False
    """Whether SelfORE's loop of classification follows; without it, one clustering of the trained encoder."""
    open_world: bool = False
    """Whether instances of labelled relations may be in the corpus; they get the labelled names."""
    no_relation_fnr: Rate = 0.05
    """Share of labelled instances that may be classified as no relation, in [0, 1); 0 disables the class."""
    known_fnr: Rate = 0.1
    """Share of labelled instances that may be classified as novel, in [0, 1)."""
    neighbours: AtLeast1 = 20
    """Number of nearest neighbours among which labelled ones are counted, at least 1."""
    shrinkage: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Shrinkage of the within-class covariance, above 0 to 1; 1 disables the normalisation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.open_world and self.classification:
            raise SettingError(
                "open_world is true and so is classification, which trains an encoder that knows novel relations only; "
                "switch one of them off"
            )

    @property
    def of_clustering(self) -> SelfORESettings:
        """The settings of what follows."""
        known = SelfORESettings.__dataclass_fields__
        return from_mapping(
            SelfORESettings, {name: value for name, value in to_mapping(self).items() if name in known}
        )


#: Inverse strength of the penalty of the logistic regression, on vectors of unit length.
_INVERSE_PENALTY = 10.0


@dataclass(frozen=True)
class Relatedness:
    """Separates instances of any relation from random negative pairs.

    A logistic regression on frozen vectors: labelled instances against pairs re-drawn in their sentences, both of which
    count as much in all. Its score also works for unlabelled relations, since it depends on how a sentence speaks of a
    related pair. Vectors trained on labelled relations would separate less well.

    Args:
        weight: (D,), float32.
        threshold: Score below which there is no relation.
    """

    weight: NDArray[np.float32]
    threshold: float

    @classmethod
    def of(
        cls,
        related: NDArray[np.float32],
        redrawn: NDArray[np.float32],
        *,
        mistakes: float,
        most: int = 20_000,
        seed: int,
    ) -> Self:
        """Learn from vectors of unit length.

        Args:
            related: Of labelled instances (L, D), float32, at least ``LEAST``.
            redrawn: Of re-drawn pairs (R, D), float32, at least ``LEAST``.
            mistakes: Share of the related pairs that the threshold classifies as unrelated, estimated by
                cross-validation, in [0, 1).
            most: Vectors of either kind that are learnt from, drawn where there are more.
            seed: Draws these, and the folds.
        """
        random = generator(seed, "relatedness")
        related, redrawn = (at_most(vectors, most, random) for vectors in (related, redrawn))
        unseen, _ = unseen_scores(related, redrawn, inverse_penalty=_INVERSE_PENALTY, random=random)
        weight, intercept = line_between(related, redrawn, inverse_penalty=_INVERSE_PENALTY)
        threshold = float(np.quantile(unseen, mistakes)) - intercept
        return cls(weight.astype(np.float32), threshold)

    def none(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how much speaks for no relation (N,), float32, in [0, 1]; above a half there is none."""
        from scipy.special import expit

        return np.asarray(expit(self.threshold - vectors @ self.weight), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        return {"weight": self.weight, "threshold": np.array([self.threshold])}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build it from what :meth:`arrays` gave."""
        return cls(arrays["weight"], float(arrays["threshold"][0]))


#: Most vectors of either side among which neighbours are looked for, and fewest of the corpus where few are labelled.
_MOST, _FEWEST = 20_000, 200
#: Share of these that are neighbours at most, so that in a small corpus they are still near.
_NEAR = 0.1


@dataclass(frozen=True)
class Sorting:
    """Separates novel from pre-defined relations by the neighbours of an instance.

    Where labelled instances are dense, the relation is a pre-defined one; where there is only the corpus, it is novel.
    So the labelled ones among the nearest neighbours are counted. The corpus itself shows where its novel relations
    lie; the distance to the means of pre-defined ones would separate far less well.

    Args:
        view: Maps the encoder's vectors to those in which classes are distinguished.
        plain: Maps them to those in which neighbours are searched. What varies within a class is not discounted there:
            it helps nothing, and of few labelled instances it is learnt so well that they lie apart from all others.
        centroids: Means of the pre-defined relations (C, Z), float32.
        variance: Of a pre-defined relation (see :func:`relscout.clustering.kmeans.spread`).
        around: Labelled vectors, followed by some of the corpus (R, Z), float32, of unit length.
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
            settings: Settings of the method.
            seed: Random seed.

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
        sorting = cls(view, plain, centroids, variance, around, len(known), n_neighbours, 1)
        # a labelled instance is looked at as one of the corpus that nobody has labelled: it does not count itself
        counts = sorting._labelled_around(around[: len(known)])
        # at most that share lies below; what has no labelled neighbour at all is novel in any case
        least = max(int(np.quantile(counts, settings.known_fnr, method="lower")), 1)
        return replace(sorting, least=least)

    def predefined(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the pre-defined relation of each vector (N,), int64; -1 for a novel one."""
        known, of_known = self._features(vectors)
        return np.where(known > 0.5, of_known.argmax(axis=1), -1).astype(np.int64)

    def joined(self, vectors: NDArray[np.float32], novel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each novel and each pre-defined relation (N, K + C), float32.

        The highest one is of a novel relation where :meth:`predefined` says -1, and else of the relation that it says.

        Args:
            vectors: (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
        """
        known, of_known = self._features(vectors)
        sides = [
            share / share.max(axis=1, keepdims=True) * likely[:, None]
            for share, likely in ((novel, 1 - known), (of_known, known))
        ]
        shares = np.concatenate(sides, axis=1)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares.astype(np.float32)

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

    def _features(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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
    """Return a fitted :class:`Sorting`, and which vectors are of novel relations (N,).

    Args:
        vectors: Unlabelled (N, D), float32, of unit length.
        labelled: (L, D), float32, of unit length.
        classes: Of each labelled vector (L,), int64.
        n_relations: Number of novel relations, or ``"auto"``.
        settings: Settings of the method.
        seed: Random seed.

    Raises:
        InputError: Fewer vectors are of novel relations than there are to be relations.
    """
    sorting = Sorting.of(vectors, labelled, classes, settings, seed=seed)
    is_novel = sorting.predefined(vectors) < 0
    if (n_novel := int(is_novel.sum())) < (1 if n_relations == "auto" else n_relations):
        wanted = "novel" if n_relations == "auto" else f"{n_relations} novel"
        raise InputError(
            f"only {n_novel} of {len(vectors)} instances with a relation are classified as novel, "
            f"but {wanted} relations were asked for; ask for fewer, or set known_fnr higher than "
            f"{settings.known_fnr}"
        )
    return sorting, is_novel


@dataclass(frozen=True)
class OpenWorld:
    """Novel and pre-defined relations as one list, numbered by size, without empty ones; no relation comes last.

    Args:
        sorting: Separates pre-defined from novel relations.
        outputs: What each relation is (R,), int64: a novel one below K, the pre-defined relation c at K + c.
        names: Of the pre-defined relations, by their class.
        n_novel: K.
        relatedness: Detects pairs of no relation; ``None`` where every instance is given a relation.
    """

    sorting: Sorting
    outputs: NDArray[np.int64]
    names: tuple[str, ...]
    n_novel: int
    relatedness: Relatedness | None

    @classmethod
    def of(
        cls,
        sorting: Sorting,
        relatedness: Relatedness | None,
        names: Sequence[str],
        vectors: NDArray[np.float32],
        novel: NDArray[np.float32],
    ) -> Self:
        """Number the relations of what was fitted.

        Args:
            sorting: Separates pre-defined from novel relations.
            relatedness: Detects pairs of no relation.
            names: Of the pre-defined relations, by their class.
            vectors: Of the instances that have a relation (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
        """
        joined = sorting.joined(vectors, novel)
        n_outputs = joined.shape[1]
        outputs = outputs_by_size(joined.argmax(axis=1).astype(np.int64), n_outputs)
        while True:
            open_world = cls(sorting, outputs, tuple(names), novel.shape[1], relatedness)
            # leaving out a relation makes the others more likely, and rounding may decide between equal ones
            labels = outputs[open_world.probabilities(vectors, novel, None).argmax(axis=1)]
            if len(np.unique(labels)) == len(outputs):
                return open_world
            outputs = outputs_by_size(labels, n_outputs)

    @property
    def given_names(self) -> dict[int, str]:
        """Names of the pre-defined relations by their number."""
        return {
            number: self.names[output - self.n_novel]
            for number, output in enumerate(self.outputs.tolist())
            if output >= self.n_novel
        }

    def probabilities(
        self,
        vectors: NDArray[np.float32],
        novel: NDArray[np.float32],
        none: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation, and last of no relation if estimated (N, R or R + 1), float32.

        Args:
            vectors: (N, D), float32.
            novel: Probability of each novel relation, if it is one of them (N, K), float32.
            none: What :meth:`Relatedness.none` says of the frozen vectors (N,), float32.
        """
        shares = self.sorting.joined(vectors, novel)[:, self.outputs]
        # what speaks for a relation that the corpus does not have speaks for none of these
        shares += (1 - shares.sum(axis=1, keepdims=True)) / shares.shape[1]
        if none is None:
            return shares
        return append_no_relation(shares, none)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but the names as arrays, to be saved."""
        of_none = self.relatedness.arrays() if self.relatedness else {}
        return {
            "outputs": self.outputs,
            "n_novel": np.array([self.n_novel], dtype=np.int64),
            **{f"sorting.{name}": array for name, array in self.sorting.arrays().items()},
            **{f"relatedness.{name}": array for name, array in of_none.items()},
        }

    @classmethod
    def restored(cls, arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> Self:
        """Build it from what :meth:`arrays` gave."""
        sorting = Sorting.restored(below("sorting.", arrays))
        of_none = below("relatedness.", arrays)
        relatedness = Relatedness.restored(of_none) if of_none else None
        return cls(sorting, arrays["outputs"], tuple(names), int(arrays["n_novel"][0]), relatedness)


@dataclass(kw_only=True)
class OpenWorldFit:
    """The fit with ``open_world``, and its results.

    Args:
        base: The untrained encoder.
        taught: The encoder trained on labelled relations.
        clustering: Clusters the novel instances; fitted by :meth:`fit`.
        n_relations: Number of novel relations, or ``"auto"``.
        settings: Settings of the method.
        seed: Random seed.
        lost: Counts of truncated instances.
        progress: Progress callback.
        checkpoints: Folder for work in progress.

    Attributes:
        probabilities: Of each relation, and last of none (N, R + 1), float32.
        vectors: Vectors of the trained encoder (N, D), float32.
        warnings: What a user should know.
        duplicate_warnings: Warnings of the clustering that repeat those of ``lost``.
    """

    base: Encoder
    taught: Encoder
    clustering: SelfORE
    n_relations: NRelations
    settings: TransferSettings
    seed: int
    lost: Counter[str]
    progress: Progress
    checkpoints: Path | None
    probabilities: NDArray[np.float32] = field(init=False)
    vectors: NDArray[np.float32] = field(init=False)
    warnings: list[str] = field(default_factory=list)
    duplicate_warnings: list[str] = field(default_factory=list)

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        known: Sequence[RelationInstance],
        names: Sequence[str],
        classes: NDArray[np.int64],
    ) -> OpenWorld:
        """Fit, and return the classifier of known, novel and no relations.

        Args:
            unlabeled: The instances to find relations in (N).
            known: Labelled instances, in canonical order.
            names: Of the labelled relations.
            classes: Of each labelled instance (L,), int64.

        Raises:
            InputError: Fewer instances are of novel relations than there are to be relations or clusters.
        """
        order = canonical_order(unlabeled)
        ordered = [unlabeled[place] for place in order]
        relatedness, none = self._relatedness(known, ordered), None
        related = np.ones(len(ordered), dtype=bool)
        if relatedness is not None:
            none = relatedness.none(encode(self.base, ordered, progress=self.progress))
            related = none <= 0.5
            self._check_related(related)
        of_known = encode(self.taught, known, progress=self.progress)
        cut: list[tuple[RelationInstance, str]] = []
        vectors = encode(
            self.taught,
            ordered,
            progress=self.progress,
            on_loss=lambda instance, what: cut.append((instance, what)),
        )
        sorting, is_novel = sorted_apart(
            vectors[related], of_known, classes, self.n_relations, self.settings, seed=self.seed
        )
        novel = [ordered[place] for place in np.flatnonzero(related)[is_novel]]
        if len(novel) < self.settings.n_clusters:
            raise InputError(
                f"n_clusters is {self.settings.n_clusters}, but only {len(novel)} of {len(unlabeled)} instances "
                "are of novel relations; ask for at most as many"
            )
        self.clustering.fit(novel, progress=self.progress, checkpoints=self.checkpoints)
        # warnings cover all instances, not the novel ones alone
        of_novel_ones = {id(instance) for instance in novel}
        self.duplicate_warnings = loss_warnings(
            Counter(what for instance, what in cut if id(instance) in of_novel_ones)
        )
        self.lost.update(what for _, what in cut)
        of_novel = self.clustering.probabilities_of(vectors)
        open_world = OpenWorld.of(sorting, relatedness, names, vectors[related], of_novel[related])
        self.probabilities = scattered(open_world.probabilities(vectors, of_novel, none), order)
        self.vectors = scattered(vectors, order)
        return open_world

    def _check_related(self, related: NDArray[np.bool_]) -> None:
        wanted = 1 if self.n_relations == "auto" else self.n_relations
        if (left := int(related.sum())) < wanted:
            raise InputError(
                f"{len(related) - left} of {len(related)} instances express no relation according to the labels, "
                f"and {left} are left for {wanted} novel relation{'s' if wanted > 1 else ''}; ask for fewer, or set "
                f"no_relation_fnr lower than {self.settings.no_relation_fnr} (0 gives every instance a relation)"
            )

    def _relatedness(
        self, known: Sequence[RelationInstance], unlabeled: Sequence[RelationInstance]
    ) -> Relatedness | None:
        mistakes = self.settings.no_relation_fnr
        if not mistakes:
            return None
        # instances to classify must not be learnt as unrelated
        pairs = redrawn_pairs(known, but=unlabeled, seed=self.seed)
        if min(len(pairs), len(known)) < LEAST:
            self.warnings.append(
                f"in {len(known)} labelled sentences, {len(pairs)} pairs of other entities could be drawn, too few to "
                f"learn what no relation looks like ({LEAST} of either are needed), so that every instance is given a "
                "relation; no_relation_fnr=0 asks for that"
            )
            return None
        related, redrawn = (encode(self.base, side, progress=self.progress) for side in (known, pairs))
        return Relatedness.of(related, redrawn, mistakes=mistakes, seed=self.seed)
