"""SelfORE: adaptive clustering gives pseudo labels, relation classification learns them, and again.

Hu, Wen, Xu, Zhang and Yu, "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction"
(EMNLP 2020). Built from the paper; where it is silent or its released code differs, the settings say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive import (
    AdaptiveClusters,
    AdaptiveSettings,
    adapt,
    assign,
    effective_number,
    pretrain,
)
from relscout.clustering.adaptive import Mapping as VectorMapping
from relscout.clustering.kmeans import (
    Clusters,
    Start,
    kmeans,
    nearest,
    neighbour_seeds,
    soft_assignment,
    spread,
)
from relscout.core.errors import DivergedError, InputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import AtLeast0, AtLeast1, Share, settings_class
from relscout.encoders import Encoder, EncoderSettings, loss_warnings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import ContentVectors, Prepared, TunableEncoder
from relscout.methods.estimator import EncoderTraining, Labels, NRelations, check_labels
from relscout.methods.vectors import (
    checked_n_clusters,
    drawn,
    encode,
    exponent_for,
    largest_first,
    merged,
    of_relations,
    softened,
    unit_length,
)
from relscout.metrics import align
from relscout.training.classification import ClassificationSettings, Classifier
from relscout.training.stored import Checkpoints, Trained, below, trainable


@settings_class
class SelfORESettings(AdaptiveSettings, ClassificationSettings):
    """Settings of the method ``selfore``; what the paper says stands in each description."""

    adaptive: bool = True
    """Adaptive clustering; without it, k-means on the representations (Table 1, w/o Adaptive Clustering)."""
    classification: bool = True
    """Relation classification; without it, one clustering of the frozen encoder (Table 1, w/o Classification)."""
    max_loops: AtLeast1 = 5
    """Most clusterings, at least 1, with a classification between every two (released code: always 5)."""
    stop_change: Share = 0.1
    """End when fewer than this share of the pseudo labels change, in [0, 1] (paper: 0.1); 0 never ends early."""
    head: Literal["aligned", "fresh"] = "aligned"
    """Classification layer of the next loop: ``aligned`` (kept, pseudo labels renumbered to agree) or ``fresh``."""
    n_clusters: AtLeast0 = 0
    """Number of pseudo labels K̂, not below the number of relations, which 0 takes (paper: 10 to 1250)."""
    merge: bool = True
    """Whether K̂ clusters are merged into the number of relations, by k-means on their means (paper: centroids)."""
    restarts: AtLeast0 = 2
    """How often a clustering that collapsed or diverged is tried again, slower, before k-means stands in for it."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""


#: A clustering has collapsed when its entropy is that of fewer clusters than this share of what k-means finds.
_COLLAPSED = 0.5

PseudoLabels = NDArray[np.int64]


@dataclass
class Bootstrap:
    """The loop, and what happened in it.

    Args:
        settings: See :class:`SelfORESettings`.
        n_clusters: K̂.
        n_relations: K.
        seed: Random seed.
        progress: Progress callback.
        work: Keeps what is done, so that an interrupted loop goes on.
        contents: The untrained encoder's vectors in their :func:`room_for_frozen_epochs`.

    Attributes:
        loops: What happened in each loop, as JSON values.
        stopped: Why the loop ended.
        warnings: What a user should know.
        kept: Share of the instances that the last adaptive clustering left where k-means on the codes had put them.
    """

    settings: SelfORESettings
    n_clusters: int
    n_relations: int
    seed: int
    progress: Progress
    work: Checkpoints
    contents: ContentVectors | None = None
    loops: list[dict[str, Any]] = field(default_factory=list)
    stopped: str = ""
    warnings: list[str] = field(default_factory=list)
    kept: float = 1.0

    def run(
        self, vectors: NDArray[np.float32], encoder: TunableEncoder | None, prepared: Prepared | None
    ) -> Adaptive | Hard:
        """Cluster and classify in turn, and return the last clustering; the encoder keeps what it has learnt.

        Args:
            vectors: Of the untrained encoder (N, D), float32, of unit length; overwritten in every loop, so that only
                one array as large as this is held.
            encoder: What relation classification trains; ``None`` where there is none.
            prepared: The instances for it.
        """
        self._start = self._k_means(vectors, self._seed("start"))
        if encoder is None or prepared is None:
            self.stopped = "after one clustering: there is no relation classification"
            return self._cluster(vectors, 0, None)[0]
        loop, epochs = 0, 0
        labels: PseudoLabels | None = None
        head: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        classifier: Classifier[Prepared] | None = None
        contents, self.contents = self.contents, None
        if (resumed := self.work.load()) is not None:
            state, arrays = resumed
            self.loops, self.warnings = state["loops"], state["warnings"]
            loop, epochs, labels = state["loop"], state["epochs"], arrays["labels"]
            classifier = self._classifier(encoder, prepared, labels, loop, None)
            classifier.state.restore(arrays)
            contents = None  # of the untrained encoder
        while True:
            if classifier is None:
                partition, labels = self._cluster(vectors, loop, labels)
                if self._ends(loop):
                    return partition
                classifier = self._classifier(encoder, prepared, labels, loop, head)
            training = classifier.epochs(first=epochs, contents=contents, progress=self.progress)
            contents = None  # let go of when the frozen epochs are over
            for result in training:
                self.loops[loop]["classification_loss"].append(round(result.loss, 6))
                self.loops[loop]["classification_accuracy"].append(round(result.accuracy, 6))
                self._keep(
                    loop, result.epoch + 1, {"labels": np.asarray(labels), **classifier.state.arrays()}
                )
            contents = room_for_frozen_epochs(self.settings, loop + 1, encoder, prepared)
            vectors = unit_length(
                encoder.encode(prepared, into=vectors, contents=contents, progress=self.progress)
            )
            head = classifier.head if self.settings.head == "aligned" else None
            classifier, epochs, loop = None, 0, loop + 1

    def _cluster(
        self, vectors: NDArray[np.float32], loop: int, previous: PseudoLabels | None
    ) -> tuple[Adaptive | Hard, PseudoLabels]:
        """Return the clustering of a loop and its pseudo labels, and add its record to ``loops``."""
        record: dict[str, Any] = {"changed": None, "adaptive_loss": [], "classification_loss": []}
        record |= {"classification_accuracy": [], "autoencoder_loss": [], "redraws": 0, "kept_start": True}
        self.loops.append(record)
        partition: Adaptive | Hard
        adapted = self._adaptive(vectors, loop, record) if self.settings.adaptive else None
        if adapted is not None:
            partition, labels = Adaptive.of(adapted), adapted.labels
        else:
            clusters = self._k_means(vectors, self._seed(f"k-means {loop}"))
            partition = Hard.of(clusters, vectors, seed=self._seed(f"spread {loop}"))
            labels = clusters.labels
        record["effective_clusters"] = round(effective_number(labels), 3)
        if previous is not None:
            match = align(labels, previous)
            record["changed"] = round(1 - match.accuracy, 6)
            if self.settings.head == "aligned":
                labels = _renumbered(labels, match.mapping, self.n_clusters)
        return partition, labels

    def _adaptive(
        self, vectors: NDArray[np.float32], loop: int, record: dict[str, Any]
    ) -> AdaptiveClusters | None:
        """Return the adaptive clustering, or ``None`` where every attempt collapsed or diverged."""
        settings: AdaptiveSettings = self.settings
        for left in range(self.settings.restarts, -1, -1):
            attempt = self.settings.restarts - left
            seed = self._seed(f"adapt {loop}" + (f" again {attempt}" if attempt else ""))
            slower = replace(settings, cluster_learning_rate=settings.cluster_learning_rate / 2)
            try:
                clusters = self._attempt(vectors, settings, seed, record)
            except DivergedError as error:
                slower = replace(slower, autoencoder_learning_rate=settings.autoencoder_learning_rate / 2)
                wrong, again = f"in loop {loop + 1}, {error}", "with half the learning rates"
            else:
                if isinstance(clusters, AdaptiveClusters):
                    self.kept = float((clusters.labels == clusters.starting_labels).mean())
                    record["kept"] = round(self.kept, 6)
                    return clusters
                wrong = f"adaptive clustering of loop {loop + 1} collapsed: {clusters}"
                again = "with half the learning rate"
            self.warnings.append(
                f"{wrong}; " + (f"tried again {again}" if left else "k-means stands in for it")
            )
            settings = slower
        return None

    def _attempt(
        self, vectors: NDArray[np.float32], settings: AdaptiveSettings, seed: int, record: dict[str, Any]
    ) -> AdaptiveClusters | str:
        """Return one adaptive clustering, or how it has collapsed.

        Raises:
            DivergedError: A loss is no longer a number.
        """
        pretrained = pretrain(vectors, settings=settings, seed=seed, progress=self.progress)
        record["autoencoder_loss"] = [round(loss, 6) for loss in pretrained.losses]
        mapping, progress = pretrained.mapping, self.progress
        # of K̂ ≫ K pseudo labels only as many need be left as there are relations
        expected = min(effective_number(self._start.labels), float(self.n_relations))
        try:
            clusters = adapt(
                vectors, self.n_clusters, mapping, settings=settings, seed=seed, progress=progress
            )
        except InputError:
            # the vectors differ (k-means on them went well), so it is the codes that do not
            left = 1.0
        else:
            left = effective_number(clusters.labels)
            record["adaptive_loss"] = [round(loss, 6) for loss in clusters.losses]
            record["redraws"], record["kept_start"] = clusters.redraws, clusters.kept_start
            if left >= _COLLAPSED * expected:
                return clusters
        return f"its {self.n_clusters} clusters have the entropy of {left:.1f} equal ones, {expected:.1f} were expected"

    def _k_means(self, vectors: NDArray[np.float32], seed: int) -> Clusters:
        starts = (
            neighbour_seeds(vectors, self.n_clusters, seed=seed)
            if self.settings.start == "neighbours"
            else None
        )
        return kmeans(vectors, self.n_clusters, seed=seed, starts=starts, progress=self.progress)

    def _classifier(
        self,
        encoder: TunableEncoder,
        prepared: Prepared,
        labels: PseudoLabels,
        loop: int,
        head: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    ) -> Classifier[Prepared]:
        seed = self._seed(f"classify {loop}")
        return Classifier(
            encoder, prepared, labels, self.n_clusters, settings=self.settings, seed=seed, head=head
        )

    def _keep(self, loop: int, epochs: int, arrays: dict[str, NDArray[Any]]) -> None:
        state = {"loop": loop, "epochs": epochs, "loops": self.loops, "warnings": self.warnings}
        self.work.keep(state, arrays)

    def _ends(self, loop: int) -> bool:
        changed = self.loops[loop]["changed"]
        if changed is not None and changed < self.settings.stop_change:
            self.stopped = (
                f"in loop {loop + 1}: {changed:.1%} of the pseudo labels changed, fewer than "
                f"{self.settings.stop_change:.1%}"
            )
        elif loop + 1 >= self.settings.max_loops:
            self.stopped = f"after {loop + 1} loops, the most that were allowed"
        return bool(self.stopped)

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"selfore {purpose}").integers(2**31))


def room_for_frozen_epochs(
    settings: SelfORESettings, loop: int, encoder: TunableEncoder, prepared: Prepared
) -> ContentVectors | None:
    """Return storage for the inputs of frozen epochs, encoded once; ``None`` if there are none."""
    if settings.frozen_epochs == 0 or loop + 1 >= settings.max_loops:
        return None
    return ContentVectors(len(prepared.lengths), encoder.dimension)


def _renumbered(labels: PseudoLabels, mapping: Any, n_clusters: int) -> PseudoLabels:
    """Return labels under the numbers they are matched with; what is matched with none takes those that are left."""
    left = iter(sorted(set(range(n_clusters)) - {int(number) for number in mapping.values()}))
    table = np.array([mapping[label] if label in mapping else next(left) for label in range(n_clusters)])
    renumbered: PseudoLabels = table[labels]
    return renumbered


class Partition(Protocol):
    """Clusters with the probability that a vector belongs to each."""

    @property
    def centroids(self) -> NDArray[np.float32]:
        """Centroids (K̂, Z), float32."""
        ...

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how well each vector belongs to each cluster (N, K̂), float32, rows summing to 1."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        ...


@dataclass(frozen=True)
class Adaptive:
    """Clusters of adaptive clustering (eq. 7–10).

    Args:
        mapping: From vectors to codes.
        centroids: μ (K̂, Z), float32.
        frequencies: f_k (K̂,), float64; empty where labels are read from q.
        alpha: Degrees of freedom of the Student t-distribution.
    """

    mapping: VectorMapping
    centroids: NDArray[np.float32]
    frequencies: NDArray[np.float64]
    alpha: float

    @classmethod
    def of(cls, clusters: AdaptiveClusters) -> Adaptive:
        """Return the result of adaptive clustering without its labels."""
        frequencies = clusters.frequencies if clusters.label_from == "target" else np.empty(0)
        return cls(clusters.mapping, clusters.centroids, frequencies, clusters.alpha)

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return p (eq. 8), or q (eq. 7), of each vector (N, K̂), float32."""
        frequencies = self.frequencies if len(self.frequencies) else None
        return assign(self.mapping, self.centroids, vectors, alpha=self.alpha, frequencies=frequencies)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        of_mapping: dict[str, NDArray[Any]] = {
            f"mapping.{name}": array for name, array in self.mapping.arrays().items()
        }
        return {**of_mapping, "centroids": self.centroids, "frequencies": self.frequencies}


@dataclass(frozen=True)
class Hard:
    """Clusters of k-means.

    Args:
        centroids: Means (K̂, D), float32.
        variance: Variance of a cluster (see :func:`relscout.clustering.kmeans.spread`), in an array of one.
    """

    centroids: NDArray[np.float32]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, clusters: Clusters, vectors: NDArray[np.float32], *, seed: int) -> Hard:
        """Return the result of k-means on vectors (N, D), with the variance of its clusters."""
        sample = drawn(vectors, generator(seed, "spread"))
        return cls(clusters.centroids, np.array([spread(sample, clusters.inertia / len(vectors))]))

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the posterior of each cluster (N, K̂), float32."""
        return soft_assignment(vectors, self.centroids, float(self.variance[0]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        return {"centroids": self.centroids, "variance": self.variance}


def restored(arrays: Mapping[str, NDArray[Any]], *, alpha: float) -> Adaptive | Hard:
    """Build a partition from what ``arrays`` gave."""
    if "variance" in arrays:
        return Hard(arrays["centroids"], arrays["variance"])
    mapped = {name.removeprefix("mapping."): a for name, a in arrays.items() if name.startswith("mapping.")}
    return Adaptive(VectorMapping.from_arrays(mapped), arrays["centroids"], arrays["frequencies"], alpha)


def relations_of_clusters(
    partition: Partition, vectors: NDArray[np.float32], n_relations: int, *, seed: int
) -> NDArray[np.int64]:
    """Return the relation of each cluster (K̂,), int64: relations are numbered by size and none is empty.

    Where there are more clusters than relations, k-means merges them (section 3.2). A cluster that
    no vector chooses joins the one with the nearest centroid, so that fewer may be left than were asked for.

    Args:
        partition: The clusters.
        vectors: What was clustered (N, D), float32.
        n_relations: Number of relations, at most K̂.
        seed: Draws the starts of k-means.
    """
    shares, centroids = partition.shares(vectors), partition.centroids
    groups = np.arange(len(centroids))
    if n_relations < len(centroids):
        labels = shares.argmax(axis=1)
        chosen = np.unique(labels)
        # a cluster that no vector chose goes with the one that is nearest
        nearest_chosen = nearest(centroids, centroids[chosen])[0]
        nearest_chosen[chosen] = np.arange(len(chosen))
        groups = merged(vectors, labels, n_relations, seed=seed)[nearest_chosen]
    while True:
        labels = of_relations(shares, groups).argmax(axis=1)
        unchosen = np.flatnonzero(~np.isin(groups, labels))
        if not len(unchosen):
            break
        others = np.flatnonzero(np.isin(groups, labels))
        groups = groups.copy()
        groups[unchosen] = groups[others[nearest(centroids[unchosen], centroids[others])[0]]]
        groups = np.searchsorted(np.unique(groups), groups)
    order = largest_first(labels, int(groups.max()) + 1)
    return np.argsort(order)[groups]


class SelfORE(EncoderTraining):
    """Self-supervised relational feature learning: cluster, learn the clusters, cluster again.

    Args:
        encoder: Where the representations start, a :class:`TransformerEncoder`; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Random seed.

    The other parameters are the fields of :class:`SelfORESettings`.
    """

    NAME: ClassVar[str] = "selfore"
    CITATION: ClassVar[str] = (
        "Hu, Wen, Xu, Zhang, Yu: SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction. "
        "EMNLP 2020"
    )
    SETTINGS: ClassVar[type[SelfORESettings]] = SelfORESettings
    LABELS: ClassVar[Labels] = "none"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        classifier_epochs: int = SelfORESettings.classifier_epochs,
        frozen_epochs: int = SelfORESettings.frozen_epochs,
        classifier_learning_rate: float = SelfORESettings.classifier_learning_rate,
        head_learning_rate: float = SelfORESettings.head_learning_rate,
        classifier_batch: int = SelfORESettings.classifier_batch,
        classifier_dropout: float = SelfORESettings.classifier_dropout,
        warm_up: float = SelfORESettings.warm_up,
        trained_layers: int = SelfORESettings.trained_layers,
        training_dtype: Arithmetic = SelfORESettings.training_dtype,
        layers: str = SelfORESettings.layers,
        initial: Literal["xavier", "normal"] = SelfORESettings.initial,
        noise: float = SelfORESettings.noise,
        autoencoder_epochs: int = SelfORESettings.autoencoder_epochs,
        autoencoder_steps: int = SelfORESettings.autoencoder_steps,
        autoencoder_batch: int = SelfORESettings.autoencoder_batch,
        autoencoder_learning_rate: float = SelfORESettings.autoencoder_learning_rate,
        weight_decay: float = SelfORESettings.weight_decay,
        alpha: float = SelfORESettings.alpha,
        start: Start = SelfORESettings.start,
        optimizer: Literal["adam", "sgd"] = SelfORESettings.optimizer,
        cluster_learning_rate: float = SelfORESettings.cluster_learning_rate,
        cluster_epochs: int = SelfORESettings.cluster_epochs,
        cluster_batch: int = SelfORESettings.cluster_batch,
        label_from: Literal["target", "assignment"] = SelfORESettings.label_from,
        keep: Literal["last", "lowest-loss"] = SelfORESettings.keep,
        redraws: int = SelfORESettings.redraws,
        adaptive: bool = SelfORESettings.adaptive,
        classification: bool = SelfORESettings.classification,
        max_loops: int = SelfORESettings.max_loops,
        stop_change: float = SelfORESettings.stop_change,
        head: Literal["aligned", "fresh"] = SelfORESettings.head,
        n_clusters: int = SelfORESettings.n_clusters,
        merge: bool = SelfORESettings.merge,
        restarts: int = SelfORESettings.restarts,
        max_relations: int = SelfORESettings.max_relations,
    ) -> None:
        self._store(locals())

    def fit(
        self,
        unlabeled: Sequence[RelationInstance],
        labeled: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: What to find relations in.
            labeled: Nothing: the method learns from no labels.
            progress: Progress callback.
            checkpoints: Folder that keeps what is done after each epoch of relation classification, so that an
                interrupted fit resumes there with the same result.

        Raises:
            InputError: There is no instance, or there are fewer (different) ones than relations or pseudo labels.
            SettingError: ``labeled`` is given, the encoder cannot be trained, or a setting cannot work.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        instances, order, n_relations = self._check_input(unlabeled)
        base, options = trainable(self.NAME, self.encoder), self._settings
        self.report_ = {"warnings": []}
        lost: Counter[str] = Counter()
        tunable = prepared = contents = None
        if options.classification:
            tunable = TunableEncoder(
                base, trained_layers=options.trained_layers, arithmetic=options.training_dtype
            )
            prepared = tunable.prepare(
                instances, progress=progress, on_loss=lambda _, what: lost.update([what])
            )
            contents = room_for_frozen_epochs(options, 0, tunable, prepared)
            vectors = unit_length(tunable.encode(prepared, contents=contents, progress=progress))
        else:
            vectors = encode(base, instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
        if n_relations == "auto":
            n_relations = self.estimated_number(vectors, largest=options.max_relations, progress=progress)
        n_clusters = checked_n_clusters(options.n_clusters, n_relations, len(instances))
        work = self._checkpoint(checkpoints, base.fingerprint, instances)
        loop = Bootstrap(options, n_clusters, n_relations, self.seed, progress, work, contents)
        del contents
        self._partition = loop.run(vectors, tunable, prepared)
        self._trained = Trained(base.fingerprint, tunable.weights() if tunable is not None else {})
        del vectors, prepared, tunable
        # by the way of transform and predict, so that these give the very same
        final = encode(self._ready_encoder(), instances, progress=progress)
        asked = n_relations if options.merge else n_clusters
        self._relation_of = relations_of_clusters(self._partition, final, asked, seed=self.seed)
        self._exponent = 1.0
        if isinstance(self._partition, Adaptive):
            # label-free: how much the adaptive clustering agrees with the one that it started from
            shares = of_relations(self._partition.shares(final), self._relation_of)
            self._exponent = exponent_for(shares, loop.kept)
        self.n_relations_ = int(self._relation_of.max()) + 1
        self._set_results(self.probabilities_of(final), final, order)
        self.report_ |= {
            "pseudo_labels": n_clusters,
            "loops": loop.loops,
            "stopped": loop.stopped,
            "warnings": [
                *loss_warnings(lost),
                *loop.warnings,
                *self._fewer(n_relations if options.merge else n_clusters),
            ],
        }
        work.clear()
        return self

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was fitted, apart from encoder and settings, as JSON values and arrays.

        Raises:
            SettingError: Nothing was fitted yet.
        """
        self._check_fitted()
        tensors = {f"partition.{name}": array for name, array in self._partition.arrays().items()}
        tensors |= {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        values = {"exponent": self._exponent, "trained_from": self._trained.fingerprint}
        return values, {**tensors, "relation_of": self._relation_of}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` returned."""
        self._partition = restored(below("partition.", arrays), alpha=self._settings.alpha)
        self._relation_of = arrays["relation_of"]
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self._exponent = float(values["exponent"])
        self.n_relations_ = int(self._relation_of.max()) + 1
        self.report_ = {"warnings": []}

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors as ``transform`` gives them (N, D)."""
        self._check_fitted()
        shares = of_relations(self._partition.shares(vectors), self._relation_of)
        return softened(shares, self._exponent)

    _partition: Adaptive | Hard
    _relation_of: NDArray[np.int64]
    _exponent: float
