"""Methods that train their encoder without labels, followed by k-means on its vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Clusters, started_kmeans
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.encoders import OnLoss, TransformerEncoder
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.methods.estimator import NRelations, check_enough
from relscout.methods.nearest_mean import NearestMean
from relscout.methods.vectors import encode, unit_length
from relscout.training.stored import Trained, Work, trainable


class SelfTraining(Protocol):
    """Training without labels, with a record of each epoch."""

    epochs: list[dict[str, Any]]
    warnings: list[str]

    def run(self) -> None:
        """Train the encoder, or resume where training was interrupted."""
        ...


class SelfTrained(NearestMean):
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
        check_enough(n_relations, len(instances))
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
        self._work = Work.of(
            checkpoints,
            settings={**self.settings(), "method": self.NAME},
            fingerprint=base.fingerprint,
            instances=instances,
        )
        teaching = self._training(tunable, prepared, n_relations, progress, self._work)
        teaching.run()
        self._trained = Trained(base.fingerprint, tunable.weights())
        self.report_["epochs"] = teaching.epochs
        self.report_["warnings"] += teaching.warnings
        del tunable, prepared, teaching
        # the same code path as transform and predict, so that these return exactly the same
        return encode(self._trained_encoder(), instances, progress=progress), n_relations

    def _sampled(self) -> int:
        """Return how many tokens of the part ``between`` are sampled while training; 0 for all."""
        return 0

    @abstractmethod
    def _training(
        self, encoder: TunableEncoder, prepared: Prepared, n_relations: int, progress: Progress, work: Work
    ) -> SelfTraining:
        """Return the training, set up."""

    def _cluster(self, vectors: NDArray[np.float32], n_relations: int, progress: Progress) -> Clusters:
        return started_kmeans(
            vectors, n_relations, start=self._settings.start, seed=self.seed, progress=progress
        )

    def _ready_encoder(self) -> TransformerEncoder:
        self._check_fitted()
        return self._trained_encoder()

    def _vector_encoder(self) -> TransformerEncoder:
        return self._ready_encoder()

    def _trained_encoder(self) -> TransformerEncoder:
        return self._trained.on(trainable(self.NAME, self.encoder))
