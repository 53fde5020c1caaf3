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
        InputError: They do not.
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
    """Drop repeated instances, and instances with contradictory labels; return the others, and warnings.

    Which instances are kept does not depend on their order. They stay in it.

    Raises:
        InputError: Fewer than two relations are left.
    """
    relations: dict[Content, set[str | None]] = {}
    for instance in labeled:
        relations.setdefault(content(instance), set()).add(instance.relation)
    # by place, since the list may contain the same object twice
    first = {content(instance): place for place, instance in reversed(list(enumerate(labeled)))}
    kept = [
        instance
        for place, instance in enumerate(labeled)
        if first[content(instance)] == place and len(relations[content(instance)]) == 1
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
    """Sort labelled instances into a canonical order, without repetitions and contradictions; return also warnings.

    Raises:
        InputError: They have fewer than two relations, or an instance has none.
    """
    check_labelled(labeled)
    return unambiguous([labeled[place] for place in canonical_order(labeled)])


def classes_of(known: Sequence[RelationInstance]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the relations in the order of their first instances, and the number of each instance's relation (N,).

    The order does not depend on the names of the relations.
    """
    names = list(dict.fromkeys(str(instance.relation) for instance in known))
    number = {name: place for place, name in enumerate(names)}
    return names, np.array([number[str(instance.relation)] for instance in known], dtype=np.int64)


def digest(classes: NDArray[np.int64]) -> str:
    """Return a hash of which labelled instances share a relation; it does not depend on the names of the relations."""
    return blake2b(classes.tobytes(), digest_size=8).hexdigest()


def check_left(kept: Sequence[RelationInstance], warnings: Sequence[str]) -> None:
    """Check that at least two labelled relations are left after some instances were left out.

    Args:
        kept: The instances that are left.
        warnings: Descriptions of what was left out, for the error message.

    Raises:
        InputError: Fewer than two are left.
    """
    n_relations = len({instance.relation for instance in kept})
    if n_relations < 2:
        raise InputError(
            f"{n_relations} labelled relations are left, expected at least two; {'; '.join(warnings)}"
        )


def content(instance: RelationInstance) -> Content:
    """Return the text and the spans of an instance; instances that are equal in these are repetitions."""
    head, tail = instance.head, instance.tail
    return instance.text, head.start, head.end, tail.start, tail.end


def count_of(share: float, of: int) -> int:
    """Return a share of a number, rounded up.

    Args:
        share: Above 0, up to 1.
        of: The number, at least 0.
    """
    # in floating point, 0.07 · 100 is a little more than 7
    return ceil(round(share * of, 9))


def drawn_share(train: Sequence[RelationInstance], share: float, *, seed: int) -> list[RelationInstance]:
    """Draw a share of the instances of each relation, rounded up (Peng et al. 2020, appendix B).

    Which instances are drawn does not depend on their order. They stay in it.

    Args:
        train: Labelled instances. Those without a gold relation are all kept: fitting on them raises the error.
        share: Above 0, up to 1, which draws all.
        seed: Random seed.

    Raises:
        SettingError: The share is out of range.
    """
    if not 0 < share <= 1:
        raise SettingError(f"share is {share}, expected a number above 0 and up to 1, such as 0.1")
    of_relation: defaultdict[str | None, list[int]] = defaultdict(list)
    for place in canonical_order(train):
        of_relation[train[place].relation].append(place)
    drawn: list[int] = of_relation.pop(None, [])
    # in the order of the first instances, so that the draw does not depend on the names of the relations
    for number, places in enumerate(of_relation.values()):
        order = generator(seed, f"share {number}").permutation(len(places))
        drawn += [places[position] for position in order[: count_of(share, len(places))]]
    return [train[place] for place in sorted(drawn)]
