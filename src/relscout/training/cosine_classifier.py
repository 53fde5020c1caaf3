"""Train an encoder as a cosine classifier of labelled relations and their inverses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    Rate,
    Share,
    TrainedLayers,
    settings_class,
)
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import Prepared, TunableEncoder, can_turn, turned_by
from relscout.training.checkpointing import EpochResult, TrainingState
from relscout.training.loop import batches_by_length, train
from relscout.training.neighbourhoods import Neighbourhoods

if TYPE_CHECKING:
    import torch

#: Standard deviation of the initial directions of the relations: the longer they are, the less a step turns them.
_DIRECTION_STD = 0.05
_NEAR_ZERO = 1e-6
#: Decoupled weight decay.
_WEIGHT_DECAY = 0.01


@settings_class
class CosineClassifierSettings:
    """Settings of training an encoder on labelled relations; chosen on the development draws."""

    inverses: bool = True
    """Whether the inverse of each labelled relation (head and tail exchanged) is learnt as a relation of its own."""
    supervised_layers: TrainedLayers = 3
    """Layers of the encoder to train, counted from the highest one that pooling uses; -1 for the whole encoder."""
    supervised_epochs: AtLeast1 = 1
    """Passes over the labelled instances, at least 1; a second pass fits the labels better, and other relations
    worse."""
    supervised_steps: AtLeast0 = 100
    """Minimum number of steps: few labelled instances get more passes; at least 0."""
    supervised_learning_rate: AboveZero = 2e-4
    """Highest learning rate of the encoder."""
    directions_learning_rate: AboveZero = 3e-3
    """Highest learning rate of the relations' directions."""
    imprint_samples: AtLeast0 = 32
    """Number of instances per relation whose mean initialises its direction, at least 0; 0 initialises at random."""
    supervised_batch: AtLeast1 = 64
    """Labelled instances in a step, at least 1."""
    supervised_dropout: Rate = 0.1
    """Dropout rate on the representation, in [0, 1); the encoder keeps its own."""
    sharpness: AboveZero = 16.0
    """Factor of the cosines before the softmax, above 0."""
    supervised_warm_up: Share = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]."""
    supervised_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that learn: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""


#: In :attr:`Heads.inverse_of`: the inverse is none of the labelled relations.
NO_INVERSE = -1
#: In the classes of instances: an instance without a label, which the teacher's neighbourhoods are learnt from.
UNLABELED = -1


@dataclass(frozen=True)
class Heads:
    """Sets of relations that share an encoder: an instance is classified among the relations of its own set only.

    Corpora draw the lines between relations differently. What one calls *contains*, the other calls *part of*,
    backwards, or leaves unlabelled: across sets, a label says nothing.

    Args:
        set_of: Number of the set of each relation (C,), int64, from 0.
        inverse_of: The labelled relation that is the inverse of each (C,), int64, or ``NO_INVERSE``; its own number for
            a symmetric relation.
    """

    set_of: NDArray[np.int64]
    inverse_of: NDArray[np.int64]

    @classmethod
    def single(cls, n_relations: int) -> Heads:
        """Return the heads of one set, in which no relation is known to be the inverse of another."""
        return cls(np.zeros(n_relations, dtype=np.int64), np.full(n_relations, NO_INVERSE))


class CosineClassifierTrainer:
    """Trains a direction for each relation, and the encoder's top layers to turn vectors towards it.

    The logit of a relation is ``sharpness`` times the cosine of vector and direction. The loss is the cross entropy.
    Training compares directions because the later clustering does, too. With ``inverses``, the vector of the same
    sentence with head and tail exchanged belongs to another relation: an encoder that separates "mother" from its
    inverse may also learn "child". It needs no further pass of the encoder: two halves of the vector are exchanged.

    Args:
        encoder: The encoder to train.
        prepared: The labelled instances.
        classes: Relation of each (N,), int64, from 0; ``UNLABELED`` without a label.
        settings: See :class:`CosineClassifierSettings`.
        seed: Random seed of the initial directions (or of the instances that they are means of), batches and dropout.
        heads: Sets of the relations; one by default.
        neighbourhoods: Those of a teacher, by content; their loss is added.

    Raises:
        SettingError: ``inverses`` is set, but head and tail cannot be exchanged in the encoder's vectors.
    """

    def __init__(
        self,
        encoder: TunableEncoder,
        prepared: Prepared,
        classes: NDArray[np.int64],
        *,
        settings: CosineClassifierSettings,
        seed: int,
        heads: Heads | None = None,
        neighbourhoods: Neighbourhoods | None = None,
    ) -> None:
        import torch

        self._neighbourhoods = neighbourhoods
        self._encoder, self._prepared, self._settings, self._seed = encoder, prepared, settings, seed
        of_content = np.empty(len(prepared.lengths), dtype=np.int64)
        of_content[prepared.row_of] = classes
        self._classes = torch.from_numpy(of_content).to(encoder.device)
        n_classes = int(classes.max()) + 1
        heads = heads or Heads.single(n_classes)
        of_set, backwards = _with_inverses(heads)
        self._set_of = torch.from_numpy(of_set if settings.inverses else heads.set_of).to(
            encoder.device
        )  # (R,)
        self._backwards = torch.from_numpy(backwards).to(encoder.device)  # (C,)
        self._n_sets = int(heads.set_of.max()) + 1
        self._n_classes = n_classes
        if settings.inverses and not can_turn(encoder.base):
            raise SettingError(
                "inverses are learnt by exchanging head and tail in the encoder's vectors, which needs the marking "
                "'none' and a pooling that reads both mentions; choose such ones, or set inverses=false"
            )
        first = self._means() if settings.imprint_samples else self._random()
        self._directions = torch.nn.Parameter(first.to(encoder.device))
        optimizer = torch.optim.AdamW(
            [
                {"params": list(encoder.parameters()), "lr": settings.supervised_learning_rate},
                {"params": [self._directions], "lr": settings.directions_learning_rate},
            ],
            weight_decay=_WEIGHT_DECAY,
            fused=True,
        )
        directions = torch.nn.ParameterDict({"weight": self._directions})
        #: What a checkpoint restores.
        self.state = TrainingState({"encoder": encoder, "directions": directions}, optimizer)

    @property
    def n_epochs(self) -> int:
        """Number of epochs in all."""
        n_batches = -(-len(self._prepared.lengths) // self._settings.supervised_batch)
        return max(self._settings.supervised_epochs, -(-self._settings.supervised_steps // n_batches))

    def epochs(self, *, first: int = 0, progress: Progress = silent) -> Iterator[EpochResult]:
        """Train, and yield the result of each epoch; between epochs, :attr:`state` can be saved.

        Args:
            first: The first epoch to train, above 0 when resuming.
            progress: Called with the steps done, stage ``"train"``.
        """
        settings, encoder = self._settings, self._encoder
        correct = seen = 0
        losses: list[float] = []

        def loss(_: int, rows: NDArray[np.int64]) -> torch.Tensor:
            nonlocal correct, seen
            encoder.train(True)
            value, right, count = self._loss(rows)
            correct, seen = correct + right, seen + count
            return value

        for step in train(
            self._batches,
            loss,
            self.state.optimizer,
            epochs=self.n_epochs,
            first_epoch=first,
            warm_up=settings.supervised_warm_up,
            seed=self._seed,
        ):
            progress("train", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                encoder.train(False)
                if self._neighbourhoods is not None:
                    self._neighbourhoods.clear()
                yield EpochResult(step.epoch, float(np.mean(losses)), correct / max(seen, 1))
                losses, correct, seen = [], 0, 0

    def _random(self) -> torch.Tensor:
        import torch

        drawn = generator(self._seed, "directions").standard_normal(
            (len(self._set_of), self._encoder.dimension)
        )
        return torch.from_numpy(_DIRECTION_STD * drawn.astype(np.float32))

    def _means(self) -> torch.Tensor:
        """Return the mean direction of some instances of each relation, relative to the mean of its set.

        Imprinting (Qi, Brown, Lowe: "Low-Shot Learning with Imprinted Weights", CVPR 2018): the first steps then train
        the encoder instead of moving random directions.
        """
        import torch
        from torch.nn.functional import normalize

        encoder, random = self._encoder, generator(self._seed, "directions")
        classes = self._classes.cpu().numpy()
        order = random.permutation(len(classes))
        chosen = np.concatenate(
            [
                order[classes[order] == label][: self._settings.imprint_samples]
                for label in range(self._n_classes)
            ]
        )
        chosen = chosen[np.argsort(self._prepared.lengths[chosen], kind="stable")]
        encoder.train(False)
        size = self._settings.supervised_batch
        with torch.inference_mode():
            h = torch.cat(
                [
                    encoder(self._prepared, chosen[start : start + size])
                    for start in range(0, len(chosen), size)
                ]
            )
            labels = self._classes[torch.from_numpy(chosen).to(self._classes.device)]
            if self._settings.inverses:
                h = torch.cat([h, turned_by(encoder.base, h)])
                labels = torch.cat([labels, self._backwards[labels]])
            h = normalize(h, dim=1)  # (S, D)
            initial = self._random().to(h.device)  # (R, D)
            sums = torch.zeros_like(initial)
            for number in range(self._n_sets):
                own = self._set_of[labels] == number
                sums.index_add_(0, labels[own], h[own] - h[own].mean(dim=0))
            # a relation whose mean is the mean of all has no direction, and keeps the random one
            has_direction = sums.norm(dim=1) > _NEAR_ZERO
            initial[has_direction] = normalize(sums[has_direction], dim=1) * (
                h.shape[1] ** 0.5 * _DIRECTION_STD
            )
        return initial.clone()  # outside of inference mode, so that it can train

    def _loss(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, int, int]:
        """Return the loss of a batch, how many labels were predicted correctly, and out of how many."""
        import torch
        from torch.nn.functional import cross_entropy, dropout, normalize

        settings = self._settings
        h = self._encoder(self._prepared, rows)  # (B, D)
        gold = self._classes[torch.from_numpy(rows).to(self._classes.device)]  # (B,)
        if settings.inverses:
            h = torch.cat([h, turned_by(self._encoder.base, h)])  # (2B, D)
            gold = torch.cat([gold, torch.where(gold == UNLABELED, UNLABELED, self._backwards[gold])])
        h = normalize(h, dim=1)
        labeled = gold != UNLABELED
        gold = gold[labeled]
        cosines = dropout(h, settings.supervised_dropout)[labeled] @ normalize(self._directions, dim=1).T
        scores = settings.sharpness * cosines  # (L, R), L labelled ones of 2B
        if self._n_sets > 1:
            scores = scores.masked_fill(self._set_of[gold][:, None] != self._set_of, -torch.inf)
        right = int((scores.detach().argmax(dim=1) == gold).sum())
        # a batch may have no labelled instance
        loss = cross_entropy(scores, gold) if len(gold) else scores.sum()
        if self._neighbourhoods is not None:
            loss = loss + self._neighbourhoods.loss(rows, h)
        return loss, right, len(gold)

    def _batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        random = generator(self._seed, f"batches {epoch}")
        return batches_by_length(self._prepared.lengths, self._settings.supervised_batch, random)


def _with_inverses(heads: Heads) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sets of all directions (R,), those of the inverses last, and the direction of each inverse (C,)."""
    new = heads.inverse_of == NO_INVERSE
    backwards = np.where(new, len(new) + np.cumsum(new) - 1, heads.inverse_of)
    return np.concatenate([heads.set_of, heads.set_of[new]]), backwards
