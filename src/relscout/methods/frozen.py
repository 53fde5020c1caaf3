"""A frozen encoder and clusters around their means: what ``kmeans`` and ``hac`` have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import Encoder, OnLoss
from relscout.instances import RelationInstance
from relscout.methods.estimator import NRelations
from relscout.methods.nearest_mean import NearestMean
from relscout.methods.vectors import encode
from relscout.progress import Progress
from relscout.training.stored import check_encoder
from relscout.training.trained import Trained


class FrozenClusters(NearestMean):
    """A method that clusters frozen relation representations; a subclass says how, in ``_cluster``."""

    def _represent(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,
        checkpoints: Path | None,  # noqa: ARG002 - the encoder's cache keeps all that takes long
    ) -> tuple[NDArray[np.float32], int]:
        vectors = encode(self.encoder, instances, progress=progress, on_loss=on_loss)
        self._trained = Trained(self.encoder.fingerprint, {})
        return vectors, self._number(vectors, n_relations, progress)

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder

    def _vector_encoder(self) -> Encoder:
        # nothing is trained, so that vectors can be had before anything is fitted
        return self.encoder
