"""Distant alignment: label the instances of a corpus with the relations of a knowledge graph."""

from __future__ import annotations

from relscout.alignment.aligning import AlignmentSettings, AlignmentStatistics, Exclusions, align
from relscout.alignment.graph import KnowledgeGraph

__all__ = ["AlignmentSettings", "AlignmentStatistics", "Exclusions", "KnowledgeGraph", "align"]
