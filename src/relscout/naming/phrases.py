"""Names from n-grams around the mentions, weighted by how typical they are of a cluster."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from relscout.core.instances import RelationInstance
from relscout.naming.words import (
    ARTICLES,
    AUXILIARIES,
    CONJUNCTIONS,
    DATES,
    POSSESSIVES,
    PREPOSITIONS,
    RELATIVES,
    STOP_WORDS,
    group,
    join,
    pieces,
)

#: Number of words before the first and after the second mention.
REACH = 4
#: A long text between the mentions is cut to this many tokens at each end.
_KEEP = 15
#: Placeholder for the cut.
CUT = "\x01"
_BRACKETS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Context:
    """The tokens of an instance: the mentions, and the text around them."""

    head_first: bool
    before: tuple[str, ...]
    between: tuple[str, ...]
    after: tuple[str, ...]
    mentions: tuple[str, ...]


def context(instance: RelationInstance) -> Context:
    """Tokenise the text around the mentions of an instance."""
    first, second = sorted((instance.head, instance.tail), key=lambda mention: (mention.start, -mention.end))
    text, end = instance.text, max(first.end, second.end)
    between = _without_brackets(pieces(text[first.end : second.start]))
    if len(between) > 2 * _KEEP:
        between = [*between[:_KEEP], CUT, *between[-_KEEP:]]
    return Context(
        head_first=first is instance.head,
        # 80 characters hold REACH words unless they are very long
        before=tuple(pieces(text[max(0, first.start - 80) : first.start])[-REACH:]),
        between=tuple(between),
        after=tuple(pieces(text[end : end + 80])[:REACH]),
        mentions=tuple(pieces(f"{instance.head_text} {instance.tail_text}")),
    )


def _without_brackets(words: list[str]) -> list[str]:
    """Remove parentheticals, such as dates of birth."""
    outside: list[str] = []
    opened: list[int] = []
    for word in words:
        if word in _BRACKETS and opened:
            del outside[opened.pop() :]
            continue
        if word in _BRACKETS.values():
            opened.append(len(outside))
        outside.append(word)
    return outside


#: Position of a run (a number), then its words.
Gram = tuple[int | str, ...]
#: Runs of words of an instance, each with its position.
Runs = Sequence[tuple[int, Sequence[str]]]


def supports(
    clusters: Sequence[Sequence[Runs]], thresholds: Sequence[int], *, longest: int
) -> list[Counter[Gram]]:
    """Count the instances of each cluster that contain each frequent n-gram.

    An n-gram is frequent if it reaches the threshold of at least one cluster; its counts are then exact in all of them.
    As in Apriori, an n-gram is counted only if both its (n-1)-grams are frequent, so that memory depends on the
    frequent n-grams only.

    Args:
        clusters: Instances per cluster.
        thresholds: Minimum support of a frequent n-gram, per cluster.
        longest: Maximum length of an n-gram, >= 1.
    """
    totals: list[Counter[Gram]] = [Counter() for _ in clusters]
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
        for total, counter in zip(totals, counts, strict=True):
            total.update({gram: count for gram, count in counter.items() if gram in frequent})
    return totals


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


#: End of a run that touches the second mention.
MENTION = "\x00"
#: Start of the run of the preposition before the second mention.
LINK = "\x02"
#: Between a word and that preposition: other words, or none.
GAP, NO_GAP = "…", ""
#: Number of words before the preposition that are joined with it, and that may follow it ("by the Swiss engineer").
_JOINED, _DETERMINED = 4, 3
_JOINTS = frozenset("-‐‑\"“”„«»'‘’`")
_CLAUSE_ENDS = RELATIVES | CONJUNCTIONS | frozenset(".;:!?") | {CUT}
#: Share of capitalised words between mentions above which a capital letter does not indicate a name: above that of
#: English prose, below that of German, of titles and of text in upper case.
_CAPITALS_EVERYWHERE = 0.24


class Names:
    """Distinguishes words of entity names from other words by their capital letters.

    If capitals are too frequent to be informative (German nouns, titles, upper case), a name must also be part of other
    mentions.
    """

    def __init__(self, contexts: Iterable[Context]) -> None:
        seen: Counter[str] = Counter()
        capital: Counter[str] = Counter()
        mentioned: Counter[str] = Counter()
        words_between = capitals_between = 0
        for context in contexts:
            words_between += sum(word[0].isalpha() for word in context.between)
            capitals_between += sum(word[0].isupper() for word in context.between)
            mentioned.update(word.lower() for word in context.mentions)
            for word in (*context.before, *context.between, *context.after):
                seen[word.lower()] += 1
                capital[word.lower()] += word[0].isupper()
        self._capitals_inform = capitals_between <= _CAPITALS_EVERYWHERE * words_between
        self._names = frozenset(
            word
            for word, count in capital.items()
            if 2 * count > seen[word]
            and word not in STOP_WORDS
            and (self._capitals_inform or 4 * mentioned[word] >= seen[word])
        )

    def runs(self, context: Context) -> Runs:
        """Return the runs of a context by position: 0 between, 2 before, 4 after; plus 1 if the tail is first."""
        order = 0 if context.head_first else 1
        return [
            *((order, run) for run in self._cut(context.between, touches=True)),
            *((order, run) for run in self._links(context.between)),
            *((2 + order, run) for run in self._cut(context.before)),
            *((4 + order, run) for run in self._cut(context.after)),
        ]

    def _cut(self, words: Sequence[str], *, touches: bool = False) -> list[list[str]]:
        """Return the runs of lower-case words between punctuation, numbers and names.

        A single capitalised word before a lower-case word ("an *Italian* operatic soprano") is skipped without ending
        the run. If only articles, quotation marks and commas separate the last run from the second mention, the run
        ends in :data:`MENTION`.
        """
        runs: list[list[str]] = [[]]
        apart = False
        for place, word in enumerate(words):
            if word in _JOINTS:
                continue
            if word[0].isdigit() or (word[0].isupper() and word.lower() in DATES):
                while runs[-1] and runs[-1][-1] in PREPOSITIONS:  # "moved on" of "moved on 5 July"
                    runs[-1].pop()
                runs.append([])
                apart = True
            elif not (word[0].isalpha() or word in {"'s", "’s"}):
                runs.append([])
                apart = apart or word != ","
            elif not self._is_name(words, place):
                runs[-1].append("'s" if word == "’s" else word.lower())
                apart = False
            elif not self._modifies(words, place):
                runs.append([])
                apart = True
        runs = [run for run in runs if run]
        if touches and runs and not apart:
            while runs[-1] and runs[-1][-1] in ARTICLES:
                runs[-1].pop()
            runs[-1].append(MENTION)
        return runs

    def _links(self, words: Sequence[str]) -> Iterator[list[str]]:
        """Yield the preposition before the second mention, alone and with the content words before it.

        "studied physics at the" gives "at", "physics at" and "studied … at"; "by the Swiss engineer" gives "by".
        """
        end = _link(words)
        if end is None:
            return
        preposition = words[end].lower()
        yield [LINK, preposition]
        for place in range(end - 1, max(-1, end - 1 - _JOINED), -1):
            word = words[place].lower()
            if word in _CLAUSE_ENDS:
                return
            if word[0].isalpha() and word not in STOP_WORDS and not self._is_name(words, place):
                yield [word, NO_GAP if place == end - 1 else GAP, preposition]

    def _is_name(self, words: Sequence[str], place: int) -> bool:
        word = words[place]
        if word.lower() in self._names:
            return True
        if not (self._capitals_inform and _capitalised(word)):
            return False
        return any(
            _capitalised(neighbour)
            for neighbour in (*words[max(0, place - 1) : place], *words[place + 1 : place + 2])
        )

    def _modifies(self, words: Sequence[str], place: int) -> bool:
        if place + 1 == len(words) or (place > 0 and words[place - 1][0].isupper()):
            return False
        following = words[place + 1]
        return following[0].islower() and following not in STOP_WORDS and following not in self._names


def _link(words: Sequence[str]) -> int | None:
    """Return the position of the preposition before the second mention; articles and three words may follow."""
    for place in range(len(words) - 1, max(-1, len(words) - 2 - _DETERMINED), -1):
        word = words[place].lower()
        if word in PREPOSITIONS:
            return place
        determines = word in ARTICLES or word in POSSESSIVES or word in _JOINTS
        if not (determines or (word[0].isalpha() and word not in STOP_WORDS)):
            return None
    return None


def _capitalised(word: str) -> bool:
    return word[0].isupper() and word.lower() not in STOP_WORDS


def grouped(runs: Runs) -> Runs:
    """Replace the words of the runs by the keys of their forms."""
    return [(place, [GAP if word == NO_GAP else group(word) for word in words]) for place, words in runs]


def spell(instances: Sequence[Runs], wanted: set[Gram]) -> dict[Gram, str]:
    """Return the most frequent form of each n-gram; forms of single words are counted at all positions."""
    lengths = sorted({len(gram) - 1 for gram in wanted})
    singles: dict[str | int, list[Gram]] = defaultdict(list)
    for gram in wanted:
        if len(gram) == 2:
            singles[gram[1]].append(gram)
    forms: dict[Gram, Counter[str]] = defaultdict(Counter)
    for runs in instances:
        for (place, words), (_, keys) in zip(runs, grouped(runs), strict=True):
            for length in lengths:
                for at in range(len(keys) - length + 1):
                    here: Gram = (place, *keys[at : at + length])
                    for gram in singles[keys[at]] if length == 1 else [here] if here in wanted else []:
                        forms[gram][join([word for word in words[at : at + length] if word])] += 1
    return {
        gram: min(counts, key=lambda form: (-counts[form], GAP in form, form))
        for gram, counts in forms.items()
    }


#: A count, weight or share of each n-gram.
Tally = Counter[Gram]
#: Smoothing of the ratio of shares, so that rare n-grams do not look characteristic; in small clusters, this number of
#: instances.
_SMOOTHING, _SMOOTHING_INSTANCES = 0.005, 0.5
#: Weight of a word that is not between the mentions.
_OUTSIDE = 0.5
_NO_WORDS = STOP_WORDS | {GAP, LINK, MENTION}


class Evidence:
    """Counts over the runs of all clusters.

    Args:
        clusters: Instances per cluster, each with its runs.
        thresholds: Minimum support of an n-gram, per cluster.
        longest: Maximum length of an n-gram, >= 1.
    """

    def __init__(
        self, clusters: Sequence[Sequence[Runs]], *, thresholds: Sequence[int], longest: int
    ) -> None:
        keys = [[grouped(runs) for runs in instances] for instances in clusters]
        self._sizes = [len(instances) for instances in clusters]
        #: Number of instances with an n-gram, per cluster.
        self.counts = supports(keys, thresholds, longest=longest)
        self._anywhere = [
            _anywhere(counts, size) for counts, size in zip(self.counts, self._sizes, strict=True)
        ]
        self._anywhere_total = _sum(self._anywhere)
        self._words = [_words(instances) for instances in keys]
        self._words_total = _sum(self._words)
        self._occurrences, self._followed = _followed(keys)

    def share(self, cluster: int, gram: Gram) -> float:
        """Return the share of the instances of a cluster with an n-gram, in [0, 1]."""
        return self.counts[cluster][gram] / self._sizes[cluster]

    def typicality(self, cluster: int, gram: Gram) -> float:
        """Return the share of an n-gram times its log-odds against the other clusters, possibly negative.

        This is class-based tf-idf with the mean share in the other clusters as document frequency, so that large
        clusters do not dominate.
        """
        words = gram[1:]
        odds = self._log_odds(cluster, self._anywhere[cluster][words], self._anywhere_total[words])
        return self.share(cluster, gram) * odds

    def word_typicality(self, cluster: int, word: str) -> float:
        """Return the typicality of a word in all its forms and positions, >= 0; outside the mentions it counts half."""
        return self._typicality(cluster, (word,))

    def link_typicality(self, cluster: int, preposition: str) -> float:
        """Return the typicality of a preposition before the tail, >= 0."""
        return self._typicality(cluster, (0, LINK, preposition))

    def modifies(self, word: int | str) -> float:
        """Return the share of the occurrences of a word before another content word, in [0, 1)."""
        return self._followed[word] / (self._occurrences[word] + 3)

    def _typicality(self, cluster: int, key: Gram) -> float:
        share = self._words[cluster][key]
        return max(0.0, share * self._log_odds(cluster, share, self._words_total[key]))

    def _log_odds(self, cluster: int, share: float, total: float) -> float:
        smoothing = max(_SMOOTHING, _SMOOTHING_INSTANCES / self._sizes[cluster])
        others = (total - share) / max(1, len(self._sizes) - 1)
        return math.log((share + smoothing) / (others + smoothing))


def _anywhere(counts: Tally, size: int) -> Tally:
    totals: Tally = Counter()
    for gram, count in counts.items():
        if gram[-1] != MENTION:
            totals[gram[1:]] += count
    return _shares(totals, size)


def _words(instances: Sequence[Runs]) -> Tally:
    counts: Tally = Counter()
    for runs in instances:
        between = {word for place, words in runs if place in (0, 1) for word in words}
        links: set[Gram] = {(place, *words) for place, words in runs if words[0] == LINK}
        outside = {word for place, words in runs if place not in (0, 1) for word in words} - between
        counts.update((word,) for word in between - _NO_WORDS)
        counts.update(links)
        counts.update({(word,): _OUTSIDE for word in outside - _NO_WORDS})
    return _shares(counts, len(instances))


def _shares(counts: Tally, size: int) -> Tally:
    return Counter({gram: count / size for gram, count in counts.items()})


def _sum(clusters: Sequence[Tally]) -> Tally:
    total: Tally = Counter()
    for shares in clusters:
        total.update(shares)
    return total


def _followed(clusters: Sequence[Sequence[Runs]]) -> tuple[Counter[int | str], Counter[int | str]]:
    """Return the number of occurrences of each word, and of those before a content word."""
    seen: Counter[int | str] = Counter()
    followed: Counter[int | str] = Counter()
    for instances in clusters:
        for runs in instances:
            for _, words in runs:
                if GAP not in words:
                    seen.update(words)
                    followed.update(word for word, after in pairwise(words) if after not in _NO_WORDS)
    return seen, followed


#: Pattern of each position; at even positions, the head is first.
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
#: Exponent of the weight of a phrase's best word; the phrase itself has the rest. In small clusters of varied sentences
#: no phrase is frequent, but a word in all its forms and positions may be.
_BY_WORD = 0.35
#: Weight of a phrase that reads from tail to head.
_BACKWARDS = 0.6
#: Weight of a phrase that is not between the mentions.
_OUTSIDE_FACTOR = 0.45
#: Penalty of a phrase with a gap ("studied physics at").
_GAPPED = 0.4
#: Penalty of a phrase whose last word always modifies another word ("highest").
_MODIFIER = 0.7
#: Bonus of the preposition before the second mention.
_LINKING = 0.5
_MOST = 30


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of the instances of a cluster.

    Args:
        text: The words in their most frequent form, with ``…`` for a gap.
        place: Position relative to the mentions.
        weight: How well it names the cluster, > 0.
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
    """Counts of the phrases of all clusters.

    Args:
        clusters: Contexts per cluster, at least one.
        max_words: Maximum number of words of a phrase, >= 1.
        min_share: Minimum share of the instances of a cluster with a phrase, in (0, 1].
    """

    def __init__(self, clusters: Sequence[Sequence[Context]], *, max_words: int, min_share: float) -> None:
        names = Names(context for contexts in clusters for context in contexts)
        self._runs = [[names.runs(context) for context in contexts] for contexts in clusters]
        sizes = [len(contexts) for contexts in clusters]
        self._max_words = max_words
        self._thresholds = [max(_least(size), math.ceil(min_share * size)) for size in sizes]
        # rarer n-grams are needed for the share that touches the second mention
        counted = [
            max(min(2, size), threshold // 4) for size, threshold in zip(sizes, self._thresholds, strict=True)
        ]
        self._evidence = Evidence(self._runs, thresholds=counted, longest=max_words + 1)
        # a phrase with a gap has two frequent words, so two instances of it are enough
        self._thresholds_gapped = [max(min(2, size), math.ceil(min_share * size)) for size in sizes]

    def phrases(self, cluster: int) -> list[Phrase]:
        """Return up to 30 phrases of a cluster with a content word, best first."""
        return self._best(
            cluster, {gram: self._weight(cluster, gram) for gram in self._frequent(cluster, bare=False)}
        )

    def bare_phrases(self, cluster: int) -> list[Phrase]:
        """Return the phrases of stop words between the mentions, the most frequent first."""
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
        """Return the weight of a phrase, from the typicality of it and its best word, and from its readability."""
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
            return factor * _OUTSIDE_FACTOR
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
        best = sorted(useful, key=lambda pair: (-pair[0], pair[1]))[:_MOST]
        written = spell(self._runs[cluster], {gram for _, gram in best})
        return [Phrase(written[gram], int(gram[0]), weight) for weight, gram in best]


def _least(size: int) -> int:
    """Return the minimum support of a phrase in a cluster of a size: 3, less in tiny clusters."""
    return min(3, 1 + size // 4)


def _length_bonus(words: Sequence[int | str]) -> float:
    """Return 1.0 for one word, then 1.3, 1.45, 1.53, …: longer phrases are more precise, but have less support."""
    return 1.6 - 0.6 * 0.5 ** (sum(word not in ARTICLES and word != GAP for word in words) - 1)


#: Minimum weight, as a share of the best, of a phrase that replaces one used by another cluster.
_SECOND_BEST = 0.3
#: Placeholder for an unknown type.
UNKNOWN = "?"
_ANYWHERE = "HEAD … TAIL"


class Candidate(Protocol):
    """A candidate name of a relation."""

    @property
    def words(self) -> str:
        """The counted words."""
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


#: A name, its pattern, and its candidate.
Choice = tuple[str, str, Candidate | None]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidate names of a cluster.

    Args:
        label: Number of the cluster.
        phrases: Phrases with a content word, best first.
        bare: Phrases of stop words, best first, used if there are no others.
        signature: The entity types, such as ``"PERSON – CITY"``; ``None`` if both are unknown.
    """

    label: int
    phrases: Sequence[Candidate]
    bare: Sequence[Candidate]
    signature: str | None


def choose(clusters: Sequence[Candidates]) -> dict[int, Choice]:
    """Choose a unique name and its pattern for each cluster; the cluster with the larger weight goes first.

    Args:
        clusters: The candidates; their order breaks ties.

    Returns:
        Label → name, pattern, and candidate, which is ``None`` for types and numbers.
    """
    by_strength = sorted(clusters, key=lambda cluster: -cluster.phrases[0].weight if cluster.phrases else 0.0)
    used: set[str] = set()
    chosen: dict[int, Choice] = {}
    for cluster in by_strength:
        chosen[cluster.label] = next(choice for choice in _choices(cluster) if choice[0] not in used)
        used.add(chosen[cluster.label][0])
    return chosen


def _choices(cluster: Candidates) -> Iterator[Choice]:
    signature = cluster.signature
    whole = signature if signature and UNKNOWN not in signature else None
    if cluster.phrases:
        best = cluster.phrases[0]
        strong = [phrase for phrase in cluster.phrases if phrase.weight >= _SECOND_BEST * best.weight]
        yield from ((phrase.name, phrase.pattern, phrase) for phrase in strong)
        if whole:
            yield f"{best.name} ({whole})", best.pattern, best
        yield from ((phrase.name, phrase.pattern, phrase) for phrase in cluster.phrases[len(strong) :])
        yield from ((f"{best.name} ({number})", best.pattern, best) for number in itertools.count(2))
    if whole:
        yield from _numbered(whole)
    yield from ((phrase.name, phrase.pattern, phrase) for phrase in cluster.bare)
    if signature:
        yield from _numbered(signature)
    yield f"relation {cluster.label}", _ANYWHERE, None


def _numbered(name: str) -> Iterator[Choice]:
    yield name, _ANYWHERE, None
    yield from ((f"{name} ({number})", _ANYWHERE, None) for number in itertools.count(2))
