"""Training of the siamese network on labelled pairs and, where asked for, on unlabelled ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.rsn.network import Network
from relscout.methods.rsn.objectives import adversarial_divergence, conditional_entropy
from relscout.methods.rsn.pairs import LabelledPairs, Pairs, Rows, unlabelled_pairs
from relscout.methods.rsn.settings import RSNSettings
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.loop import train

if TYPE_CHECKING:
    import torch

#: From contents (B,) to their vectors h (B, D), scaled to a mean square of 1.
Represent = Callable[[Rows], "torch.Tensor"]


def frozen(vectors: NDArray[np.float32], network: Network) -> Represent:
    """Represent contents by vectors of unit length that do not change (M, D), float32."""
    import torch

    def represent(rows: Rows) -> torch.Tensor:
        return torch.from_numpy(np.asarray(vectors[rows]) * np.float32(network.scale))

    return represent


def trained(encoder: TunableEncoder, prepared: Prepared, network: Network) -> Represent:
    """Represent contents by what an encoder in training gives for them."""
    from torch.nn.functional import normalize

    def represent(rows: Rows) -> torch.Tensor:
        encoder.train(True)
        h: torch.Tensor = normalize(encoder(prepared, rows), dim=1) * network.scale
        return h

    return represent


@dataclass(frozen=True)
class Material:
    """What is learnt from, as contents of a :data:`Represent`.

    Args:
        labelled: Content of each labelled instance (N,).
        pairs: Pairs of labelled instances.
        unlabelled: Contents of the unlabelled instances, each once; looked at in semi-supervised training only.
    """

    labelled: Rows
    pairs: LabelledPairs
    unlabelled: Rows

    def drawn(self, settings: RSNSettings, random: np.random.Generator) -> list[tuple[Pairs, Pairs]]:
        """Return labelled and unlabelled pairs of each step of an epoch, as contents."""
        n_steps = max(1, round(settings.pairs / settings.batch))
        places = self.pairs.draw(settings.pairs, random)
        known = Pairs(self.labelled[places.left], self.labelled[places.right], places.same)
        rows = self.unlabelled if settings.semi_supervised else self.unlabelled[:0]
        unknown = unlabelled_pairs(rows, settings.pairs, random)
        return list(zip(known.split(n_steps), unknown.split(n_steps), strict=True))


def learn(
    network: Network,
    represent: Represent,
    material: Material,
    *,
    encoder: Sequence[torch.nn.Parameter] = (),
    settings: RSNSettings,
    seed: int,
    progress: Progress = silent,
) -> Iterator[dict[str, Any]]:
    """Train, and yield how each epoch went: mean loss, and the share of labelled pairs that were told right.

    Args:
        network: What trains.
        represent: Gives the vectors.
        material: What is learnt from.
        encoder: Parameters of the encoder that train as well.
        settings: See :class:`RSNSettings`.
        seed: Draws pairs, dropout and perturbations.
        progress: Told the steps done, stage ``"train"``.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, dropout

    groups = [{"params": list(network.parameters.values()), "lr": settings.learning_rate}]
    if encoder:
        groups.append({"params": list(encoder), "lr": settings.encoder_learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
    correct = 0

    def loss(_: int, batch: tuple[Pairs, Pairs]) -> torch.Tensor:
        nonlocal correct
        known, unknown = batch
        # each content once, however many pairs it is in
        rows, place = np.unique(
            np.concatenate([known.left, unknown.left, known.right, unknown.right]), return_inverse=True
        )
        left, right = torch.from_numpy(place).chunk(2)
        h = dropout(represent(rows), settings.dropout)  # (B, D)
        codes = network.code(h)
        logits = network.logit(codes[left], codes[right])  # (P,), labelled pairs first
        n_known = len(known.left)
        same = torch.from_numpy(known.same).to(logits.device)
        correct += int(((logits[:n_known] > 0) == same).sum())
        total = binary_cross_entropy_with_logits(logits[:n_known], same.to(logits.dtype))
        if settings.entropy_weight and len(unknown.left):
            total = total + settings.entropy_weight * conditional_entropy(logits[n_known:])
        if settings.adversarial_weight:
            total = total + settings.adversarial_weight * adversarial_divergence(
                lambda one, other: network.logit(network.code(one), network.code(other)),
                h[left],
                h[right],
                length=settings.perturbation,
            )
        return total

    losses: list[float] = []
    for step in train(
        lambda epoch: material.drawn(settings, generator(seed, f"rsn pairs {epoch}")),
        loss,
        optimizer,
        epochs=settings.epochs,
        warm_up=settings.warm_up,
        seed=seed,
    ):
        progress("train", step.number, step.total)
        losses.append(step.loss)
        if step.ends_epoch:
            yield {
                "loss": round(float(np.mean(losses)), 6),
                "accuracy": round(correct / settings.pairs, 6),
            }
            losses, correct = [], 0
