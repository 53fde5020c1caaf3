"""A part of a protocol's labelled instances: how much do labels matter?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relscout.errors import InputError, SettingError
from relscout.finetuning.shares import drawn_share
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
    kept = [labeled[place] for place in canonical_order(labeled)]
    if (wanted := variation.get(RELATIONS)) is not None:
        names = sorted({str(one.relation) for one in kept})
        if wanted > len(names):
            raise InputError(
                f"{RELATIONS} is {wanted}, but only {len(names)} relations are labelled; ask for fewer"
            )
        drawn = generator(0, "labelled relations").permutation(len(names))
        chosen = {names[place] for place in drawn[:wanted]}
        kept = [one for one in kept if str(one.relation) in chosen]
    return drawn_share(kept, variation.get(SHARE, 1), seed=0)
