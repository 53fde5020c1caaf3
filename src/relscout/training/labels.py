"""Labelled instances for training: checks, duplicates, classes, and stratified shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from math import ceil

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.seeding import generator

Content = tuple[object, ...]


def check_labelled(labeled: Sequence[RelationInstance]) -> None:
    """Check that labelled instances have relations, at least two different ones.

    Raises:
        InputError: They have not.
    """
    bare = [instance for instance in labeled if instance.relation is None]
    if bare:
        first = bare[0]
        raise InputError(
            f"{len(bare)} of {len(labeled)} labelled instances have no gold relation, the first of them {first.id!r} "
            f"({first.source or 'no source'}); label them, or leave them out"
        )
    relations = sorted({str(instance.relation) for instance in labeled})
    if len(relations) < 2:
        have = f"only the relation {relations[0]!r}" if relations else "no relation at all"
        raise InputError(
            f"the {len(labeled)} labelled instances have {have}; expected at least two different relations"
        )


def unambiguous(labeled: Sequence[RelationInstance]) -> tuple[list[RelationInstance], list[str]]:
    """Return labelled instances each content once, none whose labels contradict each other, and what was left out.

    Whatever the order of the instances, the same ones are left; their order stays.

    Raises:
        InputError: Fewer than two relations are left.
    """
    relations: dict[Content, set[str | None]] = {}
    for instance in labeled:
        relations.setdefault(content(instance), set()).add(instance.relation)
    # by place, since one and the same object may stand there twice
    first = {content(one): place for place, one in reversed(list(enumerate(labeled)))}
    kept = [
        one
        for place, one in enumerate(labeled)
        if first[content(one)] == place and len(relations[content(one)]) == 1
    ]
    contradicted = sum(len(relations[content(instance)]) > 1 for instance in labeled)
    warnings = []
    if repeated := len(labeled) - contradicted - len(kept):
        warnings.append(f"{repeated} of {len(labeled)} labelled instances repeat another one and count once")
    if contradicted:
        warnings.append(
            f"{contradicted} of {len(labeled)} labelled instances were left out: the same sentence with the same "
            "mentions has another relation, too"
        )
    check_left(kept, warnings)
    return kept, warnings


def canonical(labeled: Sequence[RelationInstance]) -> tuple[list[RelationInstance], list[str]]:
    """Return labelled instances in an order that they decide, each content once, and what was left out.

    Raises:
        InputError: They have not two relations.
    """
    check_labelled(labeled)
    return unambiguous([labeled[place] for place in canonical_order(labeled)])


def classes_of(known: Sequence[RelationInstance]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the relations by their first instance, so that names decide nothing, and that of each instance (N,)."""
    names = list(dict.fromkeys(str(instance.relation) for instance in known))
    number = {name: place for place, name in enumerate(names)}
    return names, np.array([number[str(instance.relation)] for instance in known], dtype=np.int64)


def digest(classes: NDArray[np.int64]) -> str:
    """Return a hash of which labelled instances share a relation, whatever the relations are called."""
    return blake2b(classes.tobytes(), digest_size=8).hexdigest()


def check_left(kept: Sequence[RelationInstance], warnings: Sequence[str]) -> None:
    """Check that after something was left out there still are two labelled relations.

    Raises:
        InputError: There are not; the message says what was left out.
    """
    n_relations = len({instance.relation for instance in kept})
    if n_relations < 2:
        raise InputError(
            f"{n_relations} labelled relations are left, expected at least two; {'; '.join(warnings)}"
        )


def content(instance: RelationInstance) -> Content:
    """Return text and spans of an instance: what is equal in these is one and the same sentence."""
    head, tail = instance.head, instance.tail
    return instance.text, head.start, head.end, tail.start, tail.end


def count_of(share: float, of: int) -> int:
    """Return how many a share of some is, rounded up, so at least one where there are any.

    Args:
        share: Above 0, up to 1.
        of: How many there are, at least 0.
    """
    # 0.07 · 100 is a little more than 7 in binary numbers
    return ceil(round(share * of, 9))


def drawn_share(train: Sequence[RelationInstance], share: float, *, seed: int) -> list[RelationInstance]:
    """Draw a share of the instances of each relation, rounded up, so at least one (Peng et al. 2020, appendix B).

    The order of the instances decides nothing; those that are drawn stay in it.

    Args:
        train: Labelled instances; one without a gold relation is kept, for whoever refuses it.
        share: Above 0, up to 1, which draws all.
        seed: Decides which.

    Raises:
        SettingError: The share is out of range.
    """
    if not 0 < share <= 1:
        raise SettingError(f"share is {share}, expected a number above 0 and up to 1, such as 0.1")
    of_relation: defaultdict[str | None, list[int]] = defaultdict(list)
    for place in canonical_order(train):
        of_relation[train[place].relation].append(place)
    drawn: list[int] = of_relation.pop(None, [])
    # by the first instance of each relation, so that names decide nothing
    for number, places in enumerate(of_relation.values()):
        order = generator(seed, f"share {number}").permutation(len(places))
        drawn += [places[one] for one in order[: count_of(share, len(places))]]
    return [train[place] for place in sorted(drawn)]
