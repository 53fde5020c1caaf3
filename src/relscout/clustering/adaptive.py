"""Adaptive clustering (SelfORE, section 2.3): codes of an autoencoder and centroids that adapt to each other.

Hu et al., "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction", EMNLP 2020, after
Xie et al., "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016.

1. Train a denoising autoencoder on vectors h; its encoder half g maps h to codes z (eq. 3–6, :func:`pretrain`).
2. Cluster the codes by k-means, which gives the first centroids μ.
3. In each epoch, compute the soft assignment q of the codes to the centroids (eq. 7, :func:`student_t`) and a target p
   that is more confident (eq. 8, :func:`target_distribution`). Move g and μ to lower KL(P‖Q) (eq. 9, :func:`adapt`).
4. The label of a vector is its cluster of the highest p (eq. 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as NamedArrays
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Start, check_finite, started_kmeans
from relscout.core.errors import DivergedError, InputError
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    NotNegative,
    Numbers,
    Rate,
    Share,
    numbers_of,
    settings_class,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@settings_class
class AdaptiveSettings:
    """Settings of adaptive clustering; what the paper says stands in each description."""

    layers: Numbers = "500-500-200"
    """Widths of the autoencoder's encoder, the code last; the decoder mirrors it (paper: 500-500-200)."""
    initial: Literal["xavier", "normal"] = "xavier"
    """First weights: ``normal`` (N(0, 0.01²), the paper's, which learns late on small corpora) or ``xavier``."""
    noise: Rate = 0.1
    """Dropout rate on the input and on the code while the autoencoder trains, in [0, 1); the paper gives none."""
    autoencoder_epochs: AtLeast0 = 20
    """Epochs of the autoencoder, at least 0 (paper: 20)."""
    autoencoder_steps: AtLeast0 = 800
    """Minimum number of steps of the autoencoder: small corpora get more epochs (paper: none, for 41,000 sentences)."""
    autoencoder_plateau: Share = 0.0
    """Share, such as 0.01: end these additional epochs when three of them lower the loss by less; 0 never ends them."""
    autoencoder_batch: AtLeast1 = 64
    """Vectors in a step of the autoencoder (released code: 16; the paper gives none)."""
    autoencoder_learning_rate: AboveZero = 1e-3
    """Learning rate of Adam for the autoencoder (paper: 1e-3)."""
    weight_decay: NotNegative = 1e-5
    """Weight decay of the autoencoder (paper: 1e-5)."""
    alpha: AboveZero = 1.0
    """Degrees of freedom of the Student t-distribution, above 0 (paper: 1)."""
    start: Start = "neighbours"
    """Where k-means on the codes starts: ``consensus`` or ``neighbours`` (see kmeans), or ``k-means++`` (paper)."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Moves mapping and centroids: ``adam`` or ``sgd`` (released code; momentum 0.9); the paper names none."""
    cluster_learning_rate: AboveZero = 3e-4
    """Learning rate of mapping and centroids (released code: 0.1)."""
    cluster_epochs: AtLeast0 = 30
    """Epochs in which mapping and centroids adapt, at least 0; targets are renewed at the start of each."""
    cluster_batch: AtLeast0 = 256
    """Vectors in a step of the clustering; 0 takes all at once (released code)."""
    label_from: Literal["target", "assignment"] = "target"
    """Pseudo labels are the highest p of the ``target`` (paper, eq. 10) or q of the ``assignment`` (released code)."""
    keep: Literal["last", "lowest-loss"] = "last"
    """State that is kept: the ``last``, or that of the ``lowest-loss`` (released code)."""
    redraws: AtLeast0 = 3
    """How often centroids are redrawn when the first epoch does not lower the loss, at least 0 (released code: 0)."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the autoencoder's encoder, the code last."""
        return numbers_of(self.layers)


def student_t(codes: Tensor, centroids: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Return the soft assignment q (SelfORE eq. 7): a Student t-distribution around each centroid.

    Args:
        codes: z (N, Z).
        centroids: μ (K, Z).
        alpha: Degrees of freedom, > 0.

    Returns:
        q (N, K), rows summing to 1.
    """
    squared = (
        (codes * codes).sum(dim=1, keepdim=True)
        - 2 * codes @ centroids.T
        + (centroids * centroids).sum(dim=1)
    ).clamp(min=0)  # (N, K); rounding may fall below 0
    # the logarithm of the kernel (1 + ‖z − μ‖² / α)^(−(α + 1) / 2), since the power underflows for a large α
    return (-(alpha + 1) / 2 * (squared / alpha).log1p()).softmax(dim=1)


def target_distribution(q: Tensor, frequencies: Tensor | None = None) -> Tensor:
    """Return p (SelfORE eq. 8): a more confident assignment, divided by the sizes of the clusters.

    Args:
        q: Soft assignment (N, K).
        frequencies: f_k (K,); Σ_n q_nk where left out.

    Returns:
        p (N, K), rows summing to 1.
    """
    soft_sizes = q.sum(dim=0) if frequencies is None else frequencies.to(q.dtype)
    weighted = q * q / soft_sizes
    return weighted / weighted.sum(dim=1, keepdim=True)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(P‖Q) = Σ_n Σ_k p_nk log(p_nk / q_nk) (SelfORE eq. 9), a scalar in nats."""
    import torch

    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()


_CHUNK = 8192
_NORMAL_STD = 0.01


@dataclass(frozen=True)
class Mapping:
    """Fully connected layers from vectors to codes: z = g(scale · h) (SelfORE eq. 3–4).

    Args:
        network: g, from :func:`fully_connected`.
        scale: Factor that gives the vectors a mean square of 1, as the constants of the papers expect.
    """

    network: torch.nn.Sequential
    scale: float

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return codes (N, Z), float32, of vectors (N, D), float32."""
        import torch

        *_, bias = self.network.parameters()
        codes = np.empty((len(vectors), len(bias)), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(vectors), _CHUNK):
                codes[start : start + _CHUNK] = self.forward(vectors[start : start + _CHUNK]).numpy()
        return codes

    def forward(self, vectors: NDArray[np.float32]) -> torch.Tensor:
        """Return codes (B, Z) of vectors (B, D); gradients reach the weights."""
        import torch

        codes: Tensor = self.network(torch.from_numpy(np.asarray(vectors) * np.float32(self.scale)))
        return codes

    def copy(self) -> Mapping:
        """Return a copy with weights of its own."""
        return Mapping(deepcopy(self.network), self.scale)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields as arrays, for saving."""
        arrays: dict[str, NDArray[Any]] = {"scale": np.array([self.scale], dtype=np.float64)}
        for place, (name, tensor) in enumerate(self.network.state_dict().items()):
            arrays[f"{name.split('.')[1]}.{place // 2}"] = tensor.numpy()  # numbered without the activations
        return arrays

    @classmethod
    def from_arrays(cls, arrays: NamedArrays[str, NDArray[Any]]) -> Mapping:
        """Build a mapping from what :meth:`arrays` returned."""
        import torch

        n_layers = sum(name.startswith("weight.") for name in arrays)
        network = fully_connected(
            (torch.tensor(arrays[f"weight.{number}"]), torch.tensor(arrays[f"bias.{number}"]))
            for number in range(n_layers)
        )
        return cls(network.requires_grad_(False), float(arrays["scale"][0]))


@dataclass(frozen=True)
class Pretrained:
    """A trained autoencoder.

    Args:
        mapping: Its encoder half.
        losses: Mean squared error of each epoch, per dimension of the scaled vectors; 1 is as good as nothing.
            They end early on a plateau.
    """

    mapping: Mapping
    losses: tuple[float, ...]


def pretrain(
    vectors: NDArray[np.float32],
    *,
    settings: AdaptiveSettings | None = None,
    seed: int,
    progress: Progress = silent,
) -> Pretrained:
    """Train a denoising autoencoder on vectors (SelfORE eq. 3–6).

    Args:
        vectors: (N, D) float32; may be memory-mapped.
        settings: See :class:`AdaptiveSettings`.
        seed: Random seed of first weights, noise and batches.
        progress: Called with the epochs done, stage ``"autoencoder"``.

    Raises:
        InputError: There are no vectors, or some are not finite.
        DivergedError: The loss is no longer a number.
    """
    import torch

    settings = settings or AdaptiveSettings()
    if not len(vectors):
        raise InputError("there are no vectors to learn a mapping from")
    check_finite(vectors)
    random = generator(seed, "autoencoder")
    stream = torch.Generator().manual_seed(int(random.integers(2**62)))
    widths = (vectors.shape[1], *settings.widths)
    down = fully_connected(first_weights(widths, settings.initial, stream))
    up = fully_connected(first_weights(widths[::-1], settings.initial, stream))
    mapping = Mapping(down, _scale(vectors))
    optimizer = torch.optim.Adam(
        [*down.parameters(), *up.parameters()],
        lr=settings.autoencoder_learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    n_batches = -(-len(vectors) // settings.autoencoder_batch)
    n_epochs = max(settings.autoencoder_epochs, -(-settings.autoencoder_steps // n_batches))
    losses = []
    for epoch in range(n_epochs):
        progress("autoencoder", epoch, n_epochs)
        total = 0.0
        for rows in np.array_split(random.permutation(len(vectors)), n_batches):
            rows.sort()
            h = torch.from_numpy(np.asarray(vectors[rows]) * np.float32(mapping.scale))  # (B, D)
            codes = down(_noised(h, settings.noise, stream))  # (B, Z), eq. 3–4
            back = up(_noised(codes, settings.noise, stream))  # (B, D), eq. 5
            loss = (back - h).square().mean()  # eq. 6, over the dimensions as well
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(vectors))
        if not np.isfinite(losses[-1]):
            raise DivergedError(
                f"the autoencoder diverged: its loss is {losses[-1]}; lower autoencoder_learning_rate, now "
                f"{settings.autoencoder_learning_rate}"
            )
        if epoch + 1 >= settings.autoencoder_epochs and is_plateau(losses, settings.autoencoder_plateau):
            break
    progress("autoencoder", n_epochs, n_epochs)
    down.requires_grad_(False)
    return Pretrained(mapping, tuple(losses))


#: Epochs whose losses are compared with those of as many epochs before them.
_WINDOW = 3


def is_plateau(losses: Sequence[float], share: float) -> bool:
    """Return whether the mean loss of the last three epochs is hardly below that of the three before.

    Args:
        losses: Mean loss of each epoch so far.
        share: Least share by which it must be lower, in [0, 1]; 0 for no plateau at all.
    """
    if not share or len(losses) < 2 * _WINDOW:
        return False
    before, now = np.mean(losses[-2 * _WINDOW : -_WINDOW]), np.mean(losses[-_WINDOW:])
    return bool(now > (1 - share) * before)


def fully_connected(
    layers: Iterable[tuple[torch.Tensor, torch.Tensor]], *, slope: float = 0.0
) -> torch.nn.Sequential:
    """Return linear layers with ReLU between them.

    Args:
        layers: Weight (out, in) and bias (out,) of each layer, such as :func:`first_weights` draws.
        slope: Slope of the ReLU below 0; above 0 it is a leaky ReLU.
    """
    from torch import nn

    modules: list[nn.Module] = []
    for weight, bias in layers:
        modules += [nn.LeakyReLU(slope) if slope else nn.ReLU(), linear(weight, bias)]
    return nn.Sequential(*modules[1:])


def linear(weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Linear:
    """Return the linear layer of a weight (out, in) and a bias (out,)."""
    from torch.nn import Linear

    n_out, n_in = weight.shape
    layer = Linear(
        n_in, n_out, device="meta"
    )  # other devices would draw weights from the global random state
    layer.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    return layer


def first_weights(
    widths: Sequence[int], initial: str, stream: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield a drawn weight (out, in), ``normal`` (N(0, 0.01²)) or ``xavier``, and a zero bias (out,) of each layer."""
    import torch

    for n_in, n_out in pairwise(widths):
        std = _NORMAL_STD if initial == "normal" else (2 / (n_in + n_out)) ** 0.5
        yield std * torch.randn((n_out, n_in), generator=stream), torch.zeros(n_out)


def _noised(states: torch.Tensor, rate: float, stream: torch.Generator) -> torch.Tensor:
    """Return states with dropout from an own random stream, so that the global one does not change."""
    import torch

    if not rate:
        return states
    kept = torch.rand(states.shape, generator=stream) >= rate
    return states * kept / (1 - rate)


def _scale(vectors: NDArray[np.float32]) -> float:
    total = sum(
        float(np.square(vectors[start : start + _CHUNK], dtype=np.float64).sum())
        for start in range(0, len(vectors), _CHUNK)
    )
    return (vectors.size / total) ** 0.5 if total > 0 else 1.0


@dataclass(frozen=True)
class AdaptiveClusters:
    """The result of adaptive clustering.

    Args:
        mapping: From vectors to codes.
        centroids: μ (K, Z), float32.
        frequencies: Soft size f_k = Σ_n q_nk of each cluster (K,), float64, for the target distribution.
        alpha: Degrees of freedom of the Student t-distribution.
        labels: Cluster of each vector (N,), int64.
        starting_labels: Cluster of each vector by k-means on the first codes (N,), int64.
        losses: KL(P‖Q) per vector, in nats, at the start of each epoch and at the end.
        redraws: How often the centroids were redrawn at random because the loss did not fall.
        kept_start: Whether training started from the centroids of k-means, either at once or because redrawn ones did
            not help.
        label_from: Distribution of the labels: ``target`` (p) or ``assignment`` (q).
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
        """Return p (eq. 8), or q (eq. 7) if ``label_from`` is ``assignment``, of each vector (N, K), float32.

        Frequencies are those of the fit, so that the result for a vector does not depend on the others.

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

    assignment = np.empty((len(vectors), len(centroids)), dtype=np.float32)
    centres = torch.from_numpy(centroids)
    with torch.inference_mode():
        for start in range(0, len(vectors), _CHUNK):
            q = student_t(mapping.forward(vectors[start : start + _CHUNK]), centres, alpha=alpha)
            if frequencies is not None:
                q = target_distribution(q, torch.from_numpy(frequencies))
            assignment[start : start + _CHUNK] = q.numpy()
    return assignment


def effective_number(labels: NDArray[np.int64]) -> float:
    """Return the number of clusters of equal size that would be as diverse: exp of the entropy of labels (N,)."""
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
    """Cluster vectors, with a mapping and centroids that adapt (SelfORE eq. 7–10).

    Args:
        vectors: (N, D) float32; may be memory-mapped.
        n_clusters: K̂, from 1 to N.
        mapping: The mapping to start from, by :func:`relscout.clustering.adaptive.pretrain`; it is not changed.
        settings: See :class:`AdaptiveSettings`.
        seed: Random seed of starts, batches and redrawn centroids.
        progress: Called with the epochs done, stage ``"adapt"``.

    Raises:
        InputError: There are fewer vectors, or fewer codes that differ, than clusters, or some are not finite.
        DivergedError: The loss is no longer a number.
    """
    settings = settings or AdaptiveSettings()
    codes = mapping(vectors)
    started = started_kmeans(codes, n_clusters, start=settings.start, seed=seed)
    random = generator(seed, "adaptive clustering")
    redraws = settings.redraws if n_clusters > 1 else 0
    for attempt, (centroids, is_last) in enumerate(
        starting_centroids(codes, started.centroids, redraws, random)
    ):
        redrawn = min(attempt, redraws)
        run = _Run(mapping.copy(), centroids, settings, random)
        losses: list[float] = []
        for loss, fell in run.epochs(vectors, progress):
            losses.append(loss)
            if not fell and not is_last:
                break
        else:
            break
    clusters = run.result(vectors, started.labels, tuple(losses), redrawn)
    return replace(clusters, kept_start=attempt in (0, redraws + 1))


def starting_centroids(
    codes: NDArray[np.float32], centroids: NDArray[np.float32], redraws: int, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Yield centroids (K, Z) for each attempt, and whether it is the last.

    Args:
        codes: (N, Z), float32.
        centroids: The centroids of the first attempt, and of the last.
        redraws: Number of attempts in between, each from K codes drawn at random.
        random: Draws the codes.
    """
    yield centroids, not redraws
    for _ in range(redraws):
        yield codes[np.sort(random.choice(len(codes), len(centroids), replace=False))], False
    # If the loss fell from no random start either, k-means is the best start. With K̂ ≫ K this is usual: q is nearly
    # uniform, and the loss so small that the steps of Adam, which do not depend on its scale, overshoot.
    yield centroids, True


@dataclass
class _Run:
    """One attempt: adaptation from given centroids."""

    mapping: Mapping
    start: NDArray[np.float32]
    settings: AdaptiveSettings
    random: np.random.Generator
    centroids: torch.Tensor = field(init=False)
    _best: tuple[float, Mapping, NDArray[np.float32]] | None = None

    def epochs(self, vectors: NDArray[np.float32], progress: Progress) -> Iterator[tuple[float, bool]]:
        """Yield the loss at the start of each epoch and at the end, and whether it fell in the first epoch."""
        import torch

        settings, n_vectors = self.settings, len(vectors)
        self.centroids = torch.from_numpy(self.start.copy()).requires_grad_(True)
        trained = [*self.mapping.network.requires_grad_(True).parameters(), self.centroids]
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
                rows.sort()  # so that memory-mapped vectors are read in the order of the file
                q = student_t(self.mapping.forward(vectors[rows]), self.centroids, alpha=settings.alpha)
                loss = divergence(torch.from_numpy(targets[rows]), q) / len(rows)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if epoch == 0:
                # with the targets of this epoch: the loss for those of the next, which are sharper, is higher
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
        mapping.network.requires_grad_(False)
        assignment = assign(mapping, centroids, vectors, alpha=settings.alpha)
        frequencies = assignment.sum(axis=0, dtype=np.float64)
        clusters = AdaptiveClusters(
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
        return replace(clusters, labels=clusters.probabilities(vectors).argmax(axis=1).astype(np.int64))

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
