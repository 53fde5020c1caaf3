"""What RoCORE trains: the mapping g with d, the two classifiers, and the encoder's output layer, under one Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.autoencoder import first_layer, through
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.rocore.settings import RoCORESettings
from relscout.seeding import generator
from relscout.training.memory import memory, restore_memory

if TYPE_CHECKING:
    import torch

#: Standard deviation of the classifiers' first weights, BERT's own.
_HEAD_STD = 0.02
_CHUNK = 4096

#: Weight and bias of each layer.
Layers = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]


class Network:
    """Mapping, classifiers and encoder, with one optimizer.

    One step of Adam on the sum of L_CLS and L_C does what the two steps of Algorithm 1 do one after the other: L_C is
    computed on an h that is a constant, so that neither loss reaches the parameters of the other.

    Args:
        encoder: f, whose output layer trains.
        n_known: Outputs of η_l: the pre-defined relations, and in incremental learning the novel ones behind them.
        n_novel: Outputs of η_u.
        settings: See :class:`RoCORESettings`.
        seed: Draws the first weights.

    Attributes:
        encoder: f.
        optimizer: Adam.
    """

    def __init__(
        self, encoder: TunableEncoder, n_known: int, n_novel: int, *, settings: RoCORESettings, seed: int
    ) -> None:
        import torch

        self.encoder = encoder
        self._slope = settings.slope
        random = generator(seed, "first weights")
        dice = torch.Generator().manual_seed(int(random.integers(2**62)))
        widths = (encoder.dimension, *settings.widths)
        first = {
            "g": [first_layer(n_in, n_out, settings.initial, dice) for n_in, n_out in pairwise(widths)],
            "d": [first_layer(n_in, n_out, settings.initial, dice) for n_in, n_out in pairwise(widths[::-1])],
        }
        for part, n_out in (("known", n_known), ("novel", n_novel)):
            weight = _HEAD_STD * torch.randn((n_out, encoder.dimension), generator=dice)
            first[part] = [(weight, torch.zeros(n_out))]
        self._layers = {
            part: [
                (w.to(encoder.device).requires_grad_(True), b.to(encoder.device).requires_grad_(True))
                for w, b in layers
            ]
            for part, layers in first.items()
        }
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(encoder.parameters()), "lr": settings.encoder_learning_rate},
                {"params": [tensor for _, tensor in self._named()], "lr": settings.learning_rate},
            ],
            fused=True,
        )

    def code(self, h: torch.Tensor) -> torch.Tensor:
        """Return h′ = g(h) (B, Z)."""
        return through(h, self._layers["g"], slope=self._slope)

    def restore(self, code: torch.Tensor) -> torch.Tensor:
        """Return d(h′) (B, D)."""
        return through(code, self._layers["d"], slope=self._slope)

    def known(self, h: torch.Tensor) -> torch.Tensor:
        """Return the scores of η_l (B, n_known)."""
        return through(h, self._layers["known"])

    def novel(self, h: torch.Tensor) -> torch.Tensor:
        """Return the scores of η_u (B, n_novel)."""
        return through(h, self._layers["novel"])

    def h(self, vectors: NDArray[np.float32]) -> torch.Tensor:
        """Return vectors of the encoder as h (B, D): on its device, and scaled to a mean square of 1."""
        import torch

        return torch.from_numpy(np.asarray(vectors)).to(self.encoder.device) * self.encoder.scale

    def codes(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return g(h) (M, Z), float32, of vectors of the encoder (M, D)."""
        return _in_chunks(lambda rows: self.code(self.h(rows)), vectors)

    def novel_scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scores of η_u (M, n_novel), float32, of vectors of the encoder (M, D)."""
        return _in_chunks(lambda rows: self.novel(self.h(rows)), vectors)

    def penalty(self) -> torch.Tensor:
        """Return the summed squares of the weights of g and d, biases not counted, a scalar."""
        import torch

        return torch.stack([w.square().sum() for w, _ in (*self._layers["g"], *self._layers["d"])]).sum()

    def head(self, part: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a copy of weight and bias of the classifier ``known`` or ``novel``."""
        ((weight, bias),) = self._layers[part]
        return weight.detach().cpu().numpy().copy(), bias.detach().cpu().numpy().copy()

    def mapping(self) -> Layers:
        """Return a copy of weight and bias of each layer of g."""
        return [
            (w.detach().cpu().numpy().copy(), b.detach().cpu().numpy().copy()) for w, b in self._layers["g"]
        ]

    def parts(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of all weights as arrays, those of the encoder under ``encoder.``."""
        found = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self._named()}
        return found | {f"encoder.{name}": array for name, array in self.encoder.weights().items()}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return everything that is needed to go on, as arrays."""
        return self.parts() | memory(self.optimizer)

    def load(self, arrays: Mapping[str, NDArray[Any]], *, goes_on: bool = True) -> None:
        """Take over what :meth:`arrays` gave, or :meth:`parts` where training does not go on."""
        import torch

        self.encoder.load(
            {name.removeprefix("encoder."): a for name, a in arrays.items() if name.startswith("encoder.")}
        )
        with torch.no_grad():
            for name, tensor in self._named():
                tensor.copy_(torch.from_numpy(np.asarray(arrays[name])))
        if goes_on:
            restore_memory(self.optimizer, arrays)

    def _named(self) -> Iterator[tuple[str, torch.Tensor]]:
        for part, layers in self._layers.items():
            for number, (weight, bias) in enumerate(layers):
                yield f"{part}.{number}.weight", weight
                yield f"{part}.{number}.bias", bias


def mapped(
    vectors: NDArray[np.float32], layers: Layers, *, scale: float, slope: float
) -> NDArray[np.float32]:
    """Return g(h) (M, Z), float32, of vectors of the encoder (M, D), with the layers of a :meth:`Network.mapping`.

    Args:
        vectors: What is mapped.
        layers: Those of g.
        scale: Factor that makes h of a vector.
        slope: Slope of the ReLU below 0.
    """
    import torch

    weights = [(torch.from_numpy(w), torch.from_numpy(b)) for w, b in layers]
    return _in_chunks(
        lambda rows: through(torch.from_numpy(np.asarray(rows)) * scale, weights, slope=slope), vectors
    )


def _in_chunks(
    compute: Callable[[NDArray[np.float32]], torch.Tensor], vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        found = [
            compute(vectors[start : start + _CHUNK]).cpu().numpy() for start in range(0, len(vectors), _CHUNK)
        ]
    return np.concatenate(found)
