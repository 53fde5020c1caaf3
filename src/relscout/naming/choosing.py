"""One name per cluster, none of them twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

#: A phrase that is taken gives way to the next best one that has this share of its weight.
_SECOND_BEST = 0.3
#: Stands for a type that is not known.
UNKNOWN = "?"
_ANYWHERE = "HEAD … TAIL"


class Candidate(Protocol):
    """A way to call a relation."""

    @property
    def words(self) -> str:
        """The words as they are counted."""
        ...

    @property
    def name(self) -> str:
        """The words as a name."""
        ...

    @property
    def pattern(self) -> str:
        """The words between HEAD and TAIL."""
        ...

    @property
    def weight(self) -> float:
        """How well it names the cluster, > 0."""
        ...


#: A name, its pattern, and the candidate that it is from.
Choice = tuple[str, str, Candidate | None]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a cluster may be called.

    Args:
        label: Number of the cluster.
        phrases: Phrases with a content word, best first.
        bare: Phrases of stop words, best first; looked at only where there are no others.
        signature: The entity types, such as ``"PERSON – CITY"``; ``None`` where neither is known.
    """

    label: int
    phrases: Sequence[Candidate]
    bare: Sequence[Candidate]
    signature: str | None


def choose(clusters: Sequence[Candidates]) -> dict[int, Choice]:
    """Give every cluster a name and a pattern; where two want the same name, the one with more weight has it.

    Args:
        clusters: The candidates; their order decides between equal weights.

    Returns:
        Label → name, pattern, and the candidate it is from: ``None`` for types and numbers.
    """
    by_strength = sorted(clusters, key=lambda one: -one.phrases[0].weight if one.phrases else 0.0)
    taken: set[str] = set()
    chosen: dict[int, Choice] = {}
    for cluster in by_strength:
        chosen[cluster.label] = next(wish for wish in _wishes(cluster) if wish[0] not in taken)
        taken.add(chosen[cluster.label][0])
    return chosen


def _wishes(cluster: Candidates) -> Iterator[Choice]:
    signature = cluster.signature
    whole = signature if signature and UNKNOWN not in signature else None
    if cluster.phrases:
        best = cluster.phrases[0]
        strong = [phrase for phrase in cluster.phrases if phrase.weight >= _SECOND_BEST * best.weight]
        yield from ((phrase.name, phrase.pattern, phrase) for phrase in strong)
        if whole:
            yield f"{best.name} ({whole})", best.pattern, best
        yield from ((phrase.name, phrase.pattern, phrase) for phrase in cluster.phrases[len(strong) :])
        yield from ((f"{best.name} ({number})", best.pattern, best) for number in count(2))
    if whole:
        yield from _numbered(whole)
    yield from ((phrase.name, phrase.pattern, phrase) for phrase in cluster.bare)
    if signature:
        yield from _numbered(signature)
    yield f"relation {cluster.label}", _ANYWHERE, None


def _numbered(name: str) -> Iterator[Choice]:
    yield name, _ANYWHERE, None
    yield from ((f"{name} ({number})", _ANYWHERE, None) for number in count(2))
