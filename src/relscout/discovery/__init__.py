"""From instances to named relations."""

from __future__ import annotations

from relscout.discovery.decisions import Decisions
from relscout.discovery.evaluation import Evaluation
from relscout.discovery.pipeline import discover
from relscout.discovery.relation import Assignments, ParentRelation, Relation
from relscout.discovery.result import Discovery, load

__all__ = [
    "Assignments",
    "Decisions",
    "Discovery",
    "Evaluation",
    "ParentRelation",
    "Relation",
    "discover",
    "load",
]
