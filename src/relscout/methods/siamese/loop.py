"""Iterative joint training (Siamese URE section 2.4): two views alone, then with neighbours that are mined again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import check_finite
from relscout.clustering.neighbours import nearest_neighbours
from relscout.encoders.prepared import Prepared
from relscout.methods.siamese.collapse import Watch
from relscout.methods.siamese.network import Network
from relscout.methods.siamese.objectives import (
    consistency_loss,
    negative_entropy,
    pull_together,
    similarity_loss,
)
from relscout.methods.siamese.settings import SiameseSettings
from relscout.methods.vectors import unit_length
from relscout.progress import Progress
from relscout.seeding import generator
from relscout.training.batching import batches_by_length
from relscout.training.loop import train
from relscout.training.terms import Terms
from relscout.training.work import Work

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.int64]


@dataclass
class SiameseTraining:
    """The loop, and what happened in it.

    Args:
        settings: See :class:`SiameseSettings`.
        network: What trains.
        prepared: The instances.
        seed: Draws everything random.
        progress: Told how far it is.
        work: Keeps what is done, so that an interrupted loop goes on.

    Attributes:
        epochs: What is known of each, as JSON values.
        warnings: What a user should know.
    """

    settings: SiameseSettings
    network: Network
    prepared: Prepared
    seed: int
    progress: Progress
    work: Work
    epochs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _watch: Watch = field(init=False)
    _random: np.random.Generator = field(init=False)
    _neighbours: Rows | None = None
    _changed: float | None = None
    _terms: Terms = field(default_factory=Terms)

    def run(self) -> None:
        """Train the encoder.

        Raises:
            CollapsedError: All representations, or all clusters, have become one.
            InputError: Some representations are not finite.
        """
        settings, network = self.settings, self.network
        if (count := len(self.prepared.lengths)) < 2:
            self.warnings.append(
                f"there is {count} different instance, which has no neighbours to learn from: the encoder stays as "
                "it is"
            )
            return
        self._watch = Watch(by_clusters=settings.pull == "clustering" and network.n_clusters > 1)
        if (resumed := self.work.load()) is not None:
            state, arrays = resumed
            self.epochs, self.warnings = state["epochs"], state["warnings"]
            self._watch.first = state["first"]
            self._neighbours = arrays.get("neighbours")
            network.load(arrays)
        for step in train(
            self._begin,
            self._loss,
            network.optimizer,
            epochs=settings.epochs,
            first_epoch=len(self.epochs),
            warm_up=0.0,
            falls=False,
            seed=self._seed("train"),
        ):
            self.progress("train", step.number, step.total)
            if step.ends_epoch:
                self._judge()

    def _begin(self, epoch: int) -> Sequence[Rows]:
        settings = self.settings
        self._changed = None
        if settings.semantic_clustering and (since := epoch - settings.warm_up_epochs) >= 0:
            mined = since == 0 or (settings.mine_every and since % settings.mine_every == 0)
            if mined or self._neighbours is None:
                self._mine()
        random = generator(self.seed, f"batches {epoch}")
        self._random = generator(self.seed, f"neighbours {epoch}")
        # a single row cannot be normalised over the batch
        return batches_by_length(self.prepared.lengths, settings.batch, random, least=2)

    def _mine(self) -> None:
        """Look for the nearest neighbours of each content, among contents as the encoder sees them now."""
        vectors = self.network.encoder.encode_contents(self.prepared, progress=self.progress)
        check_finite(vectors)
        count = min(self.settings.neighbours, len(vectors) - 1)
        few = (
            f"each instance has {count} neighbours instead of {self.settings.neighbours}: there are only "
            f"{len(vectors)} different instances"
        )
        if count < self.settings.neighbours and few not in self.warnings:
            self.warnings.append(few)
        if self.settings.metric == "cosine":
            vectors = unit_length(vectors)
        found = nearest_neighbours(vectors, count)
        if self._neighbours is not None:
            kept = [np.isin(now, before).mean() for now, before in zip(found, self._neighbours, strict=True)]
            self._changed = round(1 - float(np.mean(kept)), 6)
        self._neighbours = found

    def _loss(self, _: int, rows: Rows) -> torch.Tensor:
        """Return L = L_Rl + η L_Cl (eq. 9) of a batch."""
        settings, network = self.settings, self.network
        network.encoder.train(True)
        of_neighbours = self._drawn_neighbours(rows)
        # one pass for both views and the neighbours: dropout draws anew for each row
        h = network.h(self.prepared, np.concatenate([rows, rows, of_neighbours.ravel()]))
        first, second = h[: len(rows)], h[len(rows) : 2 * len(rows)]
        mapped = network.mapped(first)
        total = self._terms("similarity", similarity_loss(mapped, network.mapped(second)))
        self._watch.see(first, mapped[0])
        if not of_neighbours.size:
            return total
        others = h[2 * len(rows) :].reshape(len(rows), -1, h.shape[1])  # (B, K, D)
        if settings.pull == "cosine":
            return total + settings.loss_weight * self._terms("neighbours", pull_together(first, others))
        logits = network.clusters(first)
        self._watch.see_clusters(logits)
        consistency = consistency_loss(logits, network.clusters(others), scale=settings.neighbour_scale)
        clustering = self._terms("consistency", consistency)
        clustering = clustering + settings.entropy_weight * self._terms("entropy", negative_entropy(logits))
        return total + settings.loss_weight * clustering

    def _drawn_neighbours(self, rows: Rows) -> Rows:
        """Return neighbours of some contents (B, K), drawn anew or all of them; none in the warm-up (B, 0)."""
        if self._neighbours is None:
            return np.empty((len(rows), 0), dtype=np.int64)
        found, count = self._neighbours[rows], self.settings.sampled_neighbours
        if not 0 < count < found.shape[1]:
            return found
        return self._random.permuted(found, axis=1)[:, :count]

    def _judge(self) -> None:
        """Take down what came of an epoch."""
        losses = self._terms.means()
        self.epochs.append({"losses": losses, "new_neighbours": self._changed, **self._watch.judge()})
        # what has collapsed is not gone on from
        self._watch.check()
        if self.settings.mlps and (warning := self._watch.warning()) and warning not in self.warnings:
            self.warnings.append(warning)
        arrays = {} if self._neighbours is None else {"neighbours": self._neighbours}
        state = {"epochs": self.epochs, "warnings": self.warnings, "first": self._watch.first}
        self.work.keep(state, {**self.network.arrays(), **arrays})

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"siamese {purpose}").integers(2**31))
