"""Transfer in an open world: known, novel and no relation are separated first; the novel ones are clustered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.clustering.choose_k import choose_k
from relscout.clustering.kmeans import means, nearest, soft_assignment, spread, started_kmeans
from relscout.clustering.neighbours import nearest_others
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import AtLeast1, Rate, from_mapping, settings_class, to_mapping
from relscout.encoders import Encoder, loss_warnings
from relscout.encoders.whitening import WithinClassProjection
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


@settings_class
class TransferSettings(CosineClassifierSettings, SelfORESettings):
    """Settings of the method ``transfer``: training on labelled relations, then those of ``selfore``."""

    classification: bool = False
    """Whether SelfORE's loop of classification follows; without it, one clustering of the trained encoder."""
    open_world: bool = False
    """Whether instances of labelled relations may be in the corpus; they get the labelled names."""
    no_relation_fnr: Rate = 0.05
    """Share of labelled instances that may be classified as no relation, in [0, 1); 0 disables the class."""
    known_fnr: Rate = 0.1
    """Share of labelled instances that may be classified as novel, in [0, 1)."""
    separation: Literal["joint", "neighbours"] = "joint"
    """How known and novel relations are separated: by ``neighbours``, or ``joint``, after that by the nearer mean."""
    neighbours: AtLeast1 = 20
    """Number of nearest neighbours among which labelled ones are counted, at least 1."""
    shrinkage: Annotated[float, Field(gt=0, le=1)] = 0.3
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
        """The settings of SelfORE."""
        known = SelfORESettings.__dataclass_fields__
        return from_mapping(
            SelfORESettings, {name: value for name, value in to_mapping(self).items() if name in known}
        )


#: Inverse strength of the penalty of the logistic regression, on vectors of unit length.
_INVERSE_PENALTY = 10.0


@dataclass(frozen=True)
class Relatedness:
    """Separates instances of any relation from random negative pairs.

    A logistic regression on frozen vectors separates labelled instances from pairs redrawn in their sentences; both
    kinds have the same total weight. It generalises to other relations, since it learns how sentences express that a
    pair is related. Vectors trained on labelled relations would separate less well.

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
        """Train on vectors of unit length.

        Args:
            related: Vectors of labelled instances (L, D), float32, at least ``LEAST``.
            redrawn: Vectors of redrawn pairs (R, D), float32, at least ``LEAST``.
            mistakes: Share of the related pairs that the threshold classifies as unrelated, estimated by
                cross-validation, in [0, 1).
            most: Maximum number of vectors of either kind; a sample is drawn if there are more.
            seed: Random seed of the sample and the folds.
        """
        random = generator(seed, "relatedness")
        related, redrawn = (at_most(vectors, most, random) for vectors in (related, redrawn))
        unseen, _ = unseen_scores(related, redrawn, inverse_penalty=_INVERSE_PENALTY, random=random)
        weight, intercept = line_between(related, redrawn, inverse_penalty=_INVERSE_PENALTY)
        threshold = float(np.quantile(unseen, mistakes)) - intercept
        return cls(weight.astype(np.float32), threshold)

    def none(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the evidence for no relation (N,), float32, in [0, 1]; above one half, there is none."""
        from scipy.special import expit

        return np.asarray(expit(self.threshold - vectors @ self.weight), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields as arrays, for saving."""
        return {"weight": self.weight, "threshold": np.array([self.threshold])}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the object that :meth:`arrays` saved."""
        return cls(arrays["weight"], float(arrays["threshold"][0]))


#: Among how many vectors neighbours are searched: at most so many of either side, and at least so many of the corpus.
_MOST, _FEWEST = 20_000, 200
#: Maximum share of these vectors that are neighbours, so that they are near in a small corpus, too.
_NEAR = 0.1


#: Instances per novel relation from which both sides are clustered jointly: with fewer, neighbours separate better.
_ENOUGH = 30
#: Maximum number of rounds of the joint clustering, which usually settles after about ten.
_ROUNDS = 50
#: Distance of the evidence for a pre-defined relation from one half, at least.
_CLEAR = 1e-4


@dataclass(frozen=True)
class Sorting:
    """Separates novel from pre-defined relations, by the neighbours of an instance or by means of both sides.

    Neighbours are searched among labelled instances and the corpus. If enough of them are labelled, the relation is a
    pre-defined one, else it is novel. The distance to the means of pre-defined relations alone would separate far less
    well, since it ignores where the corpus has its novel relations. :meth:`joint` adds means of these.

    Args:
        view: Normalisation of the vectors by which pre-defined relations are distinguished.
        plain: Normalisation of the vectors among which neighbours are searched. It does not use the classes: that does
            not help, and with few labelled instances it overfits and separates them from all others.
        centroids: Means of the pre-defined relations (C, Z), float32.
        variance: Variance of a pre-defined relation (see :func:`relscout.clustering.kmeans.spread`).
        around: Labelled vectors, followed by some of the corpus (R, Z), float32, of unit length.
        n_labelled: Number of labelled vectors among these.
        n_neighbours: Number of neighbours of an instance.
        least: Minimum number of labelled neighbours of an instance of a pre-defined relation, at least 1.
        novel: Means of novel relations (K, Z), float32; without any, neighbours decide.
        bias: How much nearer the mean of a novel relation must be, as a squared distance, at least 0.
    """

    view: WithinClassProjection
    plain: WithinClassProjection
    centroids: NDArray[np.float32]
    variance: float
    around: NDArray[np.float32]
    n_labelled: int
    n_neighbours: int
    least: int
    novel: NDArray[np.float32]
    bias: float = 0.0

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
        """Fit to vectors of unit length.

        Args:
            vectors: Unlabelled vectors (N, D), float32.
            labelled: Labelled vectors (L, D), float32.
            classes: Relation of each labelled vector (L,), int64.
            settings: Settings of the method.
            seed: Random seed.

        Raises:
            InputError: The labelled vectors do not differ.
        """
        view = WithinClassProjection.of(labelled, classes, shrinkage=settings.shrinkage)
        seen = view(labelled)
        centroids = means(seen, classes, int(classes.max()) + 1)
        variance = spread(
            drawn(seen, generator(seed, "spread")),
            float(np.square(seen - centroids[classes]).sum(axis=1).mean()),
        )
        # estimated on both sides: few labelled vectors span few directions, which others would not lie in
        random = generator(seed, "around")
        known = at_most(labelled, _MOST, random)
        # not more of the corpus than is labelled, or any instance would have too few labelled neighbours
        both = np.concatenate([known, at_most(vectors, max(len(known), _FEWEST), random)])
        plain = WithinClassProjection.of(both, np.zeros(len(both), dtype=np.int64), shrinkage=1.0)
        around = plain(both)
        n_neighbours = int(np.clip(_NEAR * len(around), 1, min(settings.neighbours, len(around) - 1)))
        none = np.empty((0, centroids.shape[1]), dtype=np.float32)
        sorting = cls(view, plain, centroids, variance, around, len(known), n_neighbours, 1, none)
        # a labelled instance is treated like one of the corpus: it is not its own neighbour
        counts = sorting._labelled_around(around[: len(known)])
        # at most this share is below; an instance without labelled neighbours is novel in any case
        least = max(int(np.quantile(counts, settings.known_fnr, method="lower")), 1)
        return replace(sorting, least=least)

    def joint(
        self,
        vectors: NDArray[np.float32],
        labelled: NDArray[np.float32],
        classes: NDArray[np.int64],
        n_novel: int,
        settings: TransferSettings,
        *,
        seed: int,
    ) -> Self:
        """Return a sorting by the nearest mean of pre-defined and novel relations, which are estimated together.

        Semi-supervised k-means (Vaze, Han, Vedaldi, Zisserman: "Generalized Category Discovery", CVPR 2022): labelled
        instances keep their relation, all others move to the nearest mean. Unlike in the paper, an instance without a
        labelled neighbour is always of a novel relation, because labelled relations that the corpus lacks would attract
        some; and means of novel relations start from a clustering of the instances that :meth:`predefined` classifies
        as novel, because distant instances are often of a pre-defined relation.

        Args:
            vectors: Unlabelled vectors (N, D), float32.
            labelled: Labelled vectors (L, D), float32.
            classes: Relation of each labelled vector (L,), int64.
            n_novel: Number of novel relations K, at most that of the instances classified as novel.
            settings: Settings of the method.
            seed: Random seed.

        Raises:
            InputError: Fewer than K of the instances that are classified as novel differ.
        """
        seen, known = self.view(vectors), self.view(labelled)
        starts = started_kmeans(
            seen[self.predefined(vectors) < 0], n_novel, start=settings.start, seed=seed
        ).centroids
        both, n_known = np.concatenate([seen, known]), len(self.centroids)
        centroids = np.concatenate([self.centroids, starts])  # (C + K, Z)
        apart = self._labelled_around(self.plain(vectors)) == 0

        def assigned(centroids: NDArray[np.float32]) -> NDArray[np.int64]:
            labels = nearest(seen, centroids)[0]
            labels[apart] = n_known + nearest(seen[apart], centroids[n_known:])[0]
            return labels

        labels = assigned(centroids)
        for _ in range(_ROUNDS):
            relations = np.concatenate([labels, classes])
            sizes = np.bincount(relations, minlength=len(centroids))
            # a novel relation that lost all its instances stays where it was
            centroids = np.where(sizes[:, None] > 0, means(both, relations, len(centroids)), centroids)
            before, labels = labels, assigned(centroids)
            if np.array_equal(before, labels):
                break
        joined = replace(self, centroids=centroids[:n_known], novel=centroids[n_known:])
        # at most this share of the labelled instances is nearer to a novel relation
        margin = float(np.quantile(joined._nearer_to_novel(known), 1 - settings.known_fnr, method="higher"))
        return replace(joined, bias=max(margin, 0.0))

    def predefined(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the pre-defined relation of each vector (N,), int64; -1 for a novel one."""
        known, of_known = self._features(vectors)
        return np.where(known > 0.5, of_known.argmax(axis=1), -1).astype(np.int64)

    def joined(self, vectors: NDArray[np.float32], novel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each novel and each pre-defined relation (N, K + C), float32.

        The most probable relation is a novel one if :meth:`predefined` returns -1, else the one that it returns.

        Args:
            vectors: Vectors (N, D), float32.
            novel: Probability of each novel relation, given that it is one (N, K), float32.
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
        """Return the fields as arrays, for saving."""
        return {
            "mean": self.view.mean,
            "matrix": self.view.matrix,
            "plain_mean": self.plain.mean,
            "plain_matrix": self.plain.matrix,
            "centroids": self.centroids,
            "variance": np.array([self.variance]),
            "around": self.around,
            "counts": np.array([self.n_labelled, self.n_neighbours, self.least], dtype=np.int64),
            "novel": self.novel,
            "bias": np.array([self.bias]),
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the sorting that :meth:`arrays` saved."""
        view, plain = (
            WithinClassProjection(arrays[f"{prefix}mean"], arrays[f"{prefix}matrix"])
            for prefix in ("", "plain_")
        )
        n_labelled, n_neighbours, least = arrays["counts"].tolist()
        return cls(
            view,
            plain,
            arrays["centroids"],
            float(arrays["variance"][0]),
            arrays["around"],
            n_labelled,
            n_neighbours,
            least,
            novel=arrays["novel"],
            bias=float(arrays["bias"][0]),
        )

    def _features(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the evidence for a pre-defined relation (N,), never 0.5, and the probability of each if so (N, C)."""
        seen = self.view(vectors)
        of_known = soft_assignment(seen, self.centroids, self.variance)
        if len(self.novel):
            # the posterior of the nearest mean of either side, never so near to one half that rounding decides
            apart = self._labelled_around(self.plain(vectors)) == 0
            margins = np.where(apart, -np.inf, self.bias - self._nearer_to_novel(seen))
            logits = np.clip(margins / (2 * self.variance), -30, 30)
            evidence = 1 / (1 + np.exp(-logits))
            clear = np.where(
                margins >= 0, np.maximum(evidence, 0.5 + _CLEAR), np.minimum(evidence, 0.5 - _CLEAR)
            )
            return np.clip(clear, _CLEAR, 1 - _CLEAR).astype(np.float32), of_known
        counts = self._labelled_around(self.plain(vectors))
        # linear from 0 to one half at the border between two counts, and from there to 1
        border = self.least - 0.5
        above = 0.5 + 0.5 * (counts - border) / (self.n_neighbours - border)
        known = np.where(counts < border, 0.5 * counts / border, above).astype(np.float32)
        return known, of_known

    def _nearer_to_novel(self, seen: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how much nearer each vector in the view (N, Z) is to a novel relation (N,), as squared distances."""
        to_known, to_novel = (nearest(seen, side)[1] for side in (self.centroids, self.novel))
        return to_known.astype(np.float64) - to_novel

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
        vectors: Unlabelled vectors (N, D), float32, of unit length.
        labelled: Labelled vectors (L, D), float32, of unit length.
        classes: Relation of each labelled vector (L,), int64.
        n_relations: Number of novel relations, or ``"auto"``.
        settings: Settings of the method.
        seed: Random seed.

    Raises:
        InputError: Fewer vectors than requested relations are novel.
    """
    sorting = Sorting.of(vectors, labelled, classes, settings, seed=seed)
    is_novel = sorting.predefined(vectors) < 0
    wanted = n_relations
    if settings.separation == "joint" and is_novel.sum() >= _ENOUGH:
        if wanted == "auto":
            wanted = choose_k(vectors[is_novel], seed=seed, largest=settings.max_relations).k
        if wanted * _ENOUGH <= is_novel.sum():
            sorting = sorting.joint(vectors, labelled, classes, wanted, settings, seed=seed)
            is_novel = sorting.predefined(vectors) < 0
    if (n_novel := int(is_novel.sum())) < (1 if n_relations == "auto" else n_relations):
        asked = "novel" if n_relations == "auto" else f"{n_relations} novel"
        raise InputError(
            f"only {n_novel} of {len(vectors)} instances with a relation are classified as novel, "
            f"but {asked} relations were asked for; ask for fewer, or set known_fnr higher than "
            f"{settings.known_fnr}"
        )
    return sorting, is_novel


@dataclass(frozen=True)
class OpenWorld:
    """Novel and pre-defined relations, numbered together by size, without empty ones; no relation comes last.

    Args:
        sorting: Separates pre-defined from novel relations.
        outputs: Output of each relation (R,), int64: novel ones are below K, the pre-defined relation c is K + c.
        names: Names of the pre-defined relations, by class.
        n_novel: Number of novel relations K.
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
            names: Names of the pre-defined relations, by class.
            vectors: Vectors of the instances that have a relation (N, D), float32.
            novel: Probability of each novel relation, given that it is one (N, K), float32.
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
            vectors: Vectors (N, D), float32.
            novel: Probability of each novel relation, given that it is one (N, K), float32.
            none: What :meth:`Relatedness.none` returns for the frozen vectors (N,), float32.
        """
        shares = self.sorting.joined(vectors, novel)[:, self.outputs]
        # the share of relations without instances is distributed evenly
        shares += (1 - shares.sum(axis=1, keepdims=True)) / shares.shape[1]
        if none is None:
            return shares
        return append_no_relation(shares, none)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields except the names as arrays, for saving."""
        of_none = self.relatedness.arrays() if self.relatedness else {}
        return {
            "outputs": self.outputs,
            "n_novel": np.array([self.n_novel], dtype=np.int64),
            **{f"sorting.{name}": array for name, array in self.sorting.arrays().items()},
            **{f"relatedness.{name}": array for name, array in of_none.items()},
        }

    @classmethod
    def restored(cls, arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> Self:
        """Return the object that :meth:`arrays` saved."""
        sorting = Sorting.restored(below("sorting.", arrays))
        of_none = below("relatedness.", arrays)
        relatedness = Relatedness.restored(of_none) if of_none else None
        return cls(sorting, arrays["outputs"], tuple(names), int(arrays["n_novel"][0]), relatedness)


@dataclass(kw_only=True)
class OpenWorldFit:
    """The fit with ``open_world``, and its results.

    Args:
        base: The untrained encoder.
        trained: The encoder trained on labelled relations.
        clustering: Clusters the novel instances; fitted by :meth:`fit`.
        n_relations: Number of novel relations, or ``"auto"``.
        settings: Settings of the method.
        seed: Random seed.
        lost: Counts of truncated instances.
        progress: Progress callback.
        checkpoints: Folder for work in progress.

    Attributes:
        probabilities: Probability of each relation, and last of none if estimated (N, R or R + 1), float32.
        vectors: Vectors of the trained encoder (N, D), float32.
        warnings: What a user should know.
        duplicate_warnings: Warnings of the clustering that repeat those of ``lost``.
    """

    base: Encoder
    trained: Encoder
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
            names: Names of the labelled relations, by class.
            classes: Class of each labelled instance (L,), int64.

        Raises:
            InputError: Fewer instances than requested relations or clusters are novel.
        """
        order = canonical_order(unlabeled)
        ordered = [unlabeled[place] for place in order]
        relatedness, none = self._relatedness(known, ordered), None
        related = np.ones(len(ordered), dtype=bool)
        if relatedness is not None:
            none = relatedness.none(encode(self.base, ordered, progress=self.progress))
            related = none <= 0.5
            self._check_related(related)
        of_known = encode(self.trained, known, progress=self.progress)
        cut: list[tuple[RelationInstance, str]] = []
        vectors = encode(
            self.trained,
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
        # pairs that are in the corpus must not be examples of unrelated ones
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
