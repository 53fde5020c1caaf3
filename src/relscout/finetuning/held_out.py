"""Labelled sentences that are held out of training: to choose an epoch on, or to score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError
from relscout.instances import RelationInstance, canonical_order
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


def lacking(missing: Sequence[str], n_known: int, n_instances: int, total: int, *, where: str) -> str:
    """Return a warning that some relations were not among those that are learnt.

    Args:
        missing: Their names.
        n_known: Number of relations that are learnt.
        n_instances: Number of instances that have one of ``missing``.
        total: Number of instances in all.
        where: Name of what has them.
    """
    shown = ", ".join(repr(name) for name in missing[:5]) + (", …" if len(missing) > 5 else "")
    return (
        f"{n_instances} of {total} instances in {where} have a relation that is not among the {n_known} of the "
        f"training data ({shown}) and count as mistakes"
    )


def checked(dev: Sequence[RelationInstance]) -> list[RelationInstance]:
    """Return held-out instances in an order that they decide, all of them with gold relations."""
    if not dev:
        raise InputError("there are no instances to choose the best epoch on; give some, or leave dev out")
    bare = [one for one in dev if one.relation is None]
    if bare:
        raise InputError(
            f"{len(bare)} of {len(dev)} instances in dev have no gold relation, the first of them {bare[0].id!r} "
            f"({bare[0].source or 'no source'}); label them, or leave them out"
        )
    return [dev[place] for place in canonical_order(dev)]
