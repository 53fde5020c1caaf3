"""SelfORE: adaptive clustering computes pseudo labels, relation classification learns them, and both repeat.

Hu, Wen, Xu, Zhang and Yu, "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction"
(EMNLP 2020). Built from the paper; where it is silent or its released code differs, the settings say so.

Each loop (:class:`SelfORETraining`):

1. The encoder maps each instance to a vector h (eq. 1 and 2).
2. Adaptive clustering (eq. 3–9, :mod:`relscout.clustering.adaptive`) trains an autoencoder, then moves its codes and
   K̂ centroids so that confident assignments become more confident. The likeliest cluster of an instance is its pseudo
   label (eq. 10).
3. Training ends if hardly any pseudo label changed.
4. Relation classification (eq. 11 and 12, :mod:`relscout.training.classification`) trains a linear layer, and then the
   encoder with it, to predict the pseudo labels.

The relations are the clusters of the last loop, or groups of them (:func:`relations_of_clusters`).
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
    soft_assignment,
    spread,
    started_kmeans,
    unit_length,
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
    frozen_loops: Literal["all", "first"] = "all"
    """Loops whose first ``frozen_epochs`` train the classification layer alone: ``all``, or the ``first``; the paper
    does not say."""
    merge: Literal["means", "centroids", "none"] = "means"
    """How K̂ clusters become relations: k-means on the ``means`` of their representations, weighted by size, or on their
    ``centroids`` μ (paper); ``none`` makes each a relation."""
    restarts: AtLeast0 = 2
    """How often a clustering that collapsed or diverged is tried again, slower, before k-means stands in for it."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""


#: A clustering has collapsed when its entropy is that of fewer clusters than this share of what k-means finds.
_COLLAPSED = 0.5

#: Cluster of each instance (N,), from 0 to K̂ - 1.
PseudoLabels = NDArray[np.int64]
#: Weight (K̂, D) and bias (K̂,) of the classification layer.
Head = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass
class SelfORETraining:
    """Clusters and classifies in turn, and saves a checkpoint after each epoch of classification.

    Args:
        settings: See :class:`SelfORESettings`.
        n_clusters: Number of pseudo labels K̂.
        n_relations: Number of relations K.
        seed: Random seed.
        progress: Progress callback.
        work: Keeps the checkpoint.
        contents: Vectors of the untrained encoder in :func:`storage_for_frozen_epochs`.

    Attributes:
        loops: Record of each loop, as JSON values.
        stopped: Why training ended.
        warnings: What a user should know.
        kept: Share of the instances that are in the same cluster before and after the last adaptive clustering.
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
        """Train the encoder, and return the clusters of the last loop.

        Args:
            vectors: Vectors of the untrained encoder (N, D), float32, of unit length; overwritten in every loop, to
                save memory.
            encoder: The encoder to train; ``None`` without relation classification.
            prepared: The instances for it.
        """
        self._start = self._k_means(vectors, self._seed("start"))
        if encoder is None or prepared is None:
            self.stopped = "after one clustering: the encoder is not trained"
            return self._cluster(vectors, 0, None)[0]
        loop, epochs = 0, 0
        labels: PseudoLabels | None = None
        head: Head | None = None
        classifier: Classifier[Prepared] | None = None
        contents, self.contents = self.contents, None
        if (resumed := self.work.load()) is not None:
            state, arrays = resumed
            self.loops, self.warnings = state["loops"], state["warnings"]
            loop, epochs, labels = state["loop"], state["epochs"], arrays["labels"]
            classifier = self._classifier(encoder, prepared, labels, loop, None)
            classifier.state.restore(arrays)
            contents = None  # these are of the untrained encoder
        while True:
            if classifier is None:  # else, a checkpoint resumes within the classification
                partition, labels = self._cluster(vectors, loop, labels)  # eq. 3–10
                if self._ends(loop):
                    return partition
                classifier = self._classifier(encoder, prepared, labels, loop, head)
            # eq. 11 and 12
            training = classifier.epochs(first=epochs, contents=contents, progress=self.progress)
            contents = None  # so that the classifier frees them after the frozen epochs
            for result in training:
                self.loops[loop]["classification_loss"].append(round(result.loss, 6))
                self.loops[loop]["classification_accuracy"].append(round(result.accuracy, 6))
                self._keep(
                    loop, result.epoch + 1, {"labels": np.asarray(labels), **classifier.state.arrays()}
                )
            contents = storage_for_frozen_epochs(self.settings, loop + 1, encoder, prepared)
            vectors = unit_length(  # eq. 2, by the trained encoder
                encoder.encode(prepared, into=vectors, contents=contents, progress=self.progress)
            )
            head = classifier.head if self.settings.head == "aligned" else None
            classifier, epochs, loop = None, 0, loop + 1

    def _cluster(
        self, vectors: NDArray[np.float32], loop: int, previous: PseudoLabels | None
    ) -> tuple[Adaptive | Hard, PseudoLabels]:
        """Return the clusters of a loop and the pseudo labels (N,), and add a record to ``loops``."""
        record: dict[str, Any] = {
            "changed": None,
            "adaptive_loss": [],
            "classification_loss": [],
            "classification_accuracy": [],
            "autoencoder_loss": [],
            "redraws": 0,
            "kept_start": True,
        }
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
        """Return an adaptive clustering of vectors (N, D), or ``None`` if every attempt collapsed or diverged."""
        settings: AdaptiveSettings = self.settings
        restarts = self.settings.restarts
        for attempt in range(restarts + 1):
            seed = self._seed(f"adapt {loop}" + (f" again {attempt}" if attempt else ""))
            slower = replace(settings, cluster_learning_rate=settings.cluster_learning_rate / 2)
            try:
                clusters = self._attempt(vectors, settings, seed, record)
            except DivergedError as error:
                slower = replace(slower, autoencoder_learning_rate=settings.autoencoder_learning_rate / 2)
                problem, how = f"in loop {loop + 1}, {error}", "with half the learning rates"
            else:
                if isinstance(clusters, AdaptiveClusters):
                    self.kept = float((clusters.labels == clusters.starting_labels).mean())
                    record["kept"] = round(self.kept, 6)
                    return clusters
                problem = f"adaptive clustering of loop {loop + 1} collapsed: {clusters}"
                how = "with half the learning rate"
            remedy = f"tried again {how}" if attempt < restarts else "k-means stands in for it"
            self.warnings.append(f"{problem}; {remedy}")
            settings = slower
        return None

    def _attempt(
        self, vectors: NDArray[np.float32], settings: AdaptiveSettings, seed: int, record: dict[str, Any]
    ) -> AdaptiveClusters | str:
        """Return an adaptive clustering of vectors (N, D), or how it collapsed.

        Raises:
            DivergedError: A loss is no longer a number.
        """
        pretrained = pretrain(vectors, settings=settings, seed=seed, progress=self.progress)
        record["autoencoder_loss"] = [round(loss, 6) for loss in pretrained.losses]
        mapping, progress = pretrained.mapping, self.progress
        # with K̂ ≫ K, it is enough if as many clusters as relations are left
        expected = min(effective_number(self._start.labels), float(self.n_relations))
        try:
            clusters = adapt(
                vectors, self.n_clusters, mapping, settings=settings, seed=seed, progress=progress
            )
        except InputError:
            # the vectors differ, since k-means on them succeeded; so the codes have collapsed
            left = 1.0
        else:
            left = effective_number(clusters.labels)
            record["adaptive_loss"] = [round(loss, 6) for loss in clusters.losses]
            record["redraws"], record["kept_start"] = clusters.redraws, clusters.kept_start
            if left >= _COLLAPSED * expected:
                return clusters
        return f"its {self.n_clusters} clusters have the entropy of {left:.1f} equal ones, {expected:.1f} were expected"

    def _k_means(self, vectors: NDArray[np.float32], seed: int) -> Clusters:
        return started_kmeans(
            vectors, self.n_clusters, start=self.settings.start, seed=seed, progress=self.progress
        )

    def _classifier(
        self,
        encoder: TunableEncoder,
        prepared: Prepared,
        labels: PseudoLabels,
        loop: int,
        head: Head | None,
    ) -> Classifier[Prepared]:
        seed = self._seed(f"classify {loop}")
        settings = replace(self.settings, frozen_epochs=frozen_epochs(self.settings, loop))
        return Classifier(encoder, prepared, labels, self.n_clusters, settings=settings, seed=seed, head=head)

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


def frozen_epochs(settings: SelfORESettings, loop: int) -> int:
    """Return the number of epochs of a loop, from 0, in which only the classification layer trains."""
    return settings.frozen_epochs if loop == 0 or settings.frozen_loops == "all" else 0


def storage_for_frozen_epochs(
    settings: SelfORESettings, loop: int, encoder: TunableEncoder, prepared: Prepared
) -> ContentVectors | None:
    """Return storage for the inputs of frozen epochs, encoded once; ``None`` if there are none."""
    if frozen_epochs(settings, loop) == 0 or loop + 1 >= settings.max_loops:
        return None
    return ContentVectors(len(prepared.lengths), encoder.dimension)


def _renumbered(labels: PseudoLabels, mapping: Any, n_clusters: int) -> PseudoLabels:
    """Return labels renumbered by a mapping; labels that it lacks get the numbers that are left."""
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
        """Return the share of each cluster in each vector (N, K̂), float32, rows summing to 1."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields as arrays, for saving."""
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
        """Return the fields as arrays, for saving."""
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
        """Return the fields as arrays, for saving."""
        return {"centroids": self.centroids, "variance": self.variance}


def restored(arrays: Mapping[str, NDArray[Any]], *, alpha: float) -> Adaptive | Hard:
    """Return the partition that ``arrays`` saved."""
    if "variance" in arrays:
        return Hard(arrays["centroids"], arrays["variance"])
    mapping = VectorMapping.from_arrays(below("mapping.", arrays))
    return Adaptive(mapping, arrays["centroids"], arrays["frequencies"], alpha)


def relations_of_clusters(
    partition: Partition,
    vectors: NDArray[np.float32],
    n_relations: int,
    *,
    seed: int,
    merge: Literal["means", "centroids"] = "means",
) -> NDArray[np.int64]:
    """Return the relation of each cluster (K̂,), int64. Relations are numbered by size, and none is empty.

    If there are more clusters than relations, k-means merges them (section 3.2). A cluster to which no vector belongs
    joins the one with the nearest centroid, so fewer relations may be left than requested.

    Args:
        partition: The clusters.
        vectors: The clustered vectors (N, D), float32.
        n_relations: Number of relations, at most K̂.
        seed: Random seed of the starts of k-means.
        merge: What k-means clusters: the ``means`` of the clusters' vectors, weighted by size (see
            :func:`relscout.methods.vectors.merged`), or the ``centroids``, all with the same weight (paper).
    """
    shares, centroids = partition.shares(vectors), partition.centroids
    groups = np.arange(len(centroids))
    if n_relations < len(centroids) and merge == "centroids":
        groups = merged_centroids(centroids, n_relations, seed=seed)
    elif n_relations < len(centroids):
        labels = shares.argmax(axis=1)
        chosen = np.unique(labels)
        # an empty cluster joins the nearest cluster that is not
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


def merged_centroids(centroids: NDArray[np.float32], n_relations: int, *, seed: int) -> NDArray[np.int64]:
    """Return the group of each centroid (K̂,), int64, by k-means on the centroids (K̂, Z), each of weight 1.

    This is the paper's merging (section 3.3: "to merge K̂ cluster centroids into K clusters"), which does not mention
    sizes; centroids of clusters without members count, too.
    """
    n_groups = min(n_relations, len(np.unique(centroids, axis=0)))
    return kmeans(centroids, n_groups, seed=seed).labels


class SelfORE(EncoderTraining):
    """Self-supervised relational feature learning: cluster, train the encoder to predict the clusters, and repeat.

    Args:
        encoder: The :class:`TransformerEncoder` to start from; the bundled encoder by default.
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
        autoencoder_plateau: float = SelfORESettings.autoencoder_plateau,
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
        frozen_loops: Literal["all", "first"] = SelfORESettings.frozen_loops,
        merge: Literal["means", "centroids", "none"] = SelfORESettings.merge,
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
            unlabeled: The instances.
            labeled: Must be ``None``, because the method cannot use labels.
            progress: Progress callback.
            checkpoints: Folder for checkpoints after each epoch of relation classification, so that an interrupted
                fit resumes with the same result.

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
            contents = storage_for_frozen_epochs(options, 0, tunable, prepared)
            vectors = unit_length(tunable.encode(prepared, contents=contents, progress=progress))
        else:
            vectors = encode(base, instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
        if n_relations == "auto":
            n_relations = self.estimated_number(vectors, largest=options.max_relations, progress=progress)
        n_clusters = checked_n_clusters(options.n_clusters, n_relations, len(instances))
        work = self._checkpoint(checkpoints, base.fingerprint, instances)
        training = SelfORETraining(options, n_clusters, n_relations, self.seed, progress, work, contents)
        del contents
        self._partition = training.run(vectors, tunable, prepared)
        self._trained = Trained(base.fingerprint, tunable.weights() if tunable is not None else {})
        del vectors, prepared, tunable
        # the same code path as transform and predict, so that these return exactly the same
        final = encode(self._ready_encoder(), instances, progress=progress)
        requested = n_clusters if options.merge == "none" else n_relations
        way: Literal["means", "centroids"] = "means" if options.merge == "none" else options.merge
        self._relation_of = relations_of_clusters(
            self._partition, final, requested, seed=self.seed, merge=way
        )
        self._exponent = 1.0
        if isinstance(self._partition, Adaptive):
            # an estimate of the accuracy that needs no labels: the agreement with the initial k-means clusters
            shares = of_relations(self._partition.shares(final), self._relation_of)
            self._exponent = exponent_for(shares, training.kept)
        self.n_relations_ = int(self._relation_of.max()) + 1
        self._set_results(self.probabilities_of(final), final, order)
        self.report_ |= {
            "pseudo_labels": n_clusters,
            "loops": training.loops,
            "stopped": training.stopped,
            "warnings": [
                *loss_warnings(lost),
                *training.warnings,
                *self._fewer(requested),
            ],
        }
        work.clear()
        return self

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the fitted state, without encoder and settings, as JSON values and arrays.

        Raises:
            SettingError: Nothing was fitted yet.
        """
        self._check_fitted()
        tensors = {f"partition.{name}": array for name, array in self._partition.arrays().items()}
        tensors |= {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        values = {"exponent": self._exponent, "trained_from": self._trained.fingerprint}
        return values, {**tensors, "relation_of": self._relation_of}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._partition = restored(below("partition.", arrays), alpha=self._settings.alpha)
        self._relation_of = arrays["relation_of"]
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self._exponent = float(values["exponent"])
        self.n_relations_ = int(self._relation_of.max()) + 1
        self.report_ = {"warnings": []}

    def probabilities_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, D) that ``transform`` returned."""
        self._check_fitted()
        shares = of_relations(self._partition.shares(vectors), self._relation_of)
        return softened(shares, self._exponent)

    _partition: Adaptive | Hard
    _relation_of: NDArray[np.int64]
    _exponent: float
