"""URIs of entities and relations in graph formats, and the list of entities.

===========================================  =====================================================
entity with a Wikidata id (``Q937``)         ``http://www.wikidata.org/entity/Q937``
entity whose id is an http(s) IRI            that IRI
entity with any other id (``/m/0jcx``)       ``urn:relscout:id:%2Fm%2F0jcx``
entity without an id, of a triple            ``urn:relscout:entity:Albert%20Einstein``, from its text
entity without an id, of a fact              ``urn:relscout:entity:per-albert-einstein-3f61d2a0``, from its own id
entity type "PERSON"                         ``urn:relscout:type:PERSON``
relation 0 named "was born in"               ``urn:relscout:relation:0-was-born-in``
===========================================  =====================================================

The text of an entity is normalised to NFC, its white space is collapsed, and it is percent-encoded; case is kept.
Two mentions without an id are one entity exactly when these texts are equal, whatever their types.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from relscout.core.instances import Entity as MergedEntity
from relscout.core.instances import Fact, Mention, RelationInstance, Triple
from relscout.io.writers.textfile import encodable

ENTITY = "urn:relscout:entity:"
RELATION = "urn:relscout:relation:"
CLASS = "urn:relscout:type:"
_ID = "urn:relscout:id:"
_WIKIDATA = "http://www.wikidata.org/entity/"

_WIKIDATA_ID = re.compile("Q[1-9][0-9]*")
_HTTP_IRI = re.compile(r'https?://[^\s\x00-\x20\x7f-\x9f<>"{}|\\^`\ud800-\udfff\ufffe\uffff]+')
_SLUG_LENGTH = 80


def entity_name(instance: RelationInstance, mention: Mention) -> str:
    """Return the text of a mention in NFC, with white space collapsed: the name of its entity."""
    return " ".join(unicodedata.normalize("NFC", encodable(mention.surface(instance.text))).split())


def entity_uri(instance: RelationInstance, mention: Mention) -> str:
    """Return the URI of the entity that a mention names."""
    if not mention.entity_id:
        return ENTITY + quote(entity_name(instance, mention), safe="")
    return _knowledge_base_uri(mention.entity_id)


def merged_entity_uri(entity: MergedEntity) -> str:
    """Return the URI of an entity that was merged from its mentions."""
    if entity.entity_ids:
        return _knowledge_base_uri(entity.id if entity.id in entity.entity_ids else entity.entity_ids[0])
    return ENTITY + quote(encodable(entity.id), safe="")


def type_uri(entity_type: str) -> str:
    """Return the URI of the class of all entities of a type."""
    return CLASS + quote(encodable(entity_type), safe="")


def relation_uri(of: Triple | Fact) -> str:
    """Return the URI of a relation, from its number, which distinguishes equal names, and its name."""
    slug = relation_slug(of.relation.lower(), joint="-")
    return RELATION + quote(f"{of.relation_id}-{slug}" if slug else str(of.relation_id))


def _knowledge_base_uri(entity_id: str) -> str:
    if _WIKIDATA_ID.fullmatch(entity_id):
        return _WIKIDATA + entity_id
    if _HTTP_IRI.fullmatch(entity_id):
        return entity_id
    return _ID + quote(encodable(entity_id), safe="")


def relation_slug(name: str, *, joint: str) -> str:
    """Return the letters, digits and combining marks of a name, its words joined; empty when it has none.

    Args:
        name: Name of a relation.
        joint: The separator of words.
    """
    # combining marks are kept: Indic vowel signs are marks, and words would be split at each of them
    kept = (
        char if unicodedata.category(char)[0] in "LNM" else " " for char in unicodedata.normalize("NFC", name)
    )
    return joint.join("".join(kept).split())[:_SLUG_LENGTH].rstrip(joint)


@dataclass(slots=True)
class Entity:
    """An entity with the types of its mentions.

    Args:
        name: Its text in the first mention, white space collapsed.
        types: All entity types that its mentions have.
    """

    name: str
    types: set[str] = field(default_factory=set)


class Entities:
    """The entities seen so far, by URI: one record per entity, not per mention."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}

    def add(self, instance: RelationInstance, mention: Mention) -> str:
        """Add the entity of a mention and return its URI."""
        uri = entity_uri(instance, mention)
        entity = self._entities.get(uri)
        if entity is None:
            entity = self._entities[uri] = Entity(entity_name(instance, mention))
        if mention.type:
            entity.types.add(mention.type)
        return uri

    def __iter__(self) -> Iterator[tuple[str, Entity]]:
        """Yield ``(URI, entity)`` in the order in which the entities first occurred."""
        return iter(self._entities.items())


def merged_entities(facts: Iterable[Fact]) -> Iterator[tuple[str, MergedEntity]]:
    """Yield ``(URI, entity)`` for each entity of some facts, in the order in which the facts first name them."""
    seen: set[str] = set()
    for fact in facts:
        for entity in (fact.head, fact.tail):
            uri = merged_entity_uri(entity)
            if uri not in seen:
                seen.add(uri)
                yield uri, entity
