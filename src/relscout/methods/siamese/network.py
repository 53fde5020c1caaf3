"""What Siamese URE trains: the encoder f, the mappings g and d, and the head Φ, under one optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.siamese.settings import SiameseSettings
from relscout.seeding import generator
from relscout.training.memory import memory, restore_memory

if TYPE_CHECKING:
    import torch

_MOMENTUM = 0.9


class Network:
    """Encoder, mappings and head, with one optimizer.

    The mappings are those of SimSiam (Chen, He: "Exploring Simple Siamese Representation Learning", CVPR 2021) with
    normalised layers: g has three, each normalised, and no ReLU behind the last; d has two, the hidden one normalised.

    Args:
        encoder: f.
        n_clusters: Outputs C of Φ, linear on h.
        settings: See :class:`SiameseSettings`.
        seed: Draws the first weights.
    """

    def __init__(
        self, encoder: TunableEncoder, n_clusters: int, *, settings: SiameseSettings, seed: int
    ) -> None:
        import torch
        from torch.nn import BatchNorm1d, LayerNorm, Linear, ReLU, Sequential

        norm = (
            LayerNorm
            if settings.normalisation == "layer"
            else partial(BatchNorm1d, track_running_stats=False)
        )
        self.encoder = encoder
        self.n_clusters = n_clusters
        self._settings = settings
        width, dimension = settings.projector_width or encoder.dimension, encoder.dimension
        hidden = settings.predictor_width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator(seed, "first weights").integers(2**62)))
            parts = {"head": Sequential(Linear(dimension, n_clusters))}
            if settings.mlps:
                parts["g"] = Sequential(
                    *(Linear(dimension, width), norm(width), ReLU()),
                    *(Linear(width, width), norm(width), ReLU()),
                    *(Linear(width, width), norm(width)),
                )
                parts["d"] = Sequential(*(Linear(width, hidden), norm(hidden), ReLU()), Linear(hidden, width))
        self._parts = {name: part.to(encoder.device) for name, part in parts.items()}
        groups = [
            {"params": list(encoder.parameters()), "lr": settings.encoder_learning_rate},
            {"params": [tensor for _, tensor in self._named()], "lr": settings.learning_rate},
        ]
        decay = settings.weight_decay
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(groups, momentum=_MOMENTUM, weight_decay=decay)
            if settings.optimizer == "sgd"
            else torch.optim.AdamW(groups, weight_decay=decay, fused=True)
        )

    def h(self, prepared: Prepared, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return a view of some contents (B, D), scaled to a mean square of 1: dropout draws anew in every call."""
        from torch.nn.functional import dropout

        return dropout(self.encoder(prepared, contents) * self.encoder.scale, self._settings.vector_dropout)

    def mapped(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return g and d of a view (B, D) (eq. 4); without the mappings, h itself twice."""
        if not self._settings.mlps:
            return h, h
        g = self._parts["g"](h)
        return g, self._parts["d"](g)

    def clusters(self, h: torch.Tensor) -> torch.Tensor:
        """Return the scores of the clusters (…, C), whose softmax is Φ."""
        found: torch.Tensor = self._parts["head"](h)
        return found

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return everything that is needed to go on, as arrays."""
        found = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self._named()}
        found |= {f"encoder.{name}": array for name, array in self.encoder.weights().items()}
        return found | memory(self.optimizer)

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`arrays` gave."""
        import torch

        self.encoder.load(
            {name.removeprefix("encoder."): a for name, a in arrays.items() if name.startswith("encoder.")}
        )
        with torch.no_grad():
            for name, tensor in self._named():
                tensor.copy_(torch.from_numpy(np.asarray(arrays[name])))
        restore_memory(self.optimizer, arrays)

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        for part, module in self._parts.items():
            for name, tensor in module.named_parameters():
                yield f"{part}.{name}", tensor
