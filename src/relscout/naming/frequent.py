"""The most frequent n-gram between the mentions: names of clusters as in SelfORE.

"We get words between [E1] and [E2] and calculate the most frequent n-gram as the surface form" (Hu et al., EMNLP 2020,
section 2.4). Stop words are kept, and other clusters are not looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relscout.core.instances import RelationInstance
from relscout.naming.words import join, pieces


@dataclass(frozen=True, slots=True)
class FrequentNgram:
    """An n-gram between the mentions of a cluster's instances.

    Args:
        words: The words in lower case.
        head_first: Whether the head precedes the tail in most of the instances that have it.
        weight: Share of the instances of the cluster that have it, in (0, 1].
    """

    words: str
    head_first: bool
    weight: float

    @property
    def name(self) -> str:
        """The words."""
        return self.words

    @property
    def pattern(self) -> str:
        """The words between HEAD and TAIL."""
        return f"HEAD {self.words} TAIL" if self.head_first else f"TAIL {self.words} HEAD"


def most_frequent_ngrams(
    instances: Sequence[RelationInstance], *, length: int | None = None, most: int = 10
) -> list[FrequentNgram]:
    """Return the most frequent n-grams between the mentions of a cluster, best first; none if there are no words.

    The paper does not give n. Counted over all n, a single word such as "of" would always win, because an n-gram is
    never more frequent than its words. So all words between the mentions are one n-gram by default, as the names in
    the paper's table 2 suggest ("are close to", "the state of").

    Args:
        instances: The instances of a cluster. An n-gram counts once in each.
        length: n, at least 1; by default all words between the mentions are the n-gram.
        most: Largest number of n-grams.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    head_first: Counter[tuple[str, ...]] = Counter()
    for instance in instances:
        first, second = sorted((instance.head, instance.tail), key=lambda mention: mention.start)
        words = tuple(
            word.lower()
            for word in pieces(instance.text[first.end : second.start])
            if any(map(str.isalnum, word))
        )
        grams = set(_grams(words, length))
        counts.update(grams)
        if first is instance.head:
            head_first.update(grams)
    # of equally frequent ones the longer says more
    best = sorted(counts, key=lambda gram: (-counts[gram], -len(gram), gram))[:most]
    return [
        FrequentNgram(join(gram), 2 * head_first[gram] >= counts[gram], counts[gram] / len(instances))
        for gram in best
    ]


def _grams(words: tuple[str, ...], length: int | None) -> Iterator[tuple[str, ...]]:
    if length is None:
        yield from [words] if words else []
        return
    yield from (words[at : at + length] for at in range(len(words) - length + 1))
