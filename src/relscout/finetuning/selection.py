"""Train a classifier epoch by epoch, keep what is done, and choose the best epoch on held-out sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from relscout.finetuning.held_out import HeldOut
from relscout.progress import Progress, silent
from relscout.training.classification import Classifier
from relscout.training.learner import Learner, Read
from relscout.training.stored import below
from relscout.training.work import Work

_BEST = "best."
#: What stands before the names of the encoder's weights, and of the head, in a classifier's arrays.
_ENCODER, _HEAD = "encoder.", "head."


@dataclass
class Tuning(Generic[Read]):
    """Training of one classifier; what comes of it is in :attr:`weights` and :attr:`head` after :meth:`run`.

    Args:
        classifier: What trains.
        learner: Its encoder.
        dev: What the epoch is chosen on; ``None`` takes the last one.
        work: Where progress is kept.
        epochs: How the epochs went, as JSON values.
        best: The chosen epoch, from 0.
    """

    classifier: Classifier[Read]
    learner: Learner[Read]
    dev: HeldOut[Read] | None
    work: Work
    epochs: list[dict[str, Any]] = field(default_factory=list)
    best: int = 0
    _chosen: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def run(self, progress: Progress = silent) -> None:
        """Train to the end, from where an interrupted run stopped.

        Raises:
            DivergedError: The loss is no longer a number.
            ArtifactError: What was kept is damaged.
        """
        if (kept := self.work.load()) is not None:
            state, arrays = kept
            self.epochs, self.best = state["epochs"], state["best"]
            self._chosen = below(_BEST, arrays) or _parameters(arrays)
            self.classifier.load(arrays)
        for epoch in self.classifier.epochs(first=len(self.epochs), progress=progress):
            told: dict[str, Any] = {"loss": round(epoch.loss, 6), "accuracy": round(epoch.accuracy, 6)}
            if self.dev is not None:
                told["dev"] = round(self.dev.score(self._predicted(self.dev, progress)), 6)
            self.epochs.append(told)
            arrays = self.classifier.arrays()
            # the first of equally good ones; without held-out sentences, the last
            if self.dev is None or told["dev"] > max((one["dev"] for one in self.epochs[:-1]), default=-1.0):
                self.best, self._chosen = len(self.epochs) - 1, _parameters(arrays)
                older: Mapping[str, NDArray[np.float32]] = {}
            else:
                older = {_BEST + name: array for name, array in self._chosen.items()}
            self.work.keep({"epochs": self.epochs, "best": self.best}, {**arrays, **older})

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights of the encoder in the chosen epoch, by name."""
        return below(_ENCODER, self._chosen)

    @property
    def head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight (R, D), float32, for vectors as the encoder gives them, and bias (R,), in the chosen epoch."""
        scale = np.float32(self.learner.scale)
        return self._chosen[f"{_HEAD}weight"] * scale, self._chosen[f"{_HEAD}bias"]

    def _predicted(self, dev: HeldOut[Read], progress: Progress) -> NDArray[np.int64]:
        weight, bias = self.classifier.head
        weight = weight.T * np.float32(self.learner.scale)
        of_content = np.empty(len(dev.prepared.lengths), dtype=np.int64)
        for contents, vectors in self.learner.encoded(dev.prepared, progress):
            of_content[contents] = (vectors @ weight + bias).argmax(axis=1)
        return np.asarray(of_content[dev.prepared.row_of], dtype=np.int64)


def _parameters(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return encoder and head without the optimizer's memory."""
    return {name: array for name, array in arrays.items() if name.startswith((_ENCODER, _HEAD))}
