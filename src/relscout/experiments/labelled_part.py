"""A part of a protocol's labelled instances: how much do labels matter?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relscout.errors import InputError, SettingError
from relscout.finetuning.shares import count_of
from relscout.instances import RelationInstance, canonical_order
from relscout.seeding import generator

#: What a sweep may vary of the labelled instances, beside settings of the method.
RELATIONS, SHARE = "labeled.relations", "labeled.share"
VARIED = (RELATIONS, SHARE)


def check_varied(variation: Mapping[str, Any]) -> None:
    """Check the values of a sweep over the labelled instances; others are passed over.

    Raises:
        SettingError: A number of relations is no whole number from 2, or a share is not above 0 to 1.
    """
    for name, value in variation.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if name == RELATIONS and not (whole and value >= 2):
            raise SettingError(f"{RELATIONS} is {value!r}, expected a whole number from 2")
        if name == SHARE and not (isinstance(value, int | float) and whole <= 1 and 0 < value <= 1):
            raise SettingError(f"{SHARE} is {value!r}, expected a share above 0, and at most 1")


def part_of(labeled: Sequence[RelationInstance], variation: Mapping[str, Any]) -> Sequence[RelationInstance]:
    """Return the labelled instances that a variation leaves: some of the relations, or a share of each.

    A smaller part is always within a larger one, so that what is compared is the amount and not the draw.

    Args:
        labeled: All labelled instances.
        variation: What the sweep sets.

    Raises:
        InputError: There are fewer relations than are asked for.
    """
    if not set(variation) & set(VARIED):
        return labeled
    ordered = [labeled[place] for place in canonical_order(labeled)]
    of_relation: dict[str, list[RelationInstance]] = {}
    for one in ordered:
        of_relation.setdefault(str(one.relation), []).append(one)
    names = sorted(of_relation)
    if (wanted := variation.get(RELATIONS)) is not None:
        if wanted > len(names):
            raise InputError(
                f"{RELATIONS} is {wanted}, but only {len(names)} relations are labelled; ask for fewer"
            )
        drawn = generator(0, "labelled relations").permutation(len(names))
        names = sorted(names[place] for place in drawn[:wanted])
    share = variation.get(SHARE, 1)
    kept = []
    for name in names:
        members = of_relation[name]
        drawn = generator(0, f"labelled instances of {name}").permutation(len(members))
        kept += [members[place] for place in sorted(drawn[: count_of(share, len(members))])]
    return kept
