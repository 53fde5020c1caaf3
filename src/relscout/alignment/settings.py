"""Settings of distant alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relscout.ranges import check_choices, check_least


@dataclass(frozen=True)
class AlignmentSettings:
    """How instances are linked to a graph, and which of them are kept.

    Raises:
        UnknownNameError: A setting is another word than those it may be.
        SettingError: ``min_sentences`` is below 1.
    """

    link: Literal["id-or-name", "id", "name"] = "id-or-name"
    """How a mention is linked to an entity: by its identifier, or by its name if it has none (``id-or-name``); or by
    one of them only. A mention whose identifier is not in the graph is linked by name with ``name`` only."""
    ambiguous: Literal["resolve", "drop"] = "resolve"
    """An ambiguous name: linked to the entity that the graph relates to the other mention, if there is exactly one
    (``resolve``); or always left out (``drop``)."""
    both_ways: bool = True
    """Whether a pair that the graph relates from tail to head gives an instance with head and tail exchanged; otherwise
    it is left out."""
    min_sentences: int = 2
    """Relations with fewer different sentences are left out; at least 1. One sentence alone cannot form a pair."""

    def __post_init__(self) -> None:
        check_choices(self, {"link": ("id-or-name", "id", "name"), "ambiguous": ("resolve", "drop")})
        check_least(self, {"min_sentences": 1})
