"""A denoising autoencoder, whose encoder half maps vectors to codes (SelfORE eq. 3–6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as NamedArrays
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive_settings import AdaptiveSettings
from relscout.clustering.lloyd import check_finite
from relscout.errors import InputError, SettingError
from relscout.progress import Progress, silent
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch

_CHUNK = 8192
_NORMAL_STD = 0.01


class Mapping:
    """Fully connected layers from vectors to codes, with ReLU between them: z = g(scale · h).

    Args:
        weights: Of each layer the weight (out, in) and the bias (out,), torch float32.
        scale: Brings the vectors to a mean square of 1, for which the papers' constants are meant.
    """

    def __init__(self, weights: Sequence[tuple[torch.Tensor, torch.Tensor]], scale: float) -> None:
        self.weights = list(weights)
        self.scale = scale

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return codes (N, Z), float32, of vectors (N, D), float32."""
        import torch

        codes = np.empty((len(vectors), len(self.weights[-1][1])), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(vectors), _CHUNK):
                codes[start : start + _CHUNK] = self.forward(vectors[start : start + _CHUNK]).numpy()
        return codes

    def forward(self, vectors: NDArray[np.float32]) -> torch.Tensor:
        """Return codes (B, Z), from which gradients reach the weights."""
        import torch

        return through(torch.from_numpy(np.asarray(vectors) * np.float32(self.scale)), self.weights)

    def parameters(self) -> Iterator[torch.Tensor]:
        """Yield weights and biases."""
        for weight, bias in self.weights:
            yield weight
            yield bias

    def copy(self) -> Mapping:
        """Return a mapping of its own with the same weights."""
        return Mapping([(w.detach().clone(), b.detach().clone()) for w, b in self.weights], self.scale)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        found: dict[str, NDArray[Any]] = {"scale": np.array([self.scale], dtype=np.float64)}
        for number, (weight, bias) in enumerate(self.weights):
            found |= {f"weight.{number}": weight.detach().numpy(), f"bias.{number}": bias.detach().numpy()}
        return found

    @classmethod
    def from_arrays(cls, arrays: NamedArrays[str, NDArray[Any]]) -> Mapping:
        """Build a mapping from what :meth:`arrays` gave."""
        import torch

        count = sum(name.startswith("weight.") for name in arrays)
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        layers = [(tensors[f"weight.{number}"], tensors[f"bias.{number}"]) for number in range(count)]
        return cls(layers, float(arrays["scale"][0]))


@dataclass(frozen=True)
class Pretrained:
    """A trained autoencoder.

    Args:
        mapping: Its encoder half.
        losses: Mean squared error of each epoch, per dimension of the scaled vectors; 1 is as good as nothing.
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
    """Train a denoising autoencoder to give vectors back (SelfORE eq. 3–6).

    Args:
        vectors: (N, D) float32; may be memory-mapped.
        settings: See :class:`AdaptiveSettings`.
        seed: Draws first weights, noise and batches.
        progress: Told the epochs done, stage ``"autoencoder"``.

    Raises:
        InputError: There are no vectors, or some are not finite.
        SettingError: The loss is no longer a number.
    """
    import torch

    settings = settings or AdaptiveSettings()
    if not len(vectors):
        raise InputError("there are no vectors to learn a mapping from")
    check_finite(vectors)
    random = generator(seed, "autoencoder")
    dice = torch.Generator().manual_seed(int(random.integers(2**62)))
    widths = (vectors.shape[1], *settings.widths)
    down = [first_layer(n_in, n_out, settings.initial, dice) for n_in, n_out in pairwise(widths)]
    up = [first_layer(n_in, n_out, settings.initial, dice) for n_in, n_out in pairwise(widths[::-1])]
    mapping = Mapping(down, _scale(vectors))
    trained = [tensor.requires_grad_(True) for layer in (*down, *up) for tensor in layer]
    optimizer = torch.optim.Adam(
        trained, lr=settings.autoencoder_learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    n_batches = -(-len(vectors) // settings.autoencoder_batch)
    n_epochs = max(settings.autoencoder_epochs, -(-settings.autoencoder_steps // n_batches))
    losses = []
    for epoch in range(n_epochs):
        progress("autoencoder", epoch, n_epochs)
        total = 0.0
        for rows in np.array_split(random.permutation(len(vectors)), n_batches):
            rows.sort()
            given = torch.from_numpy(np.asarray(vectors[rows]) * np.float32(mapping.scale))  # (B, D)
            codes = through(_noised(given, settings.noise, dice), down)  # (B, Z)
            loss = (through(_noised(codes, settings.noise, dice), up) - given).square().mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(vectors))
        if not np.isfinite(losses[-1]):
            raise SettingError(
                f"the autoencoder diverged: its loss is {losses[-1]}; lower autoencoder_learning_rate, now "
                f"{settings.autoencoder_learning_rate}"
            )
    progress("autoencoder", n_epochs, n_epochs)
    for tensor in trained:
        tensor.requires_grad_(False)
    return Pretrained(mapping, tuple(losses))


def first_layer(
    n_in: int, n_out: int, initial: str, dice: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return first weights (out, in), ``normal`` (N(0, 0.01²)) or ``xavier``, and a bias (out,) of zeros."""
    import torch

    std = _NORMAL_STD if initial == "normal" else (2 / (n_in + n_out)) ** 0.5
    return std * torch.randn((n_out, n_in), generator=dice), torch.zeros(n_out)


def through(
    states: torch.Tensor, layers: Sequence[tuple[torch.Tensor, torch.Tensor]], *, slope: float = 0.0
) -> torch.Tensor:
    """Return what fully connected layers make of states (B, D), with ReLU between them.

    Args:
        states: What goes in.
        layers: Weight and bias of each layer.
        slope: Of the ReLU below 0; above 0 it is a leaky one.
    """
    from torch.nn.functional import leaky_relu, linear

    for number, (weight, bias) in enumerate(layers):
        if number:
            states = leaky_relu(states, slope) if slope else states.relu()
        states = linear(states, weight, bias)
    return states


def _noised(states: torch.Tensor, rate: float, dice: torch.Generator) -> torch.Tensor:
    """Dropout with numbers of our own, so that the rest of the program's are left alone."""
    import torch

    if not rate:
        return states
    kept = torch.rand(states.shape, generator=dice) >= rate
    return states * kept / (1 - rate)


def _scale(vectors: NDArray[np.float32]) -> float:
    total = sum(
        float(np.square(vectors[start : start + _CHUNK], dtype=np.float64).sum())
        for start in range(0, len(vectors), _CHUNK)
    )
    return (vectors.size / total) ** 0.5 if total > 0 else 1.0
