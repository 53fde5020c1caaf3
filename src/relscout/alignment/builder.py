"""Triples on their way into a knowledge graph: numbers instead of identifiers, and what was left out."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relscout.alignment.register import Register

#: A pair of entities is one number: the head's, and the tail's in the lower bits.
TAIL_BITS = 32


@dataclass
class Reading:
    """What was met while the files of a graph were read."""

    literals: int = 0
    """Statements of N-Triples left out because their object is a literal, and no name of the subject."""
    blank_nodes: int = 0
    """Statements left out because their subject or object has no IRI."""
    names_left_out: int = 0
    """Names left out because their entity is in no triple, or because they are of another language."""
    wrong_lines: int = 0
    """Wrong lines that were skipped."""


class GraphBuilder:
    """Collects triples by number, 12 bytes each.

    Args:
        whole_iris: Whether IRIs are kept whole; else the last part stands for them.
    """

    def __init__(self, *, whole_iris: bool) -> None:
        self.entities = Register(whole_iris=whole_iris)
        self.relation_names = Register(whole_iris=whole_iris)
        self.reading = Reading()
        self._pairs, self._kinds = array("q"), array("I")

    def __len__(self) -> int:
        return len(self._pairs)

    def numbers(self, head: str, relation: str, tail: str) -> tuple[int, int, int]:
        """Return the numbers of three identifiers."""
        return self.entities.number(head), self.relation_names.number(relation), self.entities.number(tail)

    def numbers_of_iris(self, head: str, relation: str, tail: str) -> tuple[int, int, int]:
        """Return the numbers of three IRIs."""
        of = self.entities.number_of_iri
        return of(head), self.relation_names.number_of_iri(relation), of(tail)

    def add(self, head: int, relation: int, tail: int) -> None:
        """Add a triple by its numbers."""
        self._pairs.append(head << TAIL_BITS | tail)
        self._kinds.append(relation)

    def sorted(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return pairs of entities (T,) and relations (T,), ordered and each triple once; the builder is emptied."""
        pairs = np.asarray(self._pairs, np.int64)
        kinds = np.asarray(self._kinds, np.uint32)
        self._pairs, self._kinds = array("q"), array("I")
        order = np.lexsort((kinds, pairs))
        pairs, kinds = pairs[order], kinds[order]
        first = np.ones(len(pairs), dtype=bool)
        first[1:] = (pairs[1:] != pairs[:-1]) | (kinds[1:] != kinds[:-1])
        return pairs[first], kinds[first]
