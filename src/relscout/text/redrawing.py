"""Pairs of which nobody says that they are related: from sentences in which others are marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relscout.instances import Mention, RelationInstance, canonical_order
from relscout.seeding import generator
from relscout.text.gazetteer import Gazetteer

_ANY = "entity"


def redrawn_pairs(
    instances: Sequence[RelationInstance], *, but: Sequence[RelationInstance] = (), seed: int
) -> list[RelationInstance]:
    """Return instances with one of both mentions replaced by another entity of the same sentence.

    Entities are what is a mention anywhere among the instances; so what is drawn is worded as mentions are. A pair that
    is an instance itself, in whatever direction, is not drawn. Sentences in which nothing else can be drawn give none.

    Args:
        instances: The instances; their gold relations are not looked at.
        but: Others that are not to be drawn, in whatever direction.
        seed: Draws the mention and which of both it replaces.

    Returns:
        At most one for each instance, in canonical order of these, each different, without gold relations.
    """
    ordered = [instances[place] for place in canonical_order(instances)]
    entities, types = Gazetteer(), dict[str, str | None]()
    taken = {
        _key(one.text, *pair)
        for one in (*ordered, *but)
        for pair in ((one.head, one.tail), (one.tail, one.head))
    }
    for one in ordered:
        for mention in (one.head, one.tail):
            name = " ".join(mention.surface(one.text).split())
            if name not in types and any(character.isalnum() for character in name):
                types[name] = mention.type
                entities.add(name, _ANY)
    random, found = generator(seed, "redrawn pairs"), []
    for one in ordered:
        candidates = []
        for mention in entities.mentions(one.text):
            other = Mention(mention.start, mention.end, types[" ".join(mention.surface(one.text).split())])
            if any(mention.start < two.end and two.start < mention.end for two in (one.head, one.tail)):
                continue
            candidates += [(one.head, other), (other, one.tail)]
        free = [pair for pair in candidates if _key(one.text, *pair) not in taken]
        if free:
            head, tail = free[int(random.integers(len(free)))]
            found.append(replace(one, head=head, tail=tail, relation=None, id=""))
            taken.add(_key(one.text, head, tail))
    return found


def _key(text: str, head: Mention, tail: Mention) -> tuple[object, ...]:
    return text, head.start, head.end, tail.start, tail.end
