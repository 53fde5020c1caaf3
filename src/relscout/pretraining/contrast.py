"""The objective of a step on the representations of its sentences, and how well they already serve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.pretraining.corpus import Corpus
from relscout.pretraining.objectives import (
    contrast_as_printed,
    contrast_as_released,
    matching,
    nearest_is_positive,
)
from relscout.pretraining.settings import PretrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Contrast:
    """What is positive and what negative among the sentences of a step.

    Args:
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`.
        positive: Which sentences are positives of which (B, B), bool: of one relation, or one entity pair.
        allowed: Which are negatives of which (B, B), bool.
        same: Whether each pair is a positive one (P,), bool.
    """

    objective: str
    settings: PretrainingSettings
    positive: Tensor
    allowed: Tensor
    same: Tensor

    def loss(self, x: Tensor) -> Tensor:
        """Return the loss, a scalar, of representations (B, R); rows 2i and 2i + 1 are a pair."""
        if self.objective == "mtb":
            return matching(x, self.same)
        if self.settings.loss == "paper":
            return contrast_as_printed(x, self.allowed)
        return contrast_as_released(x, self.positive, self.allowed, temperature=self.settings.temperature)

    def hits(self, x: Tensor) -> tuple[int, int]:
        """Return of how many sentences the nearest one is a positive, and how many have one."""
        found = nearest_is_positive(x, self.positive)
        return int(found.sum()), len(found)


def contrast(
    corpus: Corpus,
    pairs: NDArray[np.int64],
    same: NDArray[np.bool_],
    *,
    objective: str,
    settings: PretrainingSettings,
    device: torch.device,
) -> Contrast:
    """Return what is positive and what negative among pairs of sentences.

    Args:
        corpus: The sentences.
        pairs: Rows of a step's pairs (P, 2), int64.
        same: Which of them are positive (P,), bool.
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`.
        device: Where the tensors go.
    """
    import torch

    rows = pairs.ravel()
    one_text = corpus.content[rows] == corpus.content[rows][:, None]
    what = corpus.relation[rows] if objective == "cp" else corpus.pairs[rows]
    alike = what == what[:, None]
    near = np.ones_like(alike)
    if settings.among:
        block = np.arange(len(rows)) // (2 * settings.among)
        near = block == block[:, None]
    # one text under two relations, or with two pairs of identifiers, is neither
    positive = alike & ~one_text & near
    allowed = ~one_text & near
    if not (settings.loss == "paper" and settings.same_relation_negatives):
        allowed &= ~alike
    return Contrast(
        objective, settings, *(torch.from_numpy(array).to(device) for array in (positive, allowed, same))
    )
