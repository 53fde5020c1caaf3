"""Distant alignment: a corpus and a knowledge graph in, instances with the graph's relations out."""

from __future__ import annotations

from relscout.alignment.account import Account
from relscout.alignment.aligning import align
from relscout.alignment.exclusion import Exclusions
from relscout.alignment.graph import KnowledgeGraph
from relscout.alignment.settings import AlignmentSettings

__all__ = ["Account", "AlignmentSettings", "Exclusions", "KnowledgeGraph", "align"]
