"""Settings, batches and networks of RoCORE: the encoder f, the mappings g and d, and the classifiers η_l and η_u."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive import first_weights, fully_connected, linear
from relscout.clustering.kmeans import Start
from relscout.core.errors import SettingError
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Numbers,
    Share,
    TrainedLayers,
    numbers_of,
    settings_class,
)
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.training.checkpointing import TrainingState
from relscout.training.loop import batches_by_length

if TYPE_CHECKING:
    import torch


#: Slope below 0 of the released code's LeakyReLU, that of torch.
_SLOPE = 0.01


@settings_class
class RoCORESettings:
    """Settings of the method ``rocore``; what the paper says stands in each description."""

    center: bool = True
    """The centre loss, eq. 4 (Table 3: w/o center loss)."""
    reconstruction: bool = True
    """The reconstruction loss, eq. 6 (Table 3: w/o reconstruction); without it there is no pre-training."""
    cross_entropy: bool = True
    """The cross entropy on pre-defined relations, eq. 15 (Table 3: w/o CE)."""
    incremental: bool = False
    """One classifier η_l for pre-defined and novel relations together (section 3.5.2, eq. 17)."""
    n_clusters: AtLeast0 = 0
    """Pseudo labels and outputs of η_u, at least as many as novel relations, into which they are merged; 0: as many."""
    layers: Numbers = "512-512-256"
    """Widths of the mapping g, the code last; d mirrors it (paper: 512-512-256)."""
    activation: Literal["relu", "leaky-relu"] = "relu"
    """Between the layers of g and d: ``relu`` (paper) or ``leaky-relu`` (released code)."""
    initial: Literal["xavier", "normal"] = "xavier"
    """First weights of g and d: ``normal`` (N(0, 0.01²)) or ``xavier``; the paper says nothing."""
    reconstruction_scale: Literal["mean", "sum"] = "mean"
    """Reconstruction error ``mean`` over the dimensions (released code), or half the ``sum`` over them (eq. 6)."""
    reconstruction_of: Literal["average", "labeled", "sum"] = "average"
    """Reconstructed side: ``labeled`` (eq. 6), ``sum`` of both, or their ``average``, half of each (released code)."""
    center_weight: NotNegative = 0.005
    """λ, weight of the centre loss, at least 0 (paper: 0.005 on FewRel); means other things to ``mean`` and ``sum``."""
    weight_penalty: NotNegative = 0.0
    """Factor of the summed squares of the weights of g and d, at least 0 (released code: 1e-5; not in the paper)."""
    pretrain_epochs: AtLeast0 = 10
    """Epochs L in which only g and d train, at least 0 (paper: 10)."""
    pretrain_steps: AtLeast0 = 1000
    """Least steps of these, so that small corpora get more epochs; 0 for the epochs alone (paper)."""
    pretrain_plateau: Share = 0.0
    """Share, such as 0.01: end these additional epochs when three of them lower the loss by less; 0 never ends them."""
    pretrain_center: bool = False
    """Whether the centre loss acts in pre-training, too (released code); Algorithm 1 has reconstruction only."""
    start: Start = "neighbours"
    """Where k-means on the codes starts: ``consensus`` or ``neighbours`` (see kmeans), or ``k-means++``, 10 times."""
    fresh_starts: AtLeast1 = 5
    """Clusterings that start anew, at least 1; later ones start at the clusters before (released code: all anew)."""
    margin: AboveZero = 2.0
    """σ, the divergence that two instances of different clusters should have, above 0, in nats (paper: 2)."""
    batch: AtLeast2 = 100
    """Instances of each side in a step, at least 2 (paper: 100)."""
    epochs: AtLeast1 = 30
    """Most epochs of joint training, at least 1 (released code: 100, pre-training counted)."""
    epoch_steps: AtLeast0 = 50
    """Least steps of an epoch, so that a small corpus is passed several times; 0 for one pass (paper)."""
    learning_rate: AboveZero = 1e-4
    """Learning rate of Adam for g, d and the classifiers (paper: 1e-4)."""
    encoder_learning_rate: AboveZero = 1e-4
    """Learning rate of Adam for the encoder (paper: 1e-4)."""
    trained_layers: TrainedLayers = 1
    """Layers of the encoder that train, counted from the highest that is read (paper: 1); -1 for the whole encoder."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    stop_change: Share = 0.04
    """End when fewer than this share of the predictions change, in [0, 1]; 0 never ends early. Uses no labels."""
    patience: AtLeast1 = 3
    """Epochs in a row for which that must hold, at least 1."""
    select: Literal["agreement", "last"] = "agreement"
    """Epoch that is kept: the ``last``, or that of the highest ``agreement`` of predictions and clusters."""
    ramp_up_weight: NotNegative = 1.0
    """μ₀, weight of the novel relations in the one classifier, at least 0 (paper: 1; released code: 0.05)."""
    ramp_up_epochs: AtLeast1 = 10
    """T, epochs until it has that weight, at least 1 (paper: 10; released code: 50); no earlier one is kept."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        if self.incremental and not self.cross_entropy:
            raise SettingError(
                "incremental is true but cross_entropy is false: the classifier for all relations learns by it; "
                "switch one of them"
            )

    @property
    def slope(self) -> float:
        """Slope of the activation below 0."""
        return _SLOPE if self.activation == "leaky-relu" else 0.0

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of g, the code last."""
        return numbers_of(self.layers)


#: Rows of the unlabelled and of the labelled contents in a step.
Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Sides:
    """The instances of D_u and D_l. Instances that read the same are one content, which is encoded once.

    Args:
        unlabeled: D_u, N instances of M contents.
        labeled: D_l, each content once.
        classes: Relation of each labelled content, int64, from 0.
        n_known: Number of pre-defined relations C_l.
        n_novel: Number of outputs of η_u: C_u, or the number of pseudo labels if there are more.
    """

    unlabeled: Prepared
    labeled: Prepared
    classes: NDArray[np.int64]
    n_known: int
    n_novel: int

    @classmethod
    def of(cls, unlabeled: Prepared, labeled: Prepared, classes: NDArray[np.int64], n_novel: int) -> Self:
        """Return both sides; ``classes`` are the relations of the labelled instances."""
        return cls(unlabeled, labeled, _of_contents(labeled, classes), int(classes.max()) + 1, n_novel)

    def pseudo_labels(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the label of each unlabelled content (M,).

        Args:
            labels: Labels of the instances (N,).
        """
        return _of_contents(self.unlabeled, labels)

    def batches(self, size: int, random: np.random.Generator, *, least: int = 1) -> list[Pair]:
        """Return at least ``least`` pairs of batches, in whole passes over the unlabelled side.

        The labelled side provides as many batches, from several passes if needed.
        """
        unlabeled = _pass(self.unlabeled, size, random)
        for _ in range(-(-least // len(unlabeled)) - 1):
            unlabeled += _pass(self.unlabeled, size, random)
        labeled: list[NDArray[np.int64]] = []
        while len(labeled) < len(unlabeled):
            labeled += _pass(self.labeled, size, random)
        return list(zip(unlabeled, labeled[: len(unlabeled)], strict=True))


def _pass(side: Prepared, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    count = len(side.lengths)
    n_batches = -(-count // size)
    return batches_by_length(side.lengths, -(-count // n_batches), random)


def _of_contents(prepared: Prepared, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    of_contents = np.empty(len(prepared.lengths), dtype=np.int64)
    of_contents[prepared.row_of] = labels
    return of_contents


#: Standard deviation of the classifiers' first weights, BERT's own.
_HEAD_STD = 0.02
_CHUNK = 4096


class Network:
    """The encoder, the mappings and the classifiers, with one optimizer.

    Algorithm 1 has a step for L_CLS and one for L_C. Here, one step of Adam on their sum is equivalent: L_C is computed
    on a constant h, so neither loss reaches the parameters of the other.

    Args:
        encoder: f.
        n_known: Number of outputs of η_l: pre-defined relations, and in incremental learning the novel ones after them.
        n_novel: Number of outputs of η_u.
        settings: See :class:`RoCORESettings`.
        seed: Random seed of the first weights.

    Attributes:
        encoder: f, with vectors (B, D).
        g: The mapping from h (B, D) to codes h′ (B, Z).
        d: The mapping back from h′ to h (B, D).
        known: η_l, from h to scores (B, n_known).
        novel: η_u, from h to scores (B, n_novel).
        pretrained: A copy of g after pre-training; before, with its first weights.
        state: All weights and the optimizer.
    """

    def __init__(
        self, encoder: TunableEncoder, n_known: int, n_novel: int, *, settings: RoCORESettings, seed: int
    ) -> None:
        import torch

        self.encoder = encoder
        stream = torch.Generator().manual_seed(int(generator(seed, "first weights").integers(2**62)))
        widths = (encoder.dimension, *settings.widths)

        def mapping(widths: Sequence[int]) -> torch.nn.Sequential:
            weights = first_weights(widths, settings.initial, stream)
            return fully_connected(weights, slope=settings.slope).to(encoder.device)

        def classifier(n_out: int) -> torch.nn.Linear:
            weight = _HEAD_STD * torch.randn((n_out, encoder.dimension), generator=stream)
            return linear(weight, torch.zeros(n_out)).to(encoder.device)

        self.g, self.d = mapping(widths), mapping(widths[::-1])
        self.known, self.novel = classifier(n_known), classifier(n_novel)
        self.pretrained = deepcopy(self.g)
        parts = {"g": self.g, "d": self.d, "known": self.known, "novel": self.novel}
        trained = [parameter for part in parts.values() for parameter in part.parameters()]
        optimizer = torch.optim.Adam(
            [
                {"params": list(encoder.parameters()), "lr": settings.encoder_learning_rate},
                {"params": trained, "lr": settings.learning_rate},
            ],
            fused=True,
        )
        self.state = TrainingState({"encoder": encoder, **parts, "pretrained": self.pretrained}, optimizer)

    def penalty(self) -> torch.Tensor:
        """Return the sum of the squared weights of g and d, without biases, a scalar."""
        import torch

        parameters = (*self.g.parameters(), *self.d.parameters())
        return torch.stack([weight.square().sum() for weight in parameters if weight.ndim == 2]).sum()


def scaled(vectors: NDArray[np.float32], scale: float, device: torch.device) -> torch.Tensor:
    """Return h (B, D), of mean square 1, for vectors of the encoder (B, D)."""
    import torch

    return torch.from_numpy(np.asarray(vectors)).to(device) * scale


def outputs(network: torch.nn.Module, vectors: NDArray[np.float32], *, scale: float) -> NDArray[np.float32]:
    """Return the codes (M, Z) of g, or the scores (M, C) of a classifier, float32, without gradients.

    Args:
        network: g or a classifier.
        vectors: Vectors of the encoder (M, D), float32.
        scale: Factor between a vector and h.
    """
    import torch

    device = next(network.parameters()).device
    with torch.inference_mode():
        chunks = [
            network(scaled(vectors[start : start + _CHUNK], scale, device)).cpu().numpy()
            for start in range(0, len(vectors), _CHUNK)
        ]
    return np.concatenate(chunks)
