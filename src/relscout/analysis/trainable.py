"""What Table 1 needs of a classifier that is yet to be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from relscout.instances import RelationInstance
from relscout.progress import Progress, silent


class Trainable(Protocol):
    """What is needed of a classifier that is yet to be trained."""

    def fit(
        self,
        train: Sequence[RelationInstance],
        dev: Sequence[RelationInstance] | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Learn the relations of labelled instances."""
        ...

    def predict(self, instances: Sequence[RelationInstance], *, progress: Progress = silent) -> list[str]:
        """Return the relation of each instance."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return everything that, with the data, decides the fit, as JSON values."""
        ...


#: Makes the classifier of a row for an input format and a seed.
Maker = Callable[[str, int], Trainable]
