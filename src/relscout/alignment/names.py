"""Names of entities, and which entities a name may stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from relscout.names import normalized

#: Identifiers that say nothing to a reader: Wikidata's, and whole IRIs.
_OPAQUE = re.compile(r"[QPL][1-9][0-9]*|[A-Za-z][\w+.-]*://.*")


def name_in(identifier: str) -> str | None:
    """Return the normalised name that an identifier spells, as ``Marie_Curie`` does; ``None`` where it is opaque."""
    if _OPAQUE.fullmatch(identifier):
        return None
    return normalized(unquote(identifier).replace("_", " ")) or None


class Names:
    """From normalised names to the numbers of the entities that they may stand for."""

    def __init__(self) -> None:
        # nearly all names stand for one entity, and a bare number takes less memory than a tuple
        self._entities: dict[str, int | tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._entities)

    def add(self, name: str, entity: int) -> None:
        """Add an entity to those of a normalised name."""
        known = self.of(name)
        if entity not in known:
            self._entities[name] = (*known, entity) if known else entity

    def add_all(self, named: Iterable[tuple[str | None, int]]) -> None:
        """Add an entity for every name that there is."""
        for name, entity in named:
            if name is not None:
                self.add(name, entity)

    def of(self, name: str) -> tuple[int, ...]:
        """Return the entities of a normalised name, in the order in which they were added."""
        found = self._entities.get(name, ())
        return (found,) if isinstance(found, int) else found
