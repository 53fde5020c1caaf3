"""A found fact with its provenance: what writers write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relscout.instances import RelationInstance

#: Whether a sentence asserts a relation, denies it, or only supposes it.
Polarity = Literal["asserted", "negated", "hypothetical"]


@dataclass(frozen=True, slots=True)
class Triple:
    """One found fact: head, relation, tail, and where it was read.

    Args:
        instance: The relation instance that expresses it (text, mentions, types, entity ids, id, source).
        relation_id: Number of the relation in the discovery, from 0.
        relation: Name of the relation.
        confidence: How sure the assignment is, in [0, 1].
        related: Estimated probability that the sentence relates the two at all, in [0, 1]; ``None`` where it was not
            estimated.
        polarity: Whether the sentence asserts the relation, denies it, or only supposes it.
    """

    instance: RelationInstance
    relation_id: int
    relation: str
    confidence: float
    related: float | None = None
    polarity: Polarity = "asserted"
