"""Labelled sentences that are held out of training, to choose an epoch on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from relscout.training.learner import Read


@dataclass(frozen=True)
class HeldOut(Generic[Read]):
    """Sentences that an epoch is chosen on.

    Args:
        prepared: The sentences.
        classes: Gold class of each (N,), int64; -1 for a relation that is not among those that are learnt.
        related: Whether the gold relation of each (N,), bool, is another one than "no relation".
        none: Which classes (R,), bool, mean "no relation".
    """

    prepared: Read
    classes: NDArray[np.int64]
    related: NDArray[np.bool_]
    none: NDArray[np.bool_]

    @property
    def score_name(self) -> str:
        """What :meth:`score` gives: ``micro_f1`` without "no relation", ``accuracy`` where nothing means that."""
        return "micro_f1" if self.none.any() or not self.related.all() else "accuracy"

    def score(self, predicted: NDArray[np.int64]) -> float:
        """Return the score of predicted classes (N,), in [0, 1]."""
        right, positive = predicted == self.classes, ~self.none[predicted]
        # where all are related, this is the accuracy
        total = int(positive.sum()) + int(self.related.sum())
        return 2 * int((right & self.related).sum()) / total if total else 0.0
