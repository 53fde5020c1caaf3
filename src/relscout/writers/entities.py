"""The entities of triples and of facts, for formats that list them apart from the relations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from relscout.instances import Mention, RelationInstance
from relscout.triples import Entity as MergedEntity
from relscout.triples import Fact
from relscout.writers.identity import entity_name, entity_uri, merged_entity_uri


@dataclass(slots=True)
class Entity:
    """One entity, gathered from its mentions.

    Args:
        name: Its text in the first mention, white space collapsed.
        types: All entity types that its mentions have.
    """

    name: str
    types: set[str] = field(default_factory=set)


class Entities:
    """All entities met so far, by URI; holds one record per entity, none per mention."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}

    def add(self, instance: RelationInstance, mention: Mention) -> str:
        """Note the entity of a mention and return its URI."""
        uri = entity_uri(instance, mention)
        entity = self._entities.get(uri)
        if entity is None:
            entity = self._entities[uri] = Entity(entity_name(instance, mention))
        if mention.type:
            entity.types.add(mention.type)
        return uri

    def __iter__(self) -> Iterator[tuple[str, Entity]]:
        """Yield ``(URI, entity)`` in the order in which the entities were first met."""
        return iter(self._entities.items())


def merged_entities(facts: Iterable[Fact]) -> Iterator[tuple[str, MergedEntity]]:
    """Yield ``(URI, entity)`` for each entity of some facts, in the order in which the facts name them first."""
    seen: set[str] = set()
    for fact in facts:
        for entity in (fact.head, fact.tail):
            uri = merged_entity_uri(entity)
            if uri not in seen:
                seen.add(uri)
                yield uri, entity
