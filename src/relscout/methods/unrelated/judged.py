"""Some pairs that somebody has judged to be related or not."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from relscout.encoders.cache import instance_key
from relscout.errors import InputError
from relscout.instances import NAMES_OF_NONE, RelationInstance, canonical_order

#: Instances that somebody has judged.
Judged = list[RelationInstance] | tuple[RelationInstance, ...]


def checked_judged(judged: Judged) -> list[RelationInstance]:
    """Return judged instances in an order that they decide.

    Raises:
        InputError: One has no gold relation, or all are of one kind.
    """
    found = [judged[place] for place in canonical_order(judged)]
    for one in found:
        if one.relation is None:
            raise InputError(
                f"{one.source or one.id}: a judged instance needs a gold relation: 'no_relation', or what it expresses"
            )
    if not 0 < (unrelated := sum(one.is_unrelated for one in found)) < len(found):
        raise InputError(
            f"{unrelated} of {len(found)} judged instances are unrelated; some of either kind are needed: their gold "
            f"relation is one of {', '.join(sorted(NAMES_OF_NONE))}, or another name"
        )
    return found


def digest_of(judged: Sequence[RelationInstance]) -> str:
    """Return a short hash of judged instances, in their order, and of how each was judged."""
    digest = blake2b(digest_size=8)
    for one in judged:
        digest.update(instance_key(one) + bytes([one.is_unrelated]))
    return digest.hexdigest()
