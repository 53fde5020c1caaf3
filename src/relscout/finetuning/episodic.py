"""Train an encoder by episodes of pre-defined relations, so that few examples tell novel ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.encoders.turning import turned_by
from relscout.finetuning.episodes import Episode, draw_episodes, large_enough
from relscout.finetuning.fewshot_settings import FewShotSettings
from relscout.finetuning.prototypes import similarities
from relscout.progress import Progress, silent
from relscout.seeding import generator
from relscout.training.classification import EpochResult
from relscout.training.loop import train
from relscout.training.memory import memory, restore_memory

if TYPE_CHECKING:
    import torch

#: Decoupled weight decay.
_WEIGHT_DECAY = 0.01


class EpisodicTraining:
    """An encoder whose top layers learn to tell queries by prototypes, in episodes like those of the test.

    An episode is one step; cross entropy over the softmax of the similarities is minimised (Snell et al. 2017, eq. 2).
    Vectors are of unit length and similarities multiplied by ``sharpness``, neither of which the paper does.
    With ``inverses``, half of the episodes, at random, are read backwards. Prototypes are then of inverse relations,
    which costs no pass of the encoder, since only halves of the vectors change places.

    Args:
        encoder: What learns.
        prepared: The labelled instances.
        classes: Relation of each (N,), int64, from 0.
        names: Name of each relation.
        settings: See :class:`FewShotSettings`; inverses are only for encoders whose vectors can be turned.
        seed: Draws episodes and dropout.

    Raises:
        InputError: Fewer than two relations have instances enough for an episode.
    """

    def __init__(
        self,
        encoder: TunableEncoder,
        prepared: Prepared,
        classes: NDArray[np.int64],
        names: list[str],
        *,
        settings: FewShotSettings,
        seed: int,
    ) -> None:
        import torch

        self._encoder, self._prepared, self._settings, self._seed = encoder, prepared, settings, seed
        of_content = np.empty(len(prepared.lengths), dtype=np.int64)
        of_content[prepared.row_of] = classes
        self._classes = of_content
        wanted = settings.of_training
        least = Episode(2, wanted.shots, wanted.queries)
        self._chosen, self.warnings = large_enough(of_content, names, least)
        self._episode = Episode(min(wanted.ways, len(self._chosen)), wanted.shots, wanted.queries)
        self._optimizer = torch.optim.AdamW(
            encoder.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
        )

    @property
    def n_epochs(self) -> int:
        """Number of epochs: stretches of at most ``check_every`` steps, all of one length.

        So there are at least ``iterations`` steps, and fewer than one for each epoch more.
        """
        return -(-self._settings.iterations // self._settings.check_every)

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        """Train, and yield how each epoch went; between two, :meth:`arrays` tells all that is needed to go on.

        Args:
            first: Where to go on, if some epochs are done.
            progress: Told the steps done, stage ``"episodes"``.
        """
        losses: list[float] = []
        right = 0

        def loss(_: int, rows: NDArray[np.int64]) -> torch.Tensor:
            nonlocal right
            self._encoder.train(True)
            found, told = self._loss(rows)
            right += told
            return found

        for step in train(
            self._episodes,
            loss,
            self._optimizer,
            epochs=self.n_epochs,
            first_epoch=first,
            warm_up=self._settings.warm_up,
            seed=self._seed,
        ):
            progress("episodes", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                self._encoder.train(False)
                asked = len(losses) * self._episode.ways * self._episode.queries
                yield EpochResult(step.epoch, float(np.mean(losses)), right / asked)
                losses, right = [], 0

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return encoder and the optimizer's memory as arrays."""
        encoder = {f"encoder.{name}": array for name, array in self._encoder.weights().items()}
        return encoder | memory(self._optimizer)

    def load(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Go back to where :meth:`arrays` was called."""
        self._encoder.load(
            {name.removeprefix("encoder."): a for name, a in arrays.items() if name.startswith("encoder.")}
        )
        restore_memory(self._optimizer, arrays)

    def _episodes(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """Return the episodes of an epoch (N, K + Q)."""
        length = -(-self._settings.iterations // self.n_epochs)
        random = generator(self._seed, f"training episodes {epoch}")
        return list(draw_episodes(self._classes, self._chosen, self._episode, episodes=length, random=random))

    def _loss(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, int]:
        """Return the loss of an episode, and how many queries were told right."""
        import torch
        from torch.nn.functional import cross_entropy, dropout, normalize

        ways, shots = self._episode.ways, self._episode.shots
        h = self._encoder(self._prepared, rows.reshape(-1))  # (N (K + Q), D)
        if self._settings.inverses and bool(torch.rand(()) < 0.5):
            h = turned_by(self._encoder.base, h)
        h = dropout(normalize(h, dim=1), self._settings.dropout).view(ways, -1, h.shape[1])  # (N, K + Q, D)
        queries = h[:, shots:].reshape(-1, h.shape[2])  # (N Q, D)
        scores = similarities(queries, h[:, :shots].mean(dim=1), self._settings.similarity)  # (N Q, N)
        truth = torch.arange(ways, device=h.device).repeat_interleave(self._episode.queries)
        right = int((scores.detach().argmax(dim=1) == truth).sum())
        return cross_entropy(self._settings.sharpness * scores, truth), right
