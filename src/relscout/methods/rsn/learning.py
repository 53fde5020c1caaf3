"""Training of the siamese network on labelled pairs and, where asked for, on unlabelled ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from relscout.training.memory import memory, restore_memory
from relscout.training.stored import below

if TYPE_CHECKING:
    import torch

#: Labelled pairs on which a network begins undecided.
_BALANCED_ON = 1000
#: From contents (B,) to their vectors h (B, D), scaled to a mean square of 1.
Represent = Callable[[Rows], "torch.Tensor"]


def frozen(vectors: NDArray[np.float32], network: Network) -> Represent:
    """Represent contents by vectors of unit length that do not change (M, D), float32."""
    import torch

    def represent(rows: Rows) -> torch.Tensor:
        h: torch.Tensor = torch.from_numpy(np.asarray(vectors[rows])).to(network.device) * network.scale
        return h

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

    def balance(self, network: Network, represent: Represent, random: np.random.Generator) -> None:
        """Let a network begin undecided on labelled pairs."""
        places = self.pairs.draw(_BALANCED_ON, random)
        network.balance(represent(self.labelled[places.left]), represent(self.labelled[places.right]))

    def drawn(self, settings: RSNSettings, random: np.random.Generator) -> list[tuple[Pairs, Pairs]]:
        """Return labelled and unlabelled pairs of each step of an epoch, as contents; the latter may be none."""
        n_steps = max(1, round(settings.pairs / settings.batch))
        places = self.pairs.draw(settings.pairs, random)
        known = Pairs(self.labelled[places.left], self.labelled[places.right], places.same)
        rows = self.unlabelled if settings.semi_supervised else self.unlabelled[:0]
        unknown = unlabelled_pairs(rows, settings.pairs, random)
        return list(zip(known.split(n_steps), unknown.split(n_steps), strict=True))


class Learner:
    """Trains the network, and the encoder's layers that train with it.

    Args:
        network: What trains.
        represent: Gives the vectors.
        material: What is learnt from.
        encoder: What trains as well; ``None`` where it is frozen.
        settings: See :class:`RSNSettings`.
        seed: Draws pairs, dropout and perturbations.
    """

    def __init__(
        self,
        network: Network,
        represent: Represent,
        material: Material,
        *,
        encoder: TunableEncoder | None,
        settings: RSNSettings,
        seed: int,
    ) -> None:
        import torch

        self._network, self._represent, self._material = network, represent, material
        self._encoder, self._settings, self._seed = encoder, settings, seed
        groups = [
            {"params": network.of_similarity, "lr": settings.similarity_learning_rate},
            {"params": network.of_f, "lr": settings.learning_rate},
        ]
        if encoder is not None:
            groups.append({"params": list(encoder.parameters()), "lr": settings.encoder_learning_rate})
        self._optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        self._correct = 0

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[dict[str, Any]]:
        """Train, and yield how each epoch went; between two, :meth:`arrays` tells all that is needed to go on.

        Args:
            first: Where to go on, if some epochs are done.
            progress: Told the steps done, stage ``"train"``.

        Yields:
            The mean ``loss`` of the epoch, and its ``accuracy``: the share of labelled pairs that were told right.
        """
        losses: list[float] = []
        for step in train(
            lambda epoch: self._material.drawn(self._settings, generator(self._seed, f"pairs {epoch}")),
            self._loss,
            self._optimizer,
            epochs=self._settings.epochs,
            first_epoch=first,
            warm_up=self._settings.warm_up,
            seed=self._seed,
        ):
            progress("train", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                accuracy = self._correct / self._settings.pairs
                yield {"loss": round(float(np.mean(losses)), 6), "accuracy": round(accuracy, 6)}
                losses, self._correct = [], 0

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return network, encoder and the optimizer's memory as arrays."""
        found = {f"network.{name}": array for name, array in self._network.arrays().items()}
        weights = self._encoder.weights() if self._encoder is not None else {}
        found |= {f"encoder.{name}": array for name, array in weights.items()}
        return found | memory(self._optimizer)

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go back to where :meth:`arrays` was called."""
        self._network.load(below("network.", arrays))
        if self._encoder is not None:
            self._encoder.load(below("encoder.", arrays))
        restore_memory(self._optimizer, arrays)

    def _loss(self, _: int, batch: tuple[Pairs, Pairs]) -> torch.Tensor:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        network, settings = self._network, self._settings
        known, unknown = batch
        # each content once, however many pairs it is in
        rows, place = np.unique(
            np.concatenate([known.left, unknown.left, known.right, unknown.right]), return_inverse=True
        )
        h = self._represent(rows)  # (B, D)
        left, right = torch.from_numpy(place).to(h.device).chunk(2)
        codes = network.code(h)
        logits = network.logit(codes[left], codes[right], dropout=settings.dropout)  # (P,), labelled first
        n_known = len(known.left)
        same = torch.from_numpy(known.same).to(h.device)
        self._correct += int(((logits[:n_known] > 0) == same).sum())
        loss = binary_cross_entropy_with_logits(logits[:n_known], same.to(logits.dtype))
        if settings.entropy_weight and len(unknown.left):
            loss = loss + settings.entropy_weight * conditional_entropy(logits[n_known:])
        if settings.adversarial_weight:
            loss = loss + settings.adversarial_weight * adversarial_divergence(
                lambda one, other: network.logit(network.code(one), network.code(other)),
                h[left],
                h[right],
                length=settings.perturbation,
            )
        return loss
