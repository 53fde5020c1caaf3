"""Surface-form names of clusters: how the sentences themselves call the relation.

SelfORE (Hu et al., EMNLP 2020, section 2.4) names a cluster by the most frequent n-gram between its two
entities. Here n-grams are in addition weighed against the other clusters, forms of a word are counted
together, a word and the preposition before the second mention may stand apart ("studied physics at"), words of
entity names and stop words alone do not name, and the direction stays readable.

Where the instances have a parse, names come from the syntax instead (:mod:`relscout.naming.connections`): they read
from head to tail.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.naming.phrases import UNKNOWN, Candidate, Candidates, Corpus, Phrase, choose, context

#: Instances that are looked at: per cluster at most, in all clusters together about, per cluster at least.
_PER_CLUSTER, _TOGETHER, _AT_LEAST = 20_000, 50_000, 200

#: What corpora write where a type is not known.
_NO_TYPES = frozenset({"", "?", "-", "_", "o", "none", "null", "unk", "unknown"})

#: What a name ends in where another cluster has the same words.
_APART = re.compile(r" \((?:[^()]+ – [^()]+|[0-9]+)\)$")

TypePair = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class RelationName:
    """The name of one cluster, and what it rests on.

    Args:
        name: Unique among the clusters that were named together, such as ``"was born in"``.
        pattern: The name between HEAD and TAIL in the order of the sentences, ``"HEAD was born in TAIL"`` or ``"TAIL is
            the birthplace of HEAD"``: where TAIL comes first, the name reads from tail to head. The mark ``…`` stands
            for any words: the name was then found before or after both mentions, or with other words in it (``"HEAD
            studied … at TAIL"``).
        head_first: Share of the instances in which the head precedes the tail, in [0, 1].
        ngrams: The ten best n-grams and their weights (>= 0), best first.
        types: The most frequent entity types of head and tail; ``None`` where no instance has any.
        type_share: Share of the instances that have these types, in [0, 1].
        mixed: Whether the instances say unlike things, and the name lists two of them ("mixed: born in / lived in");
            known only where they have a parse.
        share: Share of the instances whose own connection agrees with the name, among those that have a connection
            in their syntax, in [0, 1]; ``None`` where the name does not come from the syntax.
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
) -> dict[int, RelationName]:
    """Name every cluster by the phrase that its instances use and the others do not.

    A phrase is weighed by how typical it is of the cluster, and by how typical its best word is, in all its forms and
    places: the latter is what names small clusters of varied sentences. Words between the mentions name a relation,
    words close before or after both at a discount; failing these, the entity types ("PERSON – CITY"), a phrase of stop
    words ("is in"), types of which one is not known ("PERSON – ?"), and last "relation 7".

    Where the instances of a cluster have a parse, the phrases are what connects head and tail in the syntax instead,
    all of them read from head to tail, and a relation of unlike content is called mixed
    (:class:`relscout.naming.parsed.NamesOfParsed`); failing these, words between the mentions if they read from head
    to tail, then the entity types.

    The result depends on neither the order of the instances nor the numbers of the clusters.

    Of large clusters a sample is looked at, drawn by a hash of the ids, so that time and memory stay
    bounded: 20,000 instances of each, or 50,000 together where there are three clusters or more (but not less
    than 200 of each). The shares of the types and of ``head_first`` are those of all instances.

    Args:
        instances: The instances, N of them.
        labels: Cluster of each instance, (N,) integers; negative ones belong to no cluster.
        max_words: Words of the longest name, >= 1.
        min_share: Share of the instances of a cluster in which its name must be found, in (0, 1].

    Returns:
        A name for every label >= 0 that occurs, in ascending order of the labels.

    Raises:
        InputError: The labels are not one integer per instance.
        SettingError: ``max_words`` or ``min_share`` is out of range.
    """
    if max_words < 1:
        raise SettingError(f"max_words is {max_words}, but a name needs at least 1 word")
    if not 0 < min_share <= 1:
        raise SettingError(f"min_share is {min_share}, but it must be above 0 and at most 1")
    members = _members(instances, labels)
    samples = {label: _sample(cluster, _size(len(members))) for label, cluster in members.items()}
    # clusters are taken in an order that their instances decide, not their numbers
    order = sorted(samples, key=lambda label: (min(map(_key, samples[label])), len(members[label]), label))
    types = {label: _types(members[label]) for label in order}
    signatures = {label: _signature(types[label][0]) for label in order}
    parsed = None
    if any(one.parse is not None for cluster in samples.values() for one in cluster):
        from relscout.naming.parsed import NamesOfParsed

        parsed = NamesOfParsed([samples[label] for label in order], min_share=min_share)
    everywhere = parsed is not None and all(parsed.has_parse(place) for place in range(len(order)))
    # where words only stand in for the syntax, a few instances of each cluster do
    shown = [_sample(samples[label], _AT_LEAST) if everywhere else samples[label] for label in order]
    by_words = _ByWords(shown, max_words=max_words, min_share=min_share)
    candidates = []
    for place, label in enumerate(order):
        found: Sequence[Candidate]
        bare: Sequence[Candidate]
        if parsed is not None and parsed.has_parse(place):
            found, bare = parsed.candidates(place, max_words=max_words), ()
            # a bare preposition that most instances have is truer than a phrase that few have
            plain = parsed.bare_candidates(place)
            if plain and parsed.prefers_bare(plain[0], found):
                found = plain
            found = found or [one for one in by_words.phrases(place) if parsed.reads(place, one)] or plain
            found = found or [parsed.associated(place)]
        else:
            found = by_words.phrases(place)
            bare = () if found else by_words.bare_phrases(place)
        candidates.append(Candidates(label, found, bare, signatures[label]))
    chosen = choose(candidates)
    names = {}
    for place, one in enumerate(candidates):
        name, pattern, candidate = chosen[one.label]
        names[one.label] = RelationName(
            name=name,
            pattern=pattern,
            head_first=_head_first(members[one.label]),
            ngrams=_ngrams(one.phrases or one.bare),
            types=types[one.label][0],
            type_share=types[one.label][1],
            mixed=parsed is not None and parsed.is_mixed(place, candidate),
            share=None if parsed is None else parsed.share(candidate),
        )
    return dict(sorted(names.items()))


def bare_name(name: str) -> str:
    """Return a name without what sets it apart from others of the same words: entity types or a number in brackets."""
    return _APART.sub("", name)


class _ByWords:
    """The phrases of clusters by their words, counted when the first is asked for."""

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


def _members(
    instances: Sequence[RelationInstance], labels: Sequence[int] | NDArray[np.integer]
) -> dict[int, list[RelationInstance]]:
    numbers = np.asarray(labels)
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise InputError(f"labels are {numbers.dtype}, but expected integers, one per instance")
    if numbers.shape != (len(instances),):
        raise InputError(
            f"labels have shape {numbers.shape}, but there are {len(instances)} instances; "
            f"expected ({len(instances)},): one label per instance"
        )
    members: dict[int, list[RelationInstance]] = defaultdict(list)
    for instance, label in zip(instances, numbers.tolist(), strict=True):
        if label >= 0:
            members[label].append(instance)
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


def _head_first(cluster: Sequence[RelationInstance]) -> float:
    return sum(one.head.start <= one.tail.start for one in cluster) / len(cluster)


def _types(cluster: Sequence[RelationInstance]) -> tuple[TypePair | None, float]:
    pairs = Counter(one.type_pair for one in cluster if one.type_pair != (None, None))
    if not pairs:
        return None, 0.0
    pair = min(pairs, key=lambda pair: (-pairs[pair], pair[0] or "", pair[1] or ""))
    return pair, pairs[pair] / len(cluster)


def _signature(types: TypePair | None) -> str | None:
    known = [None if name is None or name.strip().lower() in _NO_TYPES else name for name in types or ()]
    return " – ".join(name or UNKNOWN for name in known) if any(known) else None
