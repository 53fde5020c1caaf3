"""Instances as far as the layers of an encoder that stay as they are bring them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.pooling import Places
from relscout.encoders.states import HiddenStates

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Prepared:
    """Instances as far as the frozen layers bring them, every content once; M contents.

    Args:
        row_of: Content of each instance (N,), int64.
        ids: Token ids of all contents, one after the other.
        ends: Where the ids of each content end (M,), int64.
        places: Where the parts of each sentence lie; tensors of M rows.
        states: What the lowest trained layer reads; ``None`` where the whole model trains.
        fixed: The parts of the vectors that no trained layer changes, side by side (M, their widths), float32.
    """

    row_of: NDArray[np.int64]
    ids: NDArray[np.int64]
    ends: NDArray[np.int64]
    places: Places
    states: HiddenStates | None
    fixed: torch.Tensor

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each content (M,)."""
        return np.diff(self.ends, prepend=0)
