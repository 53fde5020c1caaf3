"""From counted n-grams to the phrases that can name a cluster, the best one first."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from relscout.naming.contexts import MENTION, Context, Names
from relscout.naming.ngrams import Gram, Runs, supports
from relscout.naming.words import ARTICLES, AUXILIARIES, POSSESSIVES, PREPOSITIONS, STOP_WORDS, group, join

#: Where a phrase can stand. A place is an index; even ones have the head first.
_PATTERNS = (
    "HEAD {} TAIL",
    "TAIL {} HEAD",
    "{} … HEAD … TAIL",
    "{} … TAIL … HEAD",
    "HEAD … TAIL … {}",
    "TAIL … HEAD … {}",
)
_MAY_START = PREPOSITIONS - {"of"} | AUXILIARIES | POSSESSIVES | {"'s"}
#: Added to both shares whose ratio is taken, so that what is merely rare does not look characteristic.
_SMOOTHING = 0.005
#: What a phrase counts that reads from tail to head, so that names read from head to tail where they can.
_BACKWARDS = 0.65
#: What a phrase counts that stands outside of the two mentions.
_OUTSIDE = 0.45
#: A word is a function word of the corpus where it is in this share of the instances of most clusters.
_EVERYWHERE = 0.05
_KEPT = 30


@dataclass(frozen=True, slots=True)
class Phrase:
    """A way in which the instances of a cluster speak of their relation.

    Args:
        words: The words as they are most often written.
        place: Where they stand, relative to the mentions.
        weight: How well they name the cluster, > 0.
    """

    words: str
    place: int
    weight: float

    @property
    def name(self) -> str:
        """The words without a possessive in front ("his wife")."""
        first, _, rest = self.words.partition(" ")
        return rest if rest and (first in POSSESSIVES or first == "'s") else self.words

    @property
    def pattern(self) -> str:
        """The words between HEAD and TAIL, in the order of the sentences."""
        return _PATTERNS[self.place].format(self.words).replace(" 's ", "'s ")


class Corpus:
    """The contexts of all clusters, counted.

    Args:
        clusters: Contexts per cluster, none of them empty.
        max_words: Words of the longest phrase, >= 1.
        min_share: Share of the instances of a cluster in which a phrase must be found, in (0, 1].
    """

    def __init__(self, clusters: Sequence[Sequence[Context]], *, max_words: int, min_share: float) -> None:
        names = Names(one for contexts in clusters for one in contexts)
        self._max_words = max_words
        self._surfaces = [[_runs(one, names) for one in contexts] for contexts in clusters]
        self._sizes = [len(contexts) for contexts in clusters]
        self._thresholds = [max(_least(size), math.ceil(min_share * size)) for size in self._sizes]
        # rarer n-grams are counted too, for the share that touches the second mention
        counted = [
            max(min(2, size), threshold // 4)
            for size, threshold in zip(self._sizes, self._thresholds, strict=True)
        ]
        grouped = [[_grouped(runs) for runs in instances] for instances in self._surfaces]
        self._counts = supports(grouped, counted, longest=max_words + 1)
        self._shares = [_shares(counts, size) for counts, size in zip(self._counts, self._sizes, strict=True)]
        self._total: Counter[Gram] = Counter()
        for shares in self._shares:
            self._total.update(shares)

    def phrases(self, cluster: int) -> list[Phrase]:
        """Return the phrases of a cluster that hold a content word, best first, 30 at most."""
        return self._best(
            {gram: self._weight(cluster, gram) for gram in self._frequent(cluster, bare=False)}, cluster
        )

    def bare_phrases(self, cluster: int) -> list[Phrase]:
        """Return the phrases between the mentions that are made of stop words only, most frequent first."""
        size = self._sizes[cluster]
        return self._best(
            {
                gram: self._counts[cluster][gram] / size * _length_bonus(gram[1:])
                for gram in self._frequent(cluster, bare=True)
                if gram[0] in (0, 1) and gram[-1] in PREPOSITIONS | AUXILIARIES
            },
            cluster,
        )

    def _frequent(self, cluster: int, *, bare: bool) -> Iterable[Gram]:
        for gram, count in self._counts[cluster].items():
            if count >= self._thresholds[cluster] and self._is_phrase(gram) and self._is_bare(gram) is bare:
                yield gram

    def _weight(self, cluster: int, gram: Gram) -> float:
        """Weigh a phrase: its share, its log-odds against the other clusters, and how well it reads.

        The ratio is that of class-based tf-idf, with the mean share in the other clusters as document
        frequency, so that large clusters do not drown small ones.
        """
        place, *words = gram
        count, share = self._counts[cluster][gram], self._shares[cluster][tuple(words)]
        others = (self._total[tuple(words)] - share) / max(1, len(self._sizes) - 1)
        weight = count / self._sizes[cluster] * math.log((share + _SMOOTHING) / (others + _SMOOTHING))
        weight *= _length_bonus(words) * (1.2 if words[-1] in PREPOSITIONS else 1.0)
        weight *= 0.9 if words[0] in PREPOSITIONS else 1.0
        weight *= 1.0 if place in (0, 2, 4) else _BACKWARDS
        if place not in (0, 1):
            return weight * _OUTSIDE
        # of "HEAD is a bridge that crosses the TAIL", "crosses" links both mentions and "bridge" does not
        return weight * (0.4 + self._counts[cluster][(*gram, MENTION)] / count)

    def _is_phrase(self, gram: Gram) -> bool:
        place, first, last = gram[0], gram[1], gram[-1]
        if len(gram) > self._max_words + 1 or MENTION in gram:
            return False
        if place not in (0, 1):
            return first not in STOP_WORDS and last not in STOP_WORDS
        return (first not in STOP_WORDS or first in _MAY_START) and (
            last not in STOP_WORDS or last in PREPOSITIONS or self._is_bare(gram)
        )

    def _is_bare(self, gram: Gram) -> bool:
        return all(
            word in STOP_WORDS or word in self._everywhere or (len(str(word)) == 1 and str(word).isascii())
            for word in gram[1:]
        )

    @cached_property
    def _everywhere(self) -> frozenset[str]:
        clusters: Counter[str] = Counter()
        for shares in self._shares:
            clusters.update(
                str(gram[0]) for gram, share in shares.items() if len(gram) == 1 and share > _EVERYWHERE
            )
        most = max(2, len(self._sizes) / 2)
        return frozenset(word for word, count in clusters.items() if count > most)

    def _best(self, weights: dict[Gram, float], cluster: int) -> list[Phrase]:
        useful = [(weight, gram) for gram, weight in weights.items() if weight > 0]
        best = sorted(useful, key=lambda pair: (-pair[0], pair[1]))[:_KEPT]
        written = _written(self._surfaces[cluster], {gram for _, gram in best})
        return [Phrase(written[gram], int(gram[0]), weight) for weight, gram in best]


def _least(size: int) -> int:
    """Instances that must share a phrase in a cluster of a size: 3, less in tiny clusters."""
    return min(3, 1 + size // 4)


def _runs(one: Context, names: Names) -> Runs:
    order = 0 if one.head_first else 1
    return [
        *((order, run) for run in names.runs(one.between, touches=True)),
        *((2 + order, run) for run in names.runs(one.before)),
        *((4 + order, run) for run in names.runs(one.after)),
    ]


def _grouped(runs: Runs) -> Runs:
    return [(place, [group(word) for word in words]) for place, words in runs]


def _shares(counts: Counter[Gram], size: int) -> Counter[Gram]:
    anywhere: Counter[Gram] = Counter()
    for gram, count in counts.items():
        if gram[-1] != MENTION:
            anywhere[gram[1:]] += count
    return Counter({words: count / size for words, count in anywhere.items()})


def _length_bonus(words: Sequence[int | str]) -> float:
    """1.0 for one word, then 1.3, 1.45, 1.53, …: longer phrases say more, but have less support."""
    return 1.6 - 0.6 * 0.5 ** (sum(word not in ARTICLES for word in words) - 1)


def _written(instances: Sequence[Runs], wanted: set[Gram]) -> dict[Gram, str]:
    lengths = sorted({len(gram) - 1 for gram in wanted})
    forms: dict[Gram, Counter[str]] = defaultdict(Counter)
    for runs in instances:
        for (place, words), (_, keys) in zip(runs, _grouped(runs), strict=True):
            for length in lengths:
                for at in range(len(keys) - length + 1):
                    gram: Gram = (place, *keys[at : at + length])
                    if gram in wanted:
                        forms[gram][join(words[at : at + length])] += 1
    return {gram: min(counts, key=lambda form: (-counts[form], form)) for gram, counts in forms.items()}
