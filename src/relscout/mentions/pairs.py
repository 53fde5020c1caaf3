"""Which entities of a sentence are looked at together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from relscout.errors import SettingError
from relscout.instances import Mention, RelationInstance


@dataclass(frozen=True, slots=True)
class Pairing:
    """Rules for the pairs of entities that become relation instances.

    Raises:
        SettingError: A rule has a value that cannot work.
    """

    directions: Literal["both", "forward"] = "both"
    """``"forward"``: the entity named first is the head; ``"both"``: also the other way round."""

    max_distance: int | None = None
    """Largest number of words between the two entities, >= 0; ``None``: any number."""

    types: frozenset[tuple[str, str]] | None = None
    """Allowed pairs of (head type, tail type), such as ``("PERSON", "ORG")``; ``None``: all."""

    def __post_init__(self) -> None:
        if self.directions not in ("both", "forward"):
            raise SettingError(f"directions is {self.directions!r}; expected 'both' or 'forward'")
        if self.max_distance is not None and self.max_distance < 0:
            raise SettingError(f"max_distance is {self.max_distance}; expected a number of words, 0 or more")
        if self.types is not None and not self.types:
            raise SettingError(
                "types is empty, so no pair is allowed; expected (head type, tail type) pairs or None"
            )


ALL_PAIRS = Pairing()


def pairs(
    sentence: str, mentions: Sequence[Mention], pairing: Pairing = ALL_PAIRS, *, source: str = ""
) -> Iterator[RelationInstance]:
    """Yield an instance per allowed pair of entities, in the order of the text, forward before backward.

    Entities that overlap make no pair.

    Args:
        sentence: The sentence.
        mentions: Its entities, in any order, with offsets into ``sentence``.
        pairing: The rules.
        source: Provenance of the instances.

    Raises:
        InputError: A mention does not fit the sentence.
    """
    in_order = sorted(mentions, key=lambda mention: (mention.start, mention.end))
    for first, second in combinations(in_order, 2):
        if second.start < first.end or _too_far(sentence, first, second, pairing.max_distance):
            continue
        both_ways = ((first, second), (second, first))
        for head, tail in both_ways if pairing.directions == "both" else both_ways[:1]:
            if pairing.types is None or (head.type, tail.type) in pairing.types:
                yield RelationInstance(sentence, head, tail, source=source)


def _too_far(sentence: str, first: Mention, second: Mention, max_distance: int | None) -> bool:
    return max_distance is not None and len(sentence[first.end : second.start].split()) > max_distance
