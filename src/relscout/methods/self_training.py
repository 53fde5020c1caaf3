"""Methods that train their encoder without labels, followed by k-means on its vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Clusters, started_kmeans, unit_length
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.encoders import OnLoss
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.methods.estimator import EncoderTraining, NRelations
from relscout.methods.nearest_mean import NearestMean
from relscout.methods.vectors import encode
from relscout.training.checkpointing import TrainingState
from relscout.training.loop import Terms, batches_by_length, train
from relscout.training.stored import Checkpoints, Trained, trainable

if TYPE_CHECKING:
    import torch

#: Contents of a batch (B,): instances that read the same are one content.
Rows = NDArray[np.int64]


@dataclass
class SelfTraining(ABC):
    """Trains an encoder without labels, and saves a checkpoint after each epoch.

    A subclass builds what trains (:meth:`_state`), prepares an epoch (:meth:`_begin`), returns the loss of a batch
    (:meth:`_loss`) and records an epoch (:meth:`_end`).

    Args:
        settings: Settings of the method; this class reads ``epochs`` and ``batch``.
        encoder: The encoder to train.
        prepared: The instances, N of M contents.
        instances: The instances (N).
        n_relations: Number of relations K.
        name: Name of the method, which the random streams depend on.
        seed: Random seed.
        progress: Progress callback.
        work: Keeps the checkpoint.

    Attributes:
        epochs: Record of each epoch, as JSON values.
        warnings: What a user should know.
    """

    settings: Any
    encoder: TunableEncoder
    prepared: Prepared
    instances: Sequence[RelationInstance]
    n_relations: int
    name: str
    seed: int
    progress: Progress
    work: Checkpoints
    epochs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _terms: Terms = field(default_factory=Terms)

    def run(self) -> None:
        """Train the encoder, or resume where training was interrupted.

        Raises:
            DivergedError: The loss is no longer a number.
            CollapsedError: All representations, or all clusters, have become one.
            InputError: Some representations are not finite.
        """
        if (count := len(self.prepared.lengths)) < 2:
            self.warnings.append(
                f"there is {count} different instance, and nothing to compare it with: the encoder is unchanged"
            )
            return
        state = self._state()
        if (resumed := state.resume(self.work)) is not None:
            record, arrays = resumed
            self.epochs, self.warnings = record["epochs"], record["warnings"]
            self._restore(record, arrays)
        for step in train(
            self._batches,
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
                record, arrays = self._end()
                state.save(self.work, {**record, "epochs": self.epochs, "warnings": self.warnings}, arrays)

    @abstractmethod
    def _state(self) -> TrainingState:
        """Return the networks to train, with their optimizer."""

    @abstractmethod
    def _begin(self, epoch: int) -> None:
        """Prepare an epoch."""

    @abstractmethod
    def _loss(self, epoch: int, rows: Rows, /) -> torch.Tensor:
        """Return the loss of a batch of contents (B,), a scalar."""

    @abstractmethod
    def _end(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Record an epoch that ended; return what else :meth:`_restore` needs, as JSON values and arrays."""

    @abstractmethod
    def _restore(self, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`_end` returned."""

    def _batches(self, epoch: int) -> Sequence[Rows]:
        self._begin(epoch)
        random = generator(self.seed, f"batches {epoch}")
        # a single row has no other to be compared with, and cannot be normalised over the batch
        return batches_by_length(self.prepared.lengths, self.settings.batch, random, least=2)

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"{self.name} {purpose}").integers(2**31))


class SelfTrained(EncoderTraining, NearestMean):
    """A method that trains its encoder without labels; a subclass names the training.

    Its settings have the fields ``trained_layers``, ``dropout``, ``training_dtype``, ``start`` and ``max_relations``.
    """

    #: What ``fit`` runs.
    TRAINING: ClassVar[type[SelfTraining]]

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
        training = self.TRAINING(
            options, tunable, prepared, instances, n_relations, self.NAME, self.seed, progress, self._work
        )
        training.run()
        self._trained = Trained(base.fingerprint, tunable.weights())
        self.report_["epochs"] = training.epochs
        self.report_["warnings"] += training.warnings
        del tunable, prepared, training
        # the same code path as transform and predict, so that these return exactly the same
        return encode(self._ready_encoder(), instances, progress=progress), n_relations

    def _sampled(self) -> int:
        """Return how many tokens of the part ``between`` are sampled while training; 0 for all."""
        return 0

    def _cluster(self, vectors: NDArray[np.float32], n_relations: int, progress: Progress) -> Clusters:
        return started_kmeans(
            vectors, n_relations, start=self._settings.start, seed=self.seed, progress=progress
        )
