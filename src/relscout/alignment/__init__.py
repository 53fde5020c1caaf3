"""Distant alignment: a corpus and a knowledge graph in, instances with the graph's relations out."""

from __future__ import annotations

from relscout.alignment.aligning import AlignmentSettings, AlignmentStatistics, Exclusions, align
from relscout.alignment.graph import KnowledgeGraph

__all__ = ["AlignmentSettings", "AlignmentStatistics", "Exclusions", "KnowledgeGraph", "align"]
