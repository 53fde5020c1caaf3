"""The terms of a loss, each of which is told of an epoch on its own."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Terms:
    """Takes down the terms of a loss as they are added up."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, loss: torch.Tensor) -> torch.Tensor:
        """Take down a term, a scalar, and return it."""
        self._values[name].append(loss.item())
        return loss

    def means(self) -> dict[str, float]:
        """Return the mean of each term since the last call."""
        found = {name: round(float(np.mean(values)), 6) for name, values in self._values.items()}
        self._values.clear()
        return found
