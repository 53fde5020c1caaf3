"""Labelled and unlabelled instances apart: the one place that sees the gold relations of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from relscout.errors import InputError, UnknownNameError
from relscout.instances import RelationInstance
from relscout.training.labels import check_labelled, check_left, content

#: What becomes of relations that are labelled and stand among the unlabelled instances, too.
Known = Literal["raise", "drop", "keep"]
_CHOICES = ("raise", "drop", "keep")
_NAMED = 3


def check_known(known: str) -> None:
    """Check the choice itself.

    Raises:
        UnknownNameError: There is no such choice.
    """
    if known not in _CHOICES:
        raise UnknownNameError("choice for known relations", known, _CHOICES)


def apart(
    unlabeled: Sequence[RelationInstance], labeled: Sequence[RelationInstance], *, known: Known
) -> tuple[list[RelationInstance], list[str]]:
    """Return the labelled instances that a method may learn from, and what was left out, in words.

    Gold relations of the unlabelled instances are looked at here and nowhere else, and only to tell whether a label
    gives away what is to be found.

    Args:
        unlabeled: What relations are to be found in, with gold relations where there are some.
        labeled: Instances with gold relations.
        known: Of relations on both sides, ``raise`` an error, ``drop`` the labelled instances, or ``keep`` them.

    Raises:
        InputError: A labelled instance has no relation, relations stand on both sides, or fewer than two are left.
    """
    check_labelled(labeled)
    warnings: list[str] = []
    kept = list(labeled)
    both = sorted(
        {str(one.relation) for one in labeled} & {one.relation for one in unlabeled if one.relation}
    )
    if both and known == "raise":
        raise InputError(
            f"{_relations(both)} labelled and among the gold relations of the instances to be clustered; leave the "
            "labelled ones out with --known drop (known='drop' in Python), which is how novel relations are evaluated, "
            "or allow it with --known keep where the corpus is meant to hold known relations"
        )
    if both and known == "drop":
        kept = [one for one in kept if one.relation not in both]
        warnings.append(
            f"{len(labeled) - len(kept)} labelled instances were left out: {_relations(both)} among the gold relations "
            "of the instances to be clustered"
        )
    unseen = {content(one) for one in unlabeled}
    n_before = len(kept)
    kept = [one for one in kept if content(one) not in unseen]
    if n_before > len(kept):
        warnings.append(
            f"{n_before - len(kept)} labelled instances were left out: the same sentences with the same mentions are "
            "to be clustered"
        )
    check_left(kept, warnings)
    return kept, warnings


def _relations(names: Sequence[str]) -> str:
    """Return how many relations there are and the first few names, with the verb."""
    named = ", ".join(map(repr, names[:_NAMED])) + (", …" if len(names) > _NAMED else "")
    return f"1 relation ({named}) is" if len(names) == 1 else f"{len(names)} relations ({named}) are"
