"""Which entities a sentence names, and sentences that must not be learnt from because they will be tested on."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from relscout.instances import Mention, RelationInstance
from relscout.names import normalized


def entity_code(mention: Mention, text: str) -> int:
    """Return a number of 64 bits that stands for an entity: of its identifier, else of its name.

    Names are compared as :func:`relscout.names.normalized` has it.
    """
    return _code(f"id {mention.entity_id}" if mention.entity_id else _named(mention, text))


def pair_codes(instance: RelationInstance) -> tuple[int, int]:
    """Return the codes of head and tail, as :func:`entity_code` gives them."""
    return entity_code(instance.head, instance.text), entity_code(instance.tail, instance.text)


class Excluded:
    """Entity pairs that must not be learnt from, in either direction.

    Args:
        instances: Sentences that will be tested on. A pair is known again by its identifiers, or by its names.
    """

    def __init__(self, instances: Iterable[RelationInstance]) -> None:
        self._pairs = {pair for instance in instances for pair in _both(instance)}

    def __contains__(self, instance: object) -> bool:
        return isinstance(instance, RelationInstance) and not self._pairs.isdisjoint(_both(instance))


def _both(instance: RelationInstance) -> set[tuple[int, int]]:
    """Return the pair by its names, and by its identifiers where both have one; the smaller number first."""
    head, tail, text = instance.head, instance.tail, instance.text
    pairs = [(_code(_named(head, text)), _code(_named(tail, text)))]
    if head.entity_id and tail.entity_id:
        pairs.append(pair_codes(instance))
    return {(min(pair), max(pair)) for pair in pairs}


def _named(mention: Mention, text: str) -> str:
    return f"name {normalized(mention.surface(text))}"


def _code(told: str) -> int:
    return int.from_bytes(blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
