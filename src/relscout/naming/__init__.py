"""Names of clusters: the phrases by which the sentences themselves express the relation.

SelfORE (Hu et al., EMNLP 2020, section 2.4) names a cluster by the most frequent n-gram between its two entities. Here
n-grams are also weighted against the other clusters, and forms of a word are counted together. A word may be separated
from the preposition before the second mention ("studied physics at"). Words of entity names, and stop words alone, are
not names, and the direction stays readable.

With a parse, names come from the syntax instead (:mod:`relscout.naming.connections`) and read from head to tail.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from typing import Literal, get_args
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError, UnknownNameError
from relscout.core.instances import RelationInstance
from relscout.naming.frequent import most_frequent_ngrams
from relscout.naming.phrases import UNKNOWN, Candidate, Candidates, Corpus, Phrase, choose, context

#: Sample sizes: largest per cluster, approximate total, smallest per cluster.
_PER_CLUSTER, _TOGETHER, _AT_LEAST = 20_000, 50_000, 200

#: Spellings of an unknown type.
_NO_TYPES = frozenset({"", "?", "-", "_", "o", "none", "null", "unk", "unknown"})

#: Suffix that distinguishes clusters with the same words.
_APART = re.compile(r" \((?:[^()]+ – [^()]+|[0-9]+)\)$")

TypePair = tuple[str | None, str | None]

#: How a cluster gets its name, see :func:`name_relations`.
Rule = Literal["typical", "most-frequent"]
RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True, slots=True)
class RelationName:
    """The name of a cluster, and its evidence.

    Args:
        name: Unique among the clusters named together, such as ``"was born in"``.
        pattern: The name between HEAD and TAIL in the order of the sentences, ``"HEAD was born in TAIL"``, or ``"TAIL
        is
            the birthplace of HEAD"`` for a name that reads from tail to head. ``…`` stands for any words: the name is
            then before or after both mentions, or has a gap (``"HEAD studied … at TAIL"``).
        head_first: Share of the instances in which the head precedes the tail, in [0, 1].
        ngrams: The ten best n-grams and their weights (>= 0), best first.
        types: The most frequent entity types of head and tail; ``None`` if no instance has types.
        type_share: Share of the instances with these types, in [0, 1].
        mixed: Whether the instances express different relations, and the name lists two of them ("mixed: born in /
        lived
            in"); needs a parse.
        share: Share of the instances whose connection agrees with the name, among those with a connection in their
            syntax, in [0, 1]; ``None`` if the name does not come from the syntax.
    """

    name: str
    pattern: str
    head_first: float
    ngrams: tuple[tuple[str, float], ...]
    types: TypePair | None
    type_share: float
    mixed: bool = False
    share: float | None = None


def name_relations(
    instances: Sequence[RelationInstance],
    labels: Sequence[int] | NDArray[np.integer],
    *,
    max_words: int = 5,
    min_share: float = 0.02,
    rule: Rule = "typical",
) -> dict[int, RelationName]:
    """Name every cluster by the phrase that distinguishes its instances from the others.

    The weight of a phrase depends on how typical the phrase is of the cluster, and on how typical its best word is, in
    all its forms and positions, which matters in small clusters. Words between the mentions are preferred to words next
    to both. Fallbacks are the entity types ("PERSON – CITY"), a phrase of stop words ("is in"), types of which one is
    unknown ("PERSON – ?"), and "relation 7".

    With a parse, the phrases are the syntactic connections of head and tail, which read from head to tail, and a
    cluster of different relations is called mixed (:class:`relscout.naming.parsed.NamesOfParsed`). Fallbacks are words
    between the mentions that read from head to tail, and the entity types.

    The result depends neither on the order of the instances nor on the numbers of the clusters.

    Large clusters are sampled by a hash of the ids: 20,000 instances of each, or 50,000 in total with three clusters or
    more (at least 200 of each). The shares of the types and of ``head_first`` are those of all instances.

    Args:
        instances: The instances, N of them.
        labels: Cluster of each instance, (N,) integers; negative labels are ignored.
        max_words: Maximum number of words of a name, >= 1.
        min_share: Minimum share of the instances of a cluster with the name, in (0, 1].
        rule: ``typical``, as described, or ``most-frequent``: the most frequent words between the mentions, stop words
            included, as in SelfORE (:mod:`relscout.naming.frequent`); ``max_words`` and ``min_share`` do not apply.

    Returns:
        A name for every label >= 0, in ascending order of the labels.

    Raises:
        InputError: The labels are not one integer per instance.
        SettingError: ``max_words`` or ``min_share`` is out of range, or there is no such rule.
    """
    if rule not in RULES:
        raise UnknownNameError("rule", rule, RULES)
    if max_words < 1:
        raise SettingError(f"max_words is {max_words}, but a name needs at least 1 word")
    if not 0 < min_share <= 1:
        raise SettingError(f"min_share is {min_share}, but it must be above 0 and at most 1")
    members = _members(instances, labels)
    samples = {label: cluster.sample() for label, cluster in members.items()}
    # the order depends on the instances, not on the numbers of the clusters
    order = sorted(samples, key=lambda label: (min(map(_key, samples[label])), members[label].size, label))
    types = {label: members[label].types() for label in order}
    signatures = {label: _signature(types[label][0]) for label in order}
    parsed = None
    if rule == "typical" and any(
        instance.parse is not None for cluster in samples.values() for instance in cluster
    ):
        from relscout.naming.parsed import NamesOfParsed

        parsed = NamesOfParsed([samples[label] for label in order], min_share=min_share)
    everywhere = parsed is not None and all(parsed.has_parse(place) for place in range(len(order)))
    # as a fallback for the syntax, words need few instances
    counted = [_sample(samples[label], _AT_LEAST) if everywhere else samples[label] for label in order]
    by_words = _ByWords(counted, max_words=max_words, min_share=min_share)
    candidates = []
    for place, label in enumerate(order):
        phrases: Sequence[Candidate]
        bare: Sequence[Candidate] = ()
        if rule == "most-frequent":
            phrases = most_frequent_ngrams(samples[label], most=1)
        elif parsed is not None and parsed.has_parse(place):
            phrases = parsed.candidates(place, max_words=max_words)
            # a bare preposition of most instances is better than a phrase of few
            plain = parsed.bare_candidates(place)
            if plain and parsed.prefers_bare(plain[0], phrases):
                phrases = plain
            phrases = phrases or [way for way in by_words.phrases(place) if parsed.reads(place, way)] or plain
            phrases = phrases or [parsed.associated(place)]
        else:
            phrases = by_words.phrases(place)
            bare = () if phrases else by_words.bare_phrases(place)
        candidates.append(Candidates(label, phrases, bare, signatures[label]))
    chosen = choose(candidates)
    names = {}
    for place, own in enumerate(candidates):
        name, pattern, candidate = chosen[own.label]
        names[own.label] = RelationName(
            name=name,
            pattern=pattern,
            head_first=members[own.label].n_head_first / members[own.label].size,
            ngrams=_ngrams(own.phrases or own.bare),
            types=types[own.label][0],
            type_share=types[own.label][1],
            mixed=parsed is not None and parsed.is_mixed(place, candidate),
            share=None if parsed is None else parsed.share(candidate),
        )
    return dict(sorted(names.items()))


def bare_name(name: str) -> str:
    """Return a name without the types or number in brackets that distinguish equal names."""
    return _APART.sub("", name)


class _ByWords:
    """The phrases of clusters by their words, counted on first use."""

    def __init__(
        self, clusters: Sequence[Sequence[RelationInstance]], *, max_words: int, min_share: float
    ) -> None:
        self._clusters, self._max_words, self._min_share = clusters, max_words, min_share

    @cached_property
    def _corpus(self) -> Corpus:
        contexts = [[context(instance) for instance in cluster] for cluster in self._clusters]
        return Corpus(contexts, max_words=self._max_words, min_share=self._min_share)

    def phrases(self, place: int) -> list[Phrase]:
        return self._corpus.phrases(place)

    def bare_phrases(self, place: int) -> list[Phrase]:
        return self._corpus.bare_phrases(place)


class _Members:
    """What is counted over all instances of a cluster, and the sample of them that is kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[RelationInstance] = []
        self._type_pairs: Counter[TypePair] = Counter()
        self.size = self.n_head_first = 0

    def add(self, instance: RelationInstance) -> None:
        self.size += 1
        self.n_head_first += instance.head.start <= instance.tail.start
        if instance.type_pair != (None, None):
            self._type_pairs[instance.type_pair] += 1
        self._kept.append(instance)
        # sorting seldom costs little, and instances on the disk need not be in memory together
        if len(self._kept) >= 4 * self._most:
            self._kept = nsmallest(self._most, self._kept, key=_key)

    def sample(self) -> list[RelationInstance]:
        return _sample(self._kept, self._most)

    def types(self) -> tuple[TypePair | None, float]:
        """Return the most frequent types, and the share of the instances that have them."""
        pairs = self._type_pairs
        if not pairs:
            return None, 0.0
        pair = min(pairs, key=lambda pair: (-pairs[pair], pair[0] or "", pair[1] or ""))
        return pair, pairs[pair] / self.size


def _members(
    instances: Sequence[RelationInstance], labels: Sequence[int] | NDArray[np.integer]
) -> dict[int, _Members]:
    numbers = np.asarray(labels)
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise InputError(f"labels are {numbers.dtype}, but expected integers, one per instance")
    if numbers.shape != (len(instances),):
        raise InputError(
            f"labels have shape {numbers.shape}, but there are {len(instances)} instances; "
            f"expected ({len(instances)},): one label per instance"
        )
    present = np.unique(numbers[numbers >= 0]).tolist()
    members = {label: _Members(_size(len(present))) for label in present}
    for instance, label in zip(instances, numbers.tolist(), strict=True):
        if label >= 0:
            members[label].add(instance)
    return members


def _size(clusters: int) -> int:
    return min(_PER_CLUSTER, max(_AT_LEAST, _TOGETHER // max(1, clusters)))


def _sample(cluster: list[RelationInstance], size: int) -> list[RelationInstance]:
    return cluster if len(cluster) <= size else nsmallest(size, cluster, key=_key)


def _key(instance: RelationInstance) -> tuple[int, str, str, int, int]:
    number = crc32(instance.id.encode("utf-8", "surrogatepass"))
    return number, instance.id, instance.text, instance.head.start, instance.tail.start


def _ngrams(phrases: Sequence[Candidate]) -> tuple[tuple[str, float], ...]:
    weights: dict[str, float] = {}
    for phrase in phrases:
        weights.setdefault(phrase.words, phrase.weight)
    return tuple(weights.items())[:10]


def _signature(types: TypePair | None) -> str | None:
    known = [None if name is None or name.strip().lower() in _NO_TYPES else name for name in types or ()]
    return " – ".join(name or UNKNOWN for name in known) if any(known) else None
