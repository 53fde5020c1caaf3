"""The bootstrapping loop (SelfORE section 2.4): pseudo labels from clusters, a better encoder from pseudo labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive import AdaptiveClusters, adapt, effective_number
from relscout.clustering.adaptive_settings import AdaptiveSettings
from relscout.clustering.autoencoder import pretrain
from relscout.clustering.kmeans import kmeans
from relscout.clustering.lloyd import Clusters
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.encoders.prepared import Prepared
from relscout.encoders.states import ContentVectors
from relscout.encoders.tunable import TunableEncoder
from relscout.errors import DivergedError, InputError
from relscout.methods.selfore.partition import Adaptive, Hard
from relscout.methods.selfore.settings import SelfORESettings
from relscout.methods.vectors import unit_length
from relscout.metrics import align
from relscout.progress import Progress
from relscout.seeding import generator
from relscout.training.classification import Classifier
from relscout.training.work import Work

#: A clustering has collapsed when its entropy is that of fewer clusters than this share of what k-means finds.
_COLLAPSED = 0.5

Labels = NDArray[np.int64]


@dataclass
class Bootstrap:
    """The loop, and what happened in it.

    Args:
        settings: See :class:`SelfORESettings`.
        n_clusters: K̂.
        n_relations: K.
        seed: Draws everything random.
        progress: Told how far it is.
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
    work: Work
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
        labels: Labels | None = None
        head: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        classifier: Classifier[Prepared] | None = None
        contents, self.contents = self.contents, None
        if (resumed := self.work.load()) is not None:
            state, arrays = resumed
            self.loops, self.warnings = state["loops"], state["warnings"]
            loop, epochs, labels = state["loop"], state["epochs"], arrays["labels"]
            classifier = self._classifier(encoder, prepared, labels, loop, None)
            classifier.load(arrays)
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
                self._keep(loop, result.epoch + 1, {"labels": np.asarray(labels), **classifier.arrays()})
            contents = room_for_frozen_epochs(self.settings, loop + 1, encoder, prepared)
            vectors = unit_length(
                encoder.encode(prepared, into=vectors, contents=contents, progress=self.progress)
            )
            head = classifier.head if self.settings.head == "aligned" else None
            classifier, epochs, loop = None, 0, loop + 1

    def _cluster(
        self, vectors: NDArray[np.float32], loop: int, previous: Labels | None
    ) -> tuple[Adaptive | Hard, Labels]:
        """Return the clustering of a loop and its pseudo labels, and tell about it in ``loops``."""
        told: dict[str, Any] = {"changed": None, "adaptive_loss": [], "classification_loss": []}
        told |= {"classification_accuracy": [], "autoencoder_loss": [], "redraws": 0, "kept_start": True}
        self.loops.append(told)
        found: tuple[Adaptive | Hard, Labels] | None = None
        if self.settings.adaptive:
            found = self._adaptive(vectors, loop, told)
        if found is None:
            clusters = self._k_means(vectors, self._seed(f"k-means {loop}"))
            hard = Hard.of(clusters, vectors, seed=self._seed(f"spread {loop}"))
            found = hard, clusters.labels
        partition, labels = found
        told["effective_clusters"] = round(effective_number(labels), 3)
        if previous is not None:
            match = align(labels, previous)
            told["changed"] = round(1 - match.accuracy, 6)
            if self.settings.head == "aligned":
                labels = _renumbered(labels, match.mapping, self.n_clusters)
        return partition, labels

    def _adaptive(
        self, vectors: NDArray[np.float32], loop: int, told: dict[str, Any]
    ) -> tuple[Adaptive, Labels] | None:
        """Return the adaptive clustering, or ``None`` where every attempt collapsed or diverged."""
        settings: AdaptiveSettings = self.settings
        for left in range(self.settings.restarts, -1, -1):
            attempt = self.settings.restarts - left
            seed = self._seed(f"adapt {loop}" + (f" again {attempt}" if attempt else ""))
            slower = replace(settings, cluster_learning_rate=settings.cluster_learning_rate / 2)
            try:
                found = self._attempt(vectors, settings, seed, told)
            except DivergedError as error:
                slower = replace(slower, autoencoder_learning_rate=settings.autoencoder_learning_rate / 2)
                wrong, again = f"in loop {loop + 1}, {error}", "with half the learning rates"
            else:
                if isinstance(found, AdaptiveClusters):
                    self.kept = float((found.labels == found.starting_labels).mean())
                    told["kept"] = round(self.kept, 6)
                    return Adaptive.of(found), found.labels
                wrong = f"adaptive clustering of loop {loop + 1} collapsed: {found}"
                again = "with half the learning rate"
            self.warnings.append(
                f"{wrong}; " + (f"tried again {again}" if left else "k-means stands in for it")
            )
            settings = slower
        return None

    def _attempt(
        self, vectors: NDArray[np.float32], settings: AdaptiveSettings, seed: int, told: dict[str, Any]
    ) -> AdaptiveClusters | str:
        """Return one adaptive clustering, or how it has collapsed.

        Raises:
            DivergedError: A loss is no longer a number.
        """
        pretrained = pretrain(vectors, settings=settings, seed=seed, progress=self.progress)
        told["autoencoder_loss"] = [round(loss, 6) for loss in pretrained.losses]
        mapping, progress = pretrained.mapping, self.progress
        # of K̂ ≫ K pseudo labels only as many need be left as there are relations
        expected = min(effective_number(self._start.labels), float(self.n_relations))
        try:
            found = adapt(vectors, self.n_clusters, mapping, settings=settings, seed=seed, progress=progress)
        except InputError:
            # the vectors differ (k-means on them went well), so it is the codes that do not
            left = 1.0
        else:
            left = effective_number(found.labels)
            told["adaptive_loss"] = [round(loss, 6) for loss in found.losses]
            told["redraws"], told["kept_start"] = found.redraws, found.kept_start
            if left >= _COLLAPSED * expected:
                return found
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
        labels: Labels,
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
    """Return room for what the frozen epochs of a loop read, so that it is encoded once; ``None`` if there are none."""
    if settings.frozen_epochs == 0 or loop + 1 >= settings.max_loops:
        return None
    return ContentVectors(len(prepared.lengths), encoder.dimension)


def _renumbered(labels: Labels, mapping: Any, n_clusters: int) -> Labels:
    """Return labels under the numbers they are matched with; what is matched with none takes those that are left."""
    left = iter(sorted(set(range(n_clusters)) - {int(number) for number in mapping.values()}))
    table = np.array([mapping[label] if label in mapping else next(left) for label in range(n_clusters)])
    found: Labels = table[labels]
    return found
