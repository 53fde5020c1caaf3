"""How often runs of words occur in each cluster, each counted once per instance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

#: Where a run stands (a number), then its words.
Gram = tuple[int | str, ...]
#: One instance: its runs of words, each with the number of its place.
Runs = Sequence[tuple[int, Sequence[str]]]


def supports(
    clusters: Sequence[Sequence[Runs]], thresholds: Sequence[int], *, longest: int
) -> list[Counter[Gram]]:
    """Count in how many instances of each cluster every frequent n-gram occurs.

    An n-gram is frequent where it reaches the threshold of at least one cluster; its counts are then exact in
    all of them. Level by level, an n-gram is looked at only where both its (n-1)-grams are frequent, so that
    memory follows what is frequent and not what occurs.

    Args:
        clusters: Instances per cluster.
        thresholds: Support from which an n-gram is frequent, per cluster.
        longest: Words of the longest n-gram, >= 1.
    """
    found: list[Counter[Gram]] = [Counter() for _ in clusters]
    frequent: set[Gram] = set()
    for length in range(1, longest + 1):
        counts: list[Counter[Gram]] = [Counter() for _ in clusters]
        for counter, instances in zip(counts, clusters, strict=True):
            for runs in instances:
                counter.update(set(_grams(runs, length, frequent)))
        frequent = {
            gram
            for counter, threshold in zip(counts, thresholds, strict=True)
            for gram, count in counter.items()
            if count >= threshold
        }
        for total, counter in zip(found, counts, strict=True):
            total.update({gram: count for gram, count in counter.items() if gram in frequent})
    return found


def _grams(runs: Runs, length: int, frequent: set[Gram]) -> Iterator[Gram]:
    for place, words in runs:
        if length == 1:
            yield from ((place, word) for word in words)
        elif len(words) >= length:
            parts = [
                (place, *words[at : at + length - 1]) in frequent for at in range(len(words) - length + 2)
            ]
            for at in range(len(parts) - 1):
                if parts[at] and parts[at + 1]:
                    yield (place, *words[at : at + length])
