"""Which instance was given which relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from relscout.instances import RelationInstance
from relscout.text.polarity import polarity
from relscout.triples import Polarity


@dataclass(frozen=True, eq=False)
class Assignments:
    """Instances and the relation that each was given.

    Args:
        instances: N instances, in the order in which the user gave them.
        relation_ids: Relation of each (N,), int64; -1 means no relation.
        confidences: How sure each is (N,), float32, in [0, 1].
        related: Estimated probability that the sentence relates the two at all (N,), float32, in [0, 1], NaN where it
            was not estimated; ``None`` where it was estimated for none.
        polarities: Whether each sentence asserts the relation, denies it, or only supposes it (N); ``None`` where all
            assert it.
        phrases: What each sentence says between the two, such as ``"taught by"``, read from its syntax (N); empty
            where the syntax says nothing plainly, ``None`` where it says nothing anywhere.
    """

    instances: Sequence[RelationInstance]
    relation_ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    related: NDArray[np.float32] | None = None
    polarities: Sequence[Polarity] | None = None
    phrases: Sequence[str] | None = None

    def related_values(self) -> list[float | None]:
        """Return ``related`` as a list (N), with ``None`` where it was not estimated."""
        if self.related is None:
            return [None] * len(self.instances)
        return [None if isnan(value) else value for value in self.related.tolist()]

    def polarity_values(self) -> Sequence[Polarity]:
        """Return the polarity of each instance (N)."""
        return ["asserted"] * len(self.instances) if self.polarities is None else self.polarities

    def phrase_values(self) -> Sequence[str]:
        """Return the phrase of each instance (N), empty where there is none."""
        return [""] * len(self.instances) if self.phrases is None else self.phrases


def among_relations(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how sure each assignment is (N,), float32, given that the pair is related at all.

    Args:
        probabilities: Of each relation and, last, of none (N, K + 1).
        labels: What each instance was given (N,); -1 for none.
    """
    of_relations = probabilities[:, :-1]
    rows = np.arange(len(labels))
    given = of_relations[rows, np.maximum(labels, 0)] / np.maximum(of_relations.sum(axis=1), 1e-12)
    return np.where(labels >= 0, np.minimum(given, 1), probabilities[:, -1]).astype(np.float32)


def polarities_of(
    instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64]
) -> list[Polarity] | None:
    """Return the polarity of each instance; those without a relation have nothing to deny and count as asserted.

    Returns:
        One for each (N), or ``None`` where all are asserted.
    """
    found: list[Polarity] = [
        polarity(instance) if id >= 0 else "asserted"
        for instance, id in zip(instances, relation_ids.tolist(), strict=True)
    ]
    return None if all(one == "asserted" for one in found) else found
