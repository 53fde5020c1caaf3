"""Methods that train their encoder without labels, followed by k-means on its vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Clusters, started_kmeans
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.encoders import OnLoss
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.methods.estimator import EncoderTraining, NRelations
from relscout.methods.nearest_mean import NearestMean
from relscout.methods.vectors import encode, unit_length
from relscout.training.checkpointing import TrainingState
from relscout.training.loop import train
from relscout.training.stored import Checkpoints, Trained, trainable

if TYPE_CHECKING:
    import torch

Batch = NDArray[np.int64]


class SelfTraining(ABC):
    """Training without labels, with a record of each epoch.

    Attributes:
        settings: With the field ``epochs``.
        epochs: What is known of each, as JSON values.
        warnings: What a user should know.
    """

    settings: Any
    progress: Progress
    work: Checkpoints
    epochs: list[dict[str, Any]]
    warnings: list[str]

    @abstractmethod
    def run(self) -> None:
        """Train the encoder, or resume where training was interrupted."""

    def _train(self, state: TrainingState) -> None:
        """Train all epochs that are left, and save a checkpoint after each."""
        if (resumed := state.resume(self.work)) is not None:
            record, arrays = resumed
            self.epochs, self.warnings = record["epochs"], record["warnings"]
            self._restore(record, arrays)
        for step in train(
            self._begin,
            self._loss,
            state.optimizer,
            epochs=self.settings.epochs,
            first_epoch=len(self.epochs),
            warm_up=0.0,
            falls=False,
            seed=self._seed("train"),
        ):
            self.progress("train", step.number, step.total)
            if step.ends_epoch:
                record, arrays = self._judge()
                state.save(self.work, {**record, "epochs": self.epochs, "warnings": self.warnings}, arrays)

    @abstractmethod
    def _begin(self, epoch: int) -> Sequence[Batch]:
        """Return the batches of an epoch that begins."""

    @abstractmethod
    def _loss(self, epoch: int, rows: Batch, /) -> torch.Tensor:
        """Return the loss of a batch."""

    @abstractmethod
    def _judge(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Record an epoch that ended; return what else :meth:`_restore` needs, as JSON values and arrays."""

    @abstractmethod
    def _restore(self, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`_judge` returned."""

    @abstractmethod
    def _seed(self, purpose: str) -> int:
        """Return a random seed for one purpose."""


class SelfTrained(EncoderTraining, NearestMean):
    """A method that trains its encoder without labels; subclasses define the training in ``_training``.

    Its settings have the fields ``trained_layers``, ``dropout``, ``training_dtype``, ``start`` and ``max_relations``.
    """

    def _represent(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,
        checkpoints: Path | None,
    ) -> tuple[NDArray[np.float32], int]:
        base, options = trainable(self.NAME, self.encoder), self._settings
        tunable = TunableEncoder(
            base,
            trained_layers=options.trained_layers,
            dropout=options.dropout,
            arithmetic=options.training_dtype,
            sampled=self._sampled(),
        )
        prepared = tunable.prepare(instances, progress=progress, on_loss=on_loss)
        if n_relations == "auto":
            untrained = unit_length(tunable.encode(prepared, progress=progress))
            n_relations = self._number(untrained, n_relations, progress)
            del untrained
        self._work = self._checkpoint(checkpoints, base.fingerprint, instances)
        teaching = self._training(tunable, prepared, n_relations, progress, self._work)
        teaching.run()
        self._trained = Trained(base.fingerprint, tunable.weights())
        self.report_["epochs"] = teaching.epochs
        self.report_["warnings"] += teaching.warnings
        del tunable, prepared, teaching
        # the same code path as transform and predict, so that these return exactly the same
        return encode(self._ready_encoder(), instances, progress=progress), n_relations

    def _sampled(self) -> int:
        """Return how many tokens of the part ``between`` are sampled while training; 0 for all."""
        return 0

    @abstractmethod
    def _training(
        self,
        encoder: TunableEncoder,
        prepared: Prepared,
        n_relations: int,
        progress: Progress,
        work: Checkpoints,
    ) -> SelfTraining:
        """Return the training, set up."""

    def _cluster(self, vectors: NDArray[np.float32], n_relations: int, progress: Progress) -> Clusters:
        return started_kmeans(
            vectors, n_relations, start=self._settings.start, seed=self.seed, progress=progress
        )
