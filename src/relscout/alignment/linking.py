"""Which entities of a graph the mentions of an instance stand for."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.alignment.account import Account, Step
from relscout.alignment.graph import KnowledgeGraph
from relscout.alignment.settings import AlignmentSettings
from relscout.instances import Mention, RelationInstance


@dataclass(frozen=True, slots=True)
class Linked:
    """The entities of head and tail, by number, which the graph relates in one direction at least."""

    head: int
    tail: int


def link(
    instance: RelationInstance, graph: KnowledgeGraph, settings: AlignmentSettings, account: Account
) -> Linked | Step:
    """Return the one pair of entities that the mentions stand for and the graph relates, or why there is none.

    A name may stand for several entities. Of all pairs of a head's and a tail's entity, the related ones are looked at,
    in the directions that the settings allow: if there is just one, it is taken.
    """
    heads = _entities(instance, instance.head, graph, settings, account)
    tails = _entities(instance, instance.tail, graph, settings, account)
    if not heads or not tails:
        return "unlinked"
    if settings.ambiguous == "drop" and (len(heads) > 1 or len(tails) > 1):
        return "ambiguous"
    related = set(graph.related(heads, tails))
    if settings.both_ways:
        related |= {(head, tail) for tail, head in graph.related(tails, heads)}
    if not related:
        return "unrelated"
    if len(related) > 1:
        return "ambiguous"
    return Linked(*related.pop())


def candidates(instance: RelationInstance, mention: Mention, graph: KnowledgeGraph) -> tuple[int, ...]:
    """Return all entities that a mention may stand for, by its identifier or by its name: more rather than fewer."""
    by_id = None if mention.entity_id is None else graph.entity(mention.entity_id)
    by_name = graph.named(mention.surface(instance.text))
    return by_name if by_id is None or by_id in by_name else (by_id, *by_name)


def _entities(
    instance: RelationInstance,
    mention: Mention,
    graph: KnowledgeGraph,
    settings: AlignmentSettings,
    account: Account,
) -> tuple[int, ...]:
    if settings.link != "name" and mention.entity_id is not None:
        entity = graph.entity(mention.entity_id)
        if entity is None:
            account.unknown_id(mention.entity_id)
            return ()
        account.mentions_by_id += 1
        return (entity,)
    if settings.link == "id":
        account.mentions_without_id += 1
        return ()
    name = mention.surface(instance.text)
    entities = graph.named(name)
    if not entities:
        account.unknown_name(name)
    account.mentions_by_name += len(entities) == 1
    account.mentions_by_several += len(entities) > 1
    return entities
