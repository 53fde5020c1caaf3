"""From counted n-grams to the phrases that can name a cluster, the best one first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relscout.naming.contexts import Context
from relscout.naming.evidence import Evidence
from relscout.naming.ngrams import Gram
from relscout.naming.runs import GAP, LINK, MENTION, Names
from relscout.naming.spelling import spell
from relscout.naming.words import ARTICLES, AUXILIARIES, POSSESSIVES, PREPOSITIONS, STOP_WORDS

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
_MARKS = frozenset({MENTION, LINK})
#: Exponent of the weight of a phrase's best word, the rest being that of the phrase itself: in a small cluster of
#: varied sentences no phrase is frequent, but a word in all its forms and places is.
_BY_WORD = 0.35
#: What a phrase counts that reads from tail to head, so that names read from head to tail where they can.
_BACKWARDS = 0.6
#: What a phrase counts that stands outside of the two mentions.
_OUTSIDE = 0.45
#: What a phrase loses with other words between its two ("studied physics at").
_GAPPED = 0.4
#: What a phrase loses whose last word always modifies another one ("highest").
_MODIFIER = 0.7
#: What the preposition before the second mention adds.
_LINKING = 0.5
_KEPT = 30


@dataclass(frozen=True, slots=True)
class Phrase:
    """A way in which the instances of a cluster speak of their relation.

    Args:
        text: The words as they are most often written, with ``…`` where others are left out.
        place: Where they stand, relative to the mentions.
        weight: How well they name the cluster, > 0.
    """

    text: str
    place: int
    weight: float

    @property
    def words(self) -> str:
        """The words alone."""
        return self.text.replace(f" {GAP} ", " ")

    @property
    def name(self) -> str:
        """The words without a possessive in front ("his wife")."""
        first, _, rest = self.words.partition(" ")
        return rest if rest and (first in POSSESSIVES or first == "'s") else self.words

    @property
    def pattern(self) -> str:
        """The text between HEAD and TAIL, in the order of the sentences."""
        return _PATTERNS[self.place].format(self.text).replace(" 's ", "'s ")


class Corpus:
    """The contexts of all clusters, counted.

    Args:
        clusters: Contexts per cluster, none of them empty.
        max_words: Words of the longest phrase, >= 1.
        min_share: Share of the instances of a cluster in which a phrase must be found, in (0, 1].
    """

    def __init__(self, clusters: Sequence[Sequence[Context]], *, max_words: int, min_share: float) -> None:
        names = Names(one for contexts in clusters for one in contexts)
        self._runs = [[names.runs(one) for one in contexts] for contexts in clusters]
        sizes = [len(contexts) for contexts in clusters]
        self._max_words = max_words
        self._thresholds = [max(_least(size), math.ceil(min_share * size)) for size in sizes]
        # rarer n-grams are counted too, for the share that touches the second mention
        counted = [
            max(min(2, size), threshold // 4) for size, threshold in zip(sizes, self._thresholds, strict=True)
        ]
        self._evidence = Evidence(self._runs, thresholds=counted, longest=max_words + 1)
        # a phrase with a gap rests on two words that are each frequent: two instances of it can do
        self._thresholds_gapped = [max(min(2, size), math.ceil(min_share * size)) for size in sizes]

    def phrases(self, cluster: int) -> list[Phrase]:
        """Return the phrases of a cluster that hold a content word, best first, 30 at most."""
        return self._best(
            cluster, {gram: self._weight(cluster, gram) for gram in self._frequent(cluster, bare=False)}
        )

    def bare_phrases(self, cluster: int) -> list[Phrase]:
        """Return the phrases between the mentions that are made of stop words only, most frequent first."""
        share = self._evidence.share
        return self._best(
            cluster,
            {
                gram: share(cluster, gram) * _length_bonus(gram[1:])
                for gram in self._frequent(cluster, bare=True)
                if gram[0] in (0, 1) and gram[-1] in PREPOSITIONS | AUXILIARIES
            },
        )

    def _frequent(self, cluster: int, *, bare: bool) -> Iterator[Gram]:
        for gram, count in self._evidence.counts[cluster].items():
            thresholds = self._thresholds_gapped if GAP in gram else self._thresholds
            if count >= thresholds[cluster] and self._is_phrase(gram) and self._is_bare(gram) is bare:
                yield gram

    def _weight(self, cluster: int, gram: Gram) -> float:
        """Weigh a phrase: how far it and its best word are typical of the cluster, and how well it reads."""
        place, *words = gram
        evidence = self._evidence
        weight = evidence.typicality(cluster, gram) * self._readability(cluster, gram)
        if weight <= 0:
            return 0.0
        by_word = max(evidence.word_typicality(cluster, str(word)) for word in words)
        if place == 0 and words[-1] in PREPOSITIONS:
            by_word += _LINKING * evidence.link_typicality(cluster, str(words[-1]))
        return float(weight ** (1 - _BY_WORD) * by_word**_BY_WORD)

    def _readability(self, cluster: int, gram: Gram) -> float:
        place, *words = gram
        count = self._evidence.counts[cluster][gram]
        factor = _length_bonus(words) * (1.2 if words[-1] in PREPOSITIONS else 1.0)
        factor *= 1.0 if place in (0, 2, 4) else _BACKWARDS
        if GAP in words or words[-1] not in STOP_WORDS:
            factor *= 1 - _MODIFIER * self._evidence.modifies(words[0] if GAP in words else words[-1])
        if place not in (0, 1):
            return factor * _OUTSIDE
        if GAP in words:
            adjacent = self._evidence.counts[cluster][(place, words[0], words[-1])] / count
            return factor * (1 - _GAPPED * (1 - min(1.0, adjacent))) * 1.4
        # of "HEAD is a bridge that crosses the TAIL", "crosses" links both mentions and "bridge" does not
        return factor * (0.4 + self._evidence.counts[cluster][(*gram, MENTION)] / count)

    def _is_phrase(self, gram: Gram) -> bool:
        place, first, last = gram[0], gram[1], gram[-1]
        if len(gram) > self._max_words + 1 + (GAP in gram) or not _MARKS.isdisjoint(gram):
            return False
        if place not in (0, 1):
            return first not in STOP_WORDS and last not in STOP_WORDS
        if GAP in gram:
            return len(gram) == 4
        return (first not in STOP_WORDS or first in _MAY_START) and (
            last not in STOP_WORDS or last in PREPOSITIONS or self._is_bare(gram)
        )

    def _is_bare(self, gram: Gram) -> bool:
        return all(
            word in STOP_WORDS or word == GAP or (len(str(word)) == 1 and str(word).isascii())
            for word in gram[1:]
        )

    def _best(self, cluster: int, weights: dict[Gram, float]) -> list[Phrase]:
        useful = [(weight, gram) for gram, weight in weights.items() if weight > 0]
        best = sorted(useful, key=lambda pair: (-pair[0], pair[1]))[:_KEPT]
        written = spell(self._runs[cluster], {gram for _, gram in best})
        return [Phrase(written[gram], int(gram[0]), weight) for weight, gram in best]


def _least(size: int) -> int:
    """Instances that must share a phrase in a cluster of a size: 3, less in tiny clusters."""
    return min(3, 1 + size // 4)


def _length_bonus(words: Sequence[int | str]) -> float:
    """1.0 for one word, then 1.3, 1.45, 1.53, …: longer phrases say more, but have less support."""
    return 1.6 - 0.6 * 0.5 ** (sum(word not in ARTICLES and word != GAP for word in words) - 1)
