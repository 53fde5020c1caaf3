"""What trains: f, the similarity and, where asked for, the encoder's top layers."""

from __future__ import annotations

from collections.abc import Mapping as NamedArrays
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.autoencoder import Mapping, first_layer, through
from relscout.clustering.projection import directions
from relscout.methods.rsn.settings import RSNSettings
from relscout.methods.rsn.similarity import Similarity
from relscout.methods.vectors import drawn
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch

#: A spread of logits below this is rounding.
_SMALLEST = 1e-6


class Network:
    """f and the similarity of two instances, on vectors h of unit length that are scaled to a mean square of 1.

    Args:
        vectors: Vectors of unit length that are like those to come (N, D), float32.
        settings: See :class:`RSNSettings`.
        seed: Draws the first weights.
        device: Where it trains, the CPU where left out.
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
        dice = torch.Generator().manual_seed(int(generator(seed, "first weights").integers(2**62)))
        widths = (dimension, *settings.widths)
        layers = [first_layer(n_in, n_out, "xavier", dice) for n_in, n_out in pairwise(widths)]
        if settings.start == "directions":
            found = torch.from_numpy(directions(drawn(vectors, generator(seed, "directions")), widths[1]))
            layers[0][0][: len(found)] = found.float()
        # training begins with what is sure: the farther apart, the less alike
        layers.append((torch.full((widths[-1],), -1 / widths[-1]), torch.zeros(1)))
        trained = [
            (w.to(self.device).requires_grad_(True), b.to(self.device).requires_grad_(True))
            for w, b in layers
        ]
        self._layers, (self._weight, self._bias) = trained[:-1], trained[-1]

    def balance(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """Set w and c so that on some pairs (P, D) the logits have mean 0 and variance 1.

        Without it most of the training would go by until c fits the distances.
        """
        import torch

        with torch.no_grad():
            logits = self.logit(self.code(left), self.code(right))
            spread = float(logits.std()) if len(logits) > 1 else 0.0
            self._weight /= spread if spread > _SMALLEST else 1.0
            self._bias.copy_(-self.logit(self.code(left), self.code(right)).mean())

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """What trains, by name."""
        found = {"weight": self._weight, "bias": self._bias}
        for number, (weight, bias) in enumerate(self._layers):
            found |= {f"layer.{number}.weight": weight, f"layer.{number}.bias": bias}
        return found

    @property
    def of_similarity(self) -> list[torch.Tensor]:
        """W and c."""
        return [self._weight, self._bias]

    @property
    def of_f(self) -> list[torch.Tensor]:
        """Weights and biases of f."""
        return [tensor for layer in self._layers for tensor in layer]

    def code(self, h: torch.Tensor) -> torch.Tensor:
        """Return f(h) (B, Z) of scaled vectors (B, D)."""
        return through(h, self._layers)

    def logit(self, left: torch.Tensor, right: torch.Tensor, *, dropout: float = 0.0) -> torch.Tensor:
        """Return w · |f(a) − f(b)| + c (P,) of the codes of pairs (P, Z); ``dropout`` leaves out dimensions."""
        from torch.nn import functional

        # on the difference: noise of each side's own would put all pairs farther apart than they are later
        apart = functional.dropout((left - right).abs(), dropout)
        return apart @ self._weight + self._bias

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of what trains as arrays."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.parameters.items()}

    def load(self, arrays: NamedArrays[str, NDArray[Any]]) -> None:
        """Take over what :meth:`arrays` gave."""
        import torch

        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(torch.from_numpy(np.asarray(arrays[name])))

    def similarity(self) -> Similarity:
        """Return what was learnt, apart from torch."""
        layers = [(w.detach().cpu().clone(), b.detach().cpu().clone()) for w, b in self._layers]
        weight = self._weight.detach().cpu().numpy().astype(np.float32)
        return Similarity(Mapping(layers, self.scale), weight, float(self._bias.detach().cpu()))
