"""Which instance was given which relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.instances import RelationInstance


@dataclass(frozen=True, eq=False)
class Assignments:
    """Instances and the relation that each was given.

    Args:
        instances: N instances, in the order in which the user gave them.
        relation_ids: Relation of each (N,), int64; -1 means no relation.
        confidences: How sure each is (N,), float32, in [0, 1].
    """

    instances: Sequence[RelationInstance]
    relation_ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
