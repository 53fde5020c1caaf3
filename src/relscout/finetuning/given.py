"""The labelled instances that a classifier is given: what can be learnt, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError
from relscout.instances import NAMES_OF_NONE, RelationInstance, canonical_order
from relscout.training.labels import canonical, classes_of, digest


@dataclass(frozen=True)
class Given:
    """Labelled instances in an order that they decide, and their classes by the first instance of each relation.

    Args:
        known: What is learnt from; every content once.
        names: Names of the R relations.
        classes: Class of each of ``known`` (N,), int64.
        held: What is held out; ``None`` where nothing is.
        gold: Class of each of ``held`` (M,), int64; -1 for a relation that is not learnt.
        related: Whether the relation of each of ``held`` (M,), bool, is another one than "no relation".
        none: Which relations (R,), bool, mean "no relation".
        warnings: What a user should know.
    """

    known: list[RelationInstance]
    names: list[str]
    classes: NDArray[np.int64]
    held: list[RelationInstance] | None
    gold: NDArray[np.int64]
    related: NDArray[np.bool_]
    none: NDArray[np.bool_]
    warnings: list[str]

    @classmethod
    def of(cls, train: Sequence[RelationInstance], dev: Sequence[RelationInstance] | None) -> Given:
        """Check labelled instances and put them in order.

        Raises:
            InputError: One has no gold relation, there are fewer than two relations, or ``dev`` is empty.
        """
        known, warnings = canonical(train)
        names, classes = classes_of(known)
        held = None if dev is None else _checked(dev)
        number = {name: place for place, name in enumerate(names)}
        gold = np.array([number.get(str(one.relation), -1) for one in held or ()], dtype=np.int64)
        none = np.array([name.casefold() in NAMES_OF_NONE for name in names])
        related = np.array([not one.is_unrelated for one in held or ()], dtype=np.bool_)
        if missing := sorted({str(one.relation) for one in held or ()} - set(names)):
            warnings.append(lacking(missing, len(names), int((gold < 0).sum()), len(gold), where="dev"))
        return cls(known, names, classes, held, gold, related, none, warnings)

    def digest(self) -> str:
        """Return a hash of all classes, which the names of relations do not change."""
        return digest(np.concatenate([self.classes, self.gold, self.related, self.none]).astype(np.int64))


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


def _checked(dev: Sequence[RelationInstance]) -> list[RelationInstance]:
    """Return held-out instances in an order that they decide, all of them with gold relations."""
    if not dev:
        raise InputError("there are no instances to select the best epoch on; give some, or leave out dev")
    bare = [one for one in dev if one.relation is None]
    if bare:
        raise InputError(
            f"{len(bare)} of {len(dev)} instances in dev have no gold relation, the first of them {bare[0].id!r} "
            f"({bare[0].source or 'no source'}); label them, or leave them out"
        )
    return [dev[place] for place in canonical_order(dev)]
