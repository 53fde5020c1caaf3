"""Settings of RSN, the similarity of two instances, and the siamese network that learns it."""

from __future__ import annotations

from collections.abc import Mapping as NamedArrays
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.clustering.adaptive import Mapping, first_weights, fully_connected, linear
from relscout.clustering.neighbours import directions
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Numbers,
    Rate,
    Share,
    TrainedLayers,
    Width,
    numbers_of,
    settings_class,
)
from relscout.encoders.settings import Arithmetic
from relscout.methods.vectors import drawn
from relscout.training.stored import below

if TYPE_CHECKING:
    import torch


@settings_class
class RSNSettings:
    """Settings of the method ``rsn``."""

    reads: Literal["encoder", "words"] = "encoder"
    """What f is on: vectors of the ``encoder``, or a convolutional network on ``words`` that trains with f (paper)."""
    filters: Width = 230
    """Filters of that network, shared by the windows, at least 1; the dimensions of its vectors."""
    windows: Numbers = "3"
    """Words that a filter of it reads, joined by ``-``."""
    word_dimension: Width = 50
    """Dimensions of a word embedding, at least 1; that of ``word_vectors`` where they are given."""
    position_dimension: Width = 5
    """Dimensions of the embedding of a word's distance from the head, and from the tail; at least 1."""
    word_vectors: str = ""
    """Text file of word vectors to start from, such as GloVe's (paper); empty draws them all."""
    layers: Numbers = "64"
    """Widths of the fully connected layers of f, which maps the encoder's vector to a code, with ReLU between them."""
    start: Literal["directions", "random"] = "directions"
    """First weights of the first layer: strongest ``directions`` of all vectors, labelled or not, or ``random``."""
    trained_layers: TrainedLayers = 0
    """Layers of the encoder that train with them, counted from the highest that is read; 0 keeps it frozen."""
    epochs: AtLeast1 = 3
    """Epochs of training, at least 1."""
    pairs: AtLeast2 = 20_000
    """Labelled pairs drawn in each epoch, half of them of the same relation; at least 2."""
    batch: AtLeast2 = 256
    """Labelled pairs in a step, and as many unlabelled ones where these are used; at least 2."""
    learning_rate: AboveZero = 1e-4
    """Highest learning rate of f."""
    similarity_learning_rate: AboveZero = 1e-3
    """Highest learning rate of the weights w and c with which the similarity reads |f(a) − f(b)|."""
    encoder_learning_rate: AboveZero = 1e-4
    """Highest learning rate of the encoder's layers, where some train."""
    weight_decay: NotNegative = 0.01
    """Decoupled weight decay, at least 0."""
    dropout: Rate = 0.2
    """Dropout rate on |f(a) − f(b)| while training, in [0, 1); layers of the encoder keep their own."""
    warm_up: Share = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of encoder layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    entropy_weight: NotNegative = 1.0
    """Weight of the conditional entropy of unlabelled pairs, which makes predictions confident; 0 leaves it out."""
    adversarial_weight: NotNegative = 0.0
    """Weight of virtual adversarial training on labelled and unlabelled pairs; 0 leaves it out."""
    perturbation: AboveZero = 0.03
    """Length of its perturbation, as a share of the vector's own; above 0."""
    clustering: Literal["hac", "louvain"] = "hac"
    """How to reach a given number of relations: ``hac``, or ``louvain``, whose communities are merged."""
    linkage: Literal["average", "complete"] = "average"
    """Distance of two clusters for ``hac``: the ``average`` or the maximum (``complete``) of their members."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Lowest predicted similarity at which Louvain's graph joins two instances, in (0, 1)."""
    smallest_community: AtLeast1 = 5
    """Smallest size of a community that is a relation; instances of smaller ones join other relations; at least 1."""
    max_instances: AtLeast2 = 10_000
    """Most instances that HAC clusters, a sample if there are more; the others join its relations; at least 2."""
    max_joined: AtLeast2 = 2500
    """The same for Louvain, whose graph takes more memory; at least 2."""
    prototypes: AtLeast1 = 50
    """Most instances of a relation that others are compared with, drawn at random; at least 1."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of f's layers."""
        return numbers_of(self.layers)

    @property
    def window_widths(self) -> tuple[int, ...]:
        """The windows of the convolutional network, each once, from the narrowest."""
        return tuple(sorted(set(numbers_of(self.windows))))

    @property
    def semi_supervised(self) -> bool:
        """Whether training uses pairs of unlabelled instances."""
        return self.entropy_weight > 0 or self.adversarial_weight > 0


@dataclass(frozen=True)
class Similarity:
    """The siamese network: p(a, b) = σ(w · |f(a) − f(b)| + c).

    Args:
        mapping: f, from vectors of unit length.
        weight: w (Z,), float32.
        bias: c.
    """

    mapping: Mapping
    weight: NDArray[np.float32]
    bias: float

    def codes(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return f (N, Z), float32, of vectors of unit length (N, D)."""
        return self.mapping(vectors)

    def between(self, codes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return p of each code (N, Z) with each of others (M, Z): (N, M), float64, in (0, 1)."""
        from scipy.spatial.distance import cdist

        apart = np.zeros((len(codes), len(others)))
        for sign, columns, scale in self._parts():
            apart += sign * cdist(codes[:, columns] * scale, others[:, columns] * scale, "cityblock")
        return self._probability(apart)

    def among(self, codes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return p of each pair of codes (N (N − 1) / 2,), float64, in the order of SciPy's ``pdist``."""
        from scipy.spatial.distance import pdist

        apart = np.zeros(len(codes) * (len(codes) - 1) // 2)
        for sign, columns, scale in self._parts():
            apart += sign * pdist(codes[:, columns] * scale, "cityblock")
        return self._probability(apart)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields as arrays, for saving."""
        of_mapping = {f"mapping.{name}": array for name, array in self.mapping.arrays().items()}
        return {**of_mapping, "weight": self.weight, "bias": np.array([self.bias])}

    @classmethod
    def from_arrays(cls, arrays: NamedArrays[str, NDArray[Any]]) -> Similarity:
        """Return the similarity that :meth:`arrays` saved."""
        mapping = Mapping.from_arrays(below("mapping.", arrays))
        return cls(mapping, arrays["weight"], float(arrays["bias"][0]))

    def _parts(self) -> list[tuple[float, NDArray[np.int64], NDArray[np.float64]]]:
        """Return the two city-block distances whose difference is w · |a − b|: sign, columns and |w| of each."""
        weight = self.weight.astype(np.float64)
        signs = ((-1.0, np.flatnonzero(weight < 0)), (1.0, np.flatnonzero(weight > 0)))
        return [(sign, columns, np.abs(weight[columns])) for sign, columns in signs if len(columns)]

    def _probability(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import expit

        logits += self.bias
        expit(logits, out=logits)
        return logits


#: A standard deviation of logits below this comes from rounding.
_SMALLEST = 1e-6


class Network:
    """f and the similarity of two instances, on vectors h of unit length that are scaled to a mean square of 1.

    Args:
        vectors: Sample of the vectors to train on (N, D), float32, of unit length.
        settings: See :class:`RSNSettings`.
        seed: Random seed of the first weights.
        device: Device to train on; the CPU by default.

    Attributes:
        f: From scaled vectors h (B, D) to codes (B, Z).
        w: From |f(a) − f(b)| (P, Z) to logits (P, 1), with the bias c.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        *,
        settings: RSNSettings,
        seed: int,
        device: torch.device | None = None,
    ) -> None:
        import torch

        dimension = vectors.shape[1]
        self.scale, self.device = dimension**0.5, device or torch.device("cpu")
        stream = torch.Generator().manual_seed(int(generator(seed, "first weights").integers(2**62)))
        widths = (dimension, *settings.widths)
        layers = list(first_weights(widths, "xavier", stream))
        if settings.start == "directions":
            strongest = directions(drawn(vectors, generator(seed, "directions")), widths[1])
            layers[0][0][: len(strongest)] = torch.from_numpy(strongest).float()
        self.f = fully_connected(layers).to(self.device)
        # before training, the similarity is the negative mean distance
        nearness = torch.full((1, widths[-1]), -1 / widths[-1])
        self.w = linear(nearness, torch.zeros(1)).to(self.device)

    def balance(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """Set w and c so that the logits of some pairs, (P, D) each, have mean 0 and variance 1.

        Without it, c would fit the distances only after most of the training.
        """
        import torch

        with torch.no_grad():
            logits = self.logit(self.f(left), self.f(right))
            spread = float(logits.std()) if len(logits) > 1 else 0.0
            self.w.weight /= spread if spread > _SMALLEST else 1.0
            self.w.bias.copy_(-self.logit(self.f(left), self.f(right)).mean())

    def logit(self, left: torch.Tensor, right: torch.Tensor, *, dropout: float = 0.0) -> torch.Tensor:
        """Return w · |f(a) − f(b)| + c (P,) for the codes of pairs, (P, Z) each; ``dropout`` is the rate."""
        from torch.nn import functional

        # dropout on the difference: on each side, it would make all pairs more distant than in prediction
        apart = functional.dropout((left - right).abs(), dropout)  # (P, Z)
        logits: torch.Tensor = self.w(apart)[:, 0]
        return logits

    def similarity(self) -> Similarity:
        """Return a copy of the trained similarity, on the CPU."""
        weight, bias = (parameter.detach().cpu().numpy().copy() for parameter in self.w.parameters())
        mapping = Mapping(deepcopy(self.f).cpu().requires_grad_(False), self.scale)
        return Similarity(mapping, weight[0], float(bias[0]))
