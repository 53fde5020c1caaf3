"""Identifiers as consecutive numbers, IRIs by their last part or whole."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_SEVERAL = 2**32 - 1


class Register:
    """Numbers identifiers from 0, in the order in which they are first seen.

    Args:
        whole_iris: Whether an IRI is an identifier as it is; else its last part is, behind the last ``/`` or ``#``.
    """

    def __init__(self, *, whole_iris: bool) -> None:
        self.whole_iris = whole_iris
        self._numbers: dict[str, int] = {}
        self._namespaces: dict[str, int] = {"": 0}
        self._namespace_of = array("I")
        self.n_alike = 0
        """How many last parts end IRIs that differ before it, and so make one of them."""
        self.alike: tuple[str, str] | None = None
        """Two such IRIs."""

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def number(self, identifier: str) -> int:
        """Return the number of an identifier, a new one where it is new."""
        number = self._numbers.setdefault(identifier, len(self._numbers))
        if number == len(self._namespace_of):
            self._namespace_of.append(0)
        return number

    def number_of_iri(self, iri: str) -> int:
        """Return the number of an IRI, a new one where it is new."""
        if self.whole_iris:
            return self.number(iri)
        space, last = split(iri)
        number = self.number(last)
        namespace = self._namespaces.setdefault(space, len(self._namespaces))
        known = self._namespace_of[number]
        if known in (0, namespace):
            self._namespace_of[number] = namespace
        elif known != _SEVERAL:
            self._namespace_of[number] = _SEVERAL
            self.n_alike += 1
            if self.alike is None:
                self.alike = (list(self._namespaces)[known] + last, iri)
        return number

    def find(self, identifier: str) -> int | None:
        """Return the number of an identifier or an IRI; ``None`` where there is none."""
        found = self._numbers.get(identifier)
        if found is None and "://" in identifier and not self.whole_iris:
            return self._numbers.get(split(identifier)[1])
        return found


def split(iri: str) -> tuple[str, str]:
    """Return the namespace of an IRI and its last part, which is never empty."""
    cut = max(iri.rfind("/", 0, -1), iri.rfind("#", 0, -1)) + 1
    return iri[:cut], iri[cut:]
