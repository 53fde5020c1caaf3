"""A found fact with its provenance: what writers write."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.instances import RelationInstance


@dataclass(frozen=True, slots=True)
class Triple:
    """One found fact: head, relation, tail, and where it was read.

    Args:
        instance: The relation instance that expresses it (text, mentions, types, entity ids, id, source).
        relation_id: Number of the relation in the discovery, from 0.
        relation: Name of the relation.
        confidence: How sure the assignment is, in [0, 1].
    """

    instance: RelationInstance
    relation_id: int
    relation: str
    confidence: float
