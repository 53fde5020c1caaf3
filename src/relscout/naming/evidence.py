"""What is typical of each cluster: its n-grams, and its words in all their places."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from relscout.naming.ngrams import Gram, Runs, supports
from relscout.naming.runs import GAP, LINK, MENTION
from relscout.naming.spelling import grouped
from relscout.naming.words import STOP_WORDS

#: A count, weight or share of each n-gram.
Tally = Counter[Gram]
#: Added to both shares whose ratio is taken, so that what is merely rare does not look characteristic; in small
#: clusters it is this many instances.
_SMOOTHING, _SMOOTHING_INSTANCES = 0.005, 0.5
#: What a word counts that stands outside of the two mentions.
_OUTSIDE = 0.5
_NO_WORDS = STOP_WORDS | {GAP, LINK, MENTION}


class Evidence:
    """Counts over the runs of all clusters.

    Args:
        clusters: Instances per cluster, each with its runs.
        thresholds: Support from which an n-gram is counted, per cluster.
        longest: Words of the longest n-gram, >= 1.
    """

    def __init__(
        self, clusters: Sequence[Sequence[Runs]], *, thresholds: Sequence[int], longest: int
    ) -> None:
        keys = [[grouped(runs) for runs in instances] for instances in clusters]
        self._sizes = [len(instances) for instances in clusters]
        #: Instances that hold an n-gram, per cluster.
        self.counts = supports(keys, thresholds, longest=longest)
        self._anywhere = [
            _anywhere(counts, size) for counts, size in zip(self.counts, self._sizes, strict=True)
        ]
        self._anywhere_total = _sum(self._anywhere)
        self._words = [_words(instances) for instances in keys]
        self._words_total = _sum(self._words)
        self._seen, self._followed = _followed(keys)

    def share(self, cluster: int, gram: Gram) -> float:
        """Share of the instances of a cluster that hold an n-gram, in [0, 1]."""
        return self.counts[cluster][gram] / self._sizes[cluster]

    def typicality(self, cluster: int, gram: Gram) -> float:
        """Share of an n-gram times its log-odds against the other clusters; below 0 where these use it more.

        The ratio is that of class-based tf-idf, with the mean share in the other clusters as document
        frequency, so that large clusters do not drown small ones.
        """
        words = gram[1:]
        odds = self._log_odds(cluster, self._anywhere[cluster][words], self._anywhere_total[words])
        return self.share(cluster, gram) * odds

    def word_typicality(self, cluster: int, word: str) -> float:
        """The same for a word in all its forms and places, those outside of the mentions at half; >= 0."""
        return self._typicality(cluster, (word,))

    def link_typicality(self, cluster: int, preposition: str) -> float:
        """The same for a preposition that leads from head to tail."""
        return self._typicality(cluster, (0, LINK, preposition))

    def modifies(self, word: int | str) -> float:
        """Share of the occurrences of a word in which another content word follows, in [0, 1)."""
        return self._followed[word] / (self._seen[word] + 3)

    def _typicality(self, cluster: int, key: Gram) -> float:
        share = self._words[cluster][key]
        return max(0.0, share * self._log_odds(cluster, share, self._words_total[key]))

    def _log_odds(self, cluster: int, share: float, total: float) -> float:
        smoothing = max(_SMOOTHING, _SMOOTHING_INSTANCES / self._sizes[cluster])
        others = (total - share) / max(1, len(self._sizes) - 1)
        return math.log((share + smoothing) / (others + smoothing))


def _anywhere(counts: Tally, size: int) -> Tally:
    found: Tally = Counter()
    for gram, count in counts.items():
        if gram[-1] != MENTION:
            found[gram[1:]] += count
    return _shares(found, size)


def _words(instances: Sequence[Runs]) -> Tally:
    found: Tally = Counter()
    for runs in instances:
        between = {word for place, words in runs if place in (0, 1) for word in words}
        links: set[Gram] = {(place, *words) for place, words in runs if words[0] == LINK}
        outside = {word for place, words in runs if place not in (0, 1) for word in words} - between
        found.update((word,) for word in between - _NO_WORDS)
        found.update(links)
        found.update({(word,): _OUTSIDE for word in outside - _NO_WORDS})
    return _shares(found, len(instances))


def _shares(counts: Tally, size: int) -> Tally:
    return Counter({gram: count / size for gram, count in counts.items()})


def _sum(clusters: Sequence[Tally]) -> Tally:
    total: Tally = Counter()
    for shares in clusters:
        total.update(shares)
    return total


def _followed(clusters: Sequence[Sequence[Runs]]) -> tuple[Counter[int | str], Counter[int | str]]:
    """How often each word occurs, and how often a content word follows it."""
    seen: Counter[int | str] = Counter()
    followed: Counter[int | str] = Counter()
    for instances in clusters:
        for runs in instances:
            for _, words in runs:
                if GAP not in words:
                    seen.update(words)
                    followed.update(word for word, after in pairwise(words) if after not in _NO_WORDS)
    return seen, followed
