"""What trains: f, the similarity and, where asked for, the encoder's top layers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from relscout.clustering.autoencoder import Mapping, first_layer, through
from relscout.methods.rsn.settings import RSNSettings
from relscout.methods.rsn.similarity import Similarity
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch


class Network:
    """f and the similarity of two instances, on vectors h of unit length that are scaled to a mean square of 1.

    Args:
        dimension: Number of dimensions D of h.
        settings: See :class:`RSNSettings`.
        seed: Draws the first weights.
        device: Where it trains.
    """

    def __init__(self, dimension: int, *, settings: RSNSettings, seed: int, device: torch.device) -> None:
        import torch

        self.scale = dimension**0.5
        dice = torch.Generator().manual_seed(int(generator(seed, "rsn weights").integers(2**62)))
        widths = (dimension, *settings.widths)
        layers = [first_layer(n_in, n_out, "xavier", dice) for n_in, n_out in pairwise(widths)]
        # training begins with what is sure: the farther apart, the less alike
        layers.append((torch.full((widths[-1],), -1 / widths[-1]), torch.zeros(())))
        trained = [(w.to(device).requires_grad_(True), b.to(device).requires_grad_(True)) for w, b in layers]
        self._layers, (self._weight, self._bias) = trained[:-1], trained[-1]

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """What trains, by name."""
        found = {"weight": self._weight, "bias": self._bias}
        for number, (weight, bias) in enumerate(self._layers):
            found |= {f"layer.{number}.weight": weight, f"layer.{number}.bias": bias}
        return found

    def code(self, h: torch.Tensor) -> torch.Tensor:
        """Return f(h) (B, Z) of scaled vectors (B, D)."""
        return through(h, self._layers)

    def logit(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Return w · |f(a) − f(b)| + c (P,) of the codes of pairs (P, Z)."""
        return (left - right).abs() @ self._weight + self._bias

    def similarity(self) -> Similarity:
        """Return what was learnt, apart from torch."""
        layers = [(w.detach().cpu().clone(), b.detach().cpu().clone()) for w, b in self._layers]
        weight = self._weight.detach().cpu().numpy().astype(np.float32)
        return Similarity(Mapping(layers, self.scale), weight, float(self._bias.detach().cpu()))
