"""Adaptive clustering: a mapping and centroids that sharpen each other, on any vectors.

Hu et al., "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction", EMNLP 2020, section 2.2,
after Xie et al., "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016. The encoder half of a denoising
autoencoder maps vectors h to codes z; k-means gives centroids μ; then mapping and centroids, and nothing else, are
moved so that confident assignments become more so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive_settings import AdaptiveSettings
from relscout.clustering.autoencoder import Mapping
from relscout.clustering.kmeans import kmeans
from relscout.clustering.neighbour_seeds import neighbour_seeds
from relscout.clustering.objectives import divergence, student_t, target_distribution
from relscout.errors import DivergedError
from relscout.progress import Progress, silent
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch

#: Vectors that are mapped at a time where no gradient is needed.
_CHUNK = 8192


@dataclass(frozen=True)
class AdaptiveClusters:
    """What adaptive clustering found.

    Args:
        mapping: From vectors to codes.
        centroids: μ (K, Z), float32.
        frequencies: Soft size f_k = Σ_n q_nk of each cluster (K,), float64, which the target distribution needs.
        alpha: Degrees of freedom of the Student t-distribution.
        labels: Cluster of each vector (N,), int64.
        starting_labels: What k-means on the codes had said before (N,), int64.
        losses: KL(P‖Q) per vector, in nats, at the start of each epoch and at the end.
        redraws: How often the centroids were drawn anew at random, because the loss had not fallen.
        kept_start: Whether it went on from the centroids of k-means: at once, or since no redrawn ones helped.
        label_from: ``target`` or ``assignment``: which distribution the labels are read from.
    """

    mapping: Mapping
    centroids: NDArray[np.float32]
    frequencies: NDArray[np.float64]
    alpha: float
    labels: NDArray[np.int64]
    starting_labels: NDArray[np.int64]
    losses: tuple[float, ...] = ()
    redraws: int = 0
    kept_start: bool = True
    label_from: str = "target"

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return p (eq. 8), or q (eq. 7) where labels are read from it, of each vector (N, K), float32.

        The frequencies stay those of the fit, so that what a vector gets does not depend on its company.

        Args:
            vectors: (N, D) float32.
        """
        return assign(
            self.mapping,
            self.centroids,
            vectors,
            alpha=self.alpha,
            frequencies=self.frequencies if self.label_from == "target" else None,
        )


def assign(
    mapping: Mapping,
    centroids: NDArray[np.float32],
    vectors: NDArray[np.float32],
    *,
    alpha: float = 1.0,
    frequencies: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Return the soft assignment q (eq. 7), or p (eq. 8) where frequencies are given, (N, K), float32.

    Args:
        mapping: From vectors to codes.
        centroids: μ (K, Z), float32.
        vectors: (N, D), float32.
        alpha: Degrees of freedom of the Student t-distribution, > 0.
        frequencies: f_k (K,).
    """
    import torch

    found = np.empty((len(vectors), len(centroids)), dtype=np.float32)
    centres = torch.from_numpy(centroids)
    with torch.inference_mode():
        for start in range(0, len(vectors), _CHUNK):
            q = student_t(mapping.forward(vectors[start : start + _CHUNK]), centres, alpha=alpha)
            if frequencies is not None:
                q = target_distribution(q, torch.from_numpy(frequencies))
            found[start : start + _CHUNK] = q.numpy()
    return found


def effective_number(labels: NDArray[np.int64]) -> float:
    """Return how many clusters of equal size would be as diverse: exp of the entropy of the assignment, at least 1."""
    shares = np.bincount(labels) / max(len(labels), 1)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def adapt(
    vectors: NDArray[np.float32],
    n_clusters: int,
    mapping: Mapping,
    *,
    settings: AdaptiveSettings | None = None,
    seed: int,
    progress: Progress = silent,
) -> AdaptiveClusters:
    """Cluster vectors while mapping and centroids adapt to them (SelfORE eq. 7–10).

    Args:
        vectors: (N, D) float32; may be memory-mapped.
        n_clusters: K̂, from 1 to N.
        mapping: Where to start, from :func:`relscout.clustering.autoencoder.pretrain`; it stays as it is.
        settings: See :class:`AdaptiveSettings`.
        seed: Draws starts, batches and redrawn centroids.
        progress: Told the epochs done, stage ``"adapt"``.

    Raises:
        InputError: There are fewer vectors, or fewer codes that differ, than clusters, or some are not finite.
        DivergedError: The loss is no longer a number.
    """
    settings = settings or AdaptiveSettings()
    codes = mapping(vectors)
    starts = neighbour_seeds(codes, n_clusters, seed=seed) if settings.start == "neighbours" else None
    started = kmeans(codes, n_clusters, seed=seed, starts=starts)
    random = generator(seed, "adaptive clustering")
    redraws = settings.redraws if n_clusters > 1 else 0
    for attempt, (centroids, is_last) in enumerate(_starts(codes, started.centroids, redraws, random)):
        redrawn = min(attempt, redraws)
        run = _Run(mapping.copy(), centroids, settings, random)
        losses: list[float] = []
        for loss, fell in run.epochs(vectors, progress):
            losses.append(loss)
            if not fell and not is_last:
                break
        else:
            break
    found = run.result(vectors, started.labels, tuple(losses), redrawn)
    return replace(found, kept_start=attempt in (0, redraws + 1))


def _starts(
    codes: NDArray[np.float32], centroids: NDArray[np.float32], redraws: int, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Yield the centroids to start from, each time the loss did not fall, and whether these are the last."""
    yield centroids, not redraws
    for _ in range(redraws):
        yield codes[np.sort(random.choice(len(codes), len(centroids), replace=False))], False
    # Where it fell from no random start either, that of k-means is better than any of them. With K̂ ≫ K this is the
    # rule: q is nearly even then, and its loss so small that Adam, whose steps are as long as ever, overshoots.
    yield centroids, True


@dataclass
class _Run:
    """One run from given centroids."""

    mapping: Mapping
    start: NDArray[np.float32]
    settings: AdaptiveSettings
    random: np.random.Generator
    centroids: torch.Tensor = field(init=False)
    _best: tuple[float, Mapping, NDArray[np.float32]] | None = None

    def epochs(self, vectors: NDArray[np.float32], progress: Progress) -> Iterator[tuple[float, bool]]:
        """Yield the loss at the start of each epoch, and whether the first epoch has made it fall."""
        import torch

        settings, n_vectors = self.settings, len(vectors)
        self.centroids = torch.from_numpy(self.start.copy()).requires_grad_(True)
        trained = [*self.mapping.parameters(), self.centroids]
        for parameter in trained:
            parameter.requires_grad_(True)
        optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(trained, lr=settings.cluster_learning_rate, fused=True)
            if settings.optimizer == "adam"
            else torch.optim.SGD(trained, lr=settings.cluster_learning_rate, momentum=0.9)
        )
        size = settings.cluster_batch or n_vectors
        fell = True
        for epoch in range(settings.cluster_epochs):
            progress("adapt", epoch, settings.cluster_epochs)
            targets = self._targets(vectors)
            before = self._loss(vectors, targets)
            self._keep_best(before)
            yield before, fell
            for rows in np.array_split(self.random.permutation(n_vectors), -(-n_vectors // size)):
                rows.sort()  # of memory-mapped vectors, neighbours on disk are read together
                q = student_t(self.mapping.forward(vectors[rows]), self.centroids, alpha=settings.alpha)
                loss = divergence(torch.from_numpy(targets[rows]), q) / len(rows)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if epoch == 0:
                # against the very targets of this epoch: those of the next one are sharper, and their loss higher
                fell = self._loss(vectors, targets) < before
        last = self._loss(vectors, self._targets(vectors))
        self._keep_best(last)
        progress("adapt", settings.cluster_epochs, settings.cluster_epochs)
        yield last, fell

    def result(
        self,
        vectors: NDArray[np.float32],
        starting_labels: NDArray[np.int64],
        losses: tuple[float, ...],
        redraws: int,
    ) -> AdaptiveClusters:
        settings, mapping, centroids = self.settings, self.mapping, self.centroids.detach().numpy()
        if settings.keep == "lowest-loss" and self._best is not None:
            _, mapping, centroids = self._best
        for parameter in mapping.parameters():
            parameter.requires_grad_(False)
        assignment = assign(mapping, centroids, vectors, alpha=settings.alpha)
        frequencies = assignment.sum(axis=0, dtype=np.float64)
        found = AdaptiveClusters(
            mapping,
            centroids,
            frequencies,
            settings.alpha,
            starting_labels,
            starting_labels,
            losses,
            redraws,
            label_from=settings.label_from,
        )
        return replace(found, labels=found.probabilities(vectors).argmax(axis=1).astype(np.int64))

    def _targets(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        centroids = self.centroids.detach().numpy()
        q = torch.from_numpy(assign(self.mapping, centroids, vectors, alpha=self.settings.alpha))
        targets: NDArray[np.float32] = target_distribution(q, q.sum(dim=0, dtype=torch.float64)).numpy()
        return targets

    def _loss(self, vectors: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
        import torch

        q = assign(self.mapping, self.centroids.detach().numpy(), vectors, alpha=self.settings.alpha)
        loss = float(divergence(torch.from_numpy(targets), torch.from_numpy(q))) / len(vectors)
        if not np.isfinite(loss):
            raise DivergedError(
                f"adaptive clustering diverged: its loss is {loss}; lower cluster_learning_rate, now "
                f"{self.settings.cluster_learning_rate}"
            )
        return loss

    def _keep_best(self, loss: float) -> None:
        if self.settings.keep == "lowest-loss" and (self._best is None or loss < self._best[0]):
            self._best = (loss, self.mapping.copy(), self.centroids.detach().numpy().copy())
