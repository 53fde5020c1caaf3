"""Names from parses: the syntactic connections that are typical of a cluster."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from relscout.core.instances import RelationInstance
from relscout.naming.connections import Connection, connections
from relscout.naming.frames import Frames
from relscout.naming.phrases import GAP, Candidate, Phrase
from relscout.naming.words import PREPOSITIONS, STOP_WORDS

#: Smoothing of the ratio of shares, as in relscout.naming.phrases.
_SMOOTHING, _SMOOTHING_INSTANCES = 0.005, 0.5
#: Weight of a bare preposition.
_BARE = 0.15
#: Exponent of the weight of a connection's content word in all its phrases; the phrase itself has the rest.
_BY_ROOT = 0.35
#: Minimum share of the connected instances, and minimum weight, of a name.
_LEAST_SHARE, _LEAST_WEIGHT = 0.03, 0.04
#: Minimum share of all instances, and of the connected ones, of a bare preposition.
_LEAST_BARE, _LEAST_BARE_CONNECTED = 0.08, 0.25
#: Minimum log-odds of a frequent connection against the other clusters, and the share that makes it frequent.
_LEAST_ODDS, _FREQUENT = 0.2, 0.2
_MOST = 30
#: Share of the connected instances below which a name may be mixed.
_DOUBTED = 0.25
#: Minimum share of a rival connection, and minimum ratio of its share and weight to those of the best.
_COMPETING, _RIVAL = 0.03, 0.5
#: Number of rivals of a mixed relation, unless the instances of one have other entity types.
_RIVALS = 3
#: Minimum number of connected instances of a mixed relation.
_ENOUGH = 12

TypePair = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Typical:
    """A connection that is typical of a cluster.

    Args:
        name: The words in their most frequent form.
        key: Key shared by its forms.
        root: Key of its content word; empty for bare prepositions.
        weight: How well it names the cluster, > 0.
        share: Share of the connected instances with this connection, or another one with its content word, in [0, 1].
    """

    name: str
    key: tuple[str, ...]
    root: str
    weight: float
    share: float

    @property
    def words(self) -> str:
        """The words alone."""
        return self.name

    @property
    def pattern(self) -> str:
        """The words between HEAD and TAIL."""
        return f"HEAD {self.name.removeprefix('mixed: ')} TAIL"


class Connected:
    """Counts of the connections of all clusters.

    Args:
        clusters: Instances per cluster, each with its connections.
        types: Entity types of head and tail of each instance.
    """

    def __init__(
        self, clusters: Sequence[Sequence[Sequence[Connection]]], *, types: Sequence[Sequence[TypePair]]
    ) -> None:
        self._clusters, self._types = clusters, types
        self._sizes = [max(1, len(instances)) for instances in clusters]
        self._keys = [
            _shares(((way.key, way.weight) for way in each) for each in cluster) for cluster in clusters
        ]
        self._roots = [
            _shares((((way.root,), way.weight) for way in each if way.root) for each in cluster)
            for cluster in clusters
        ]
        self._keys_total = _sum(self._keys)
        self._roots_total = _sum(self._roots)

    def typical(self, cluster: int, *, min_share: float) -> list[Typical]:
        """Return up to 30 typical connections of a cluster with a minimum share of its instances, best first."""
        instances = self._clusters[cluster]
        supports: Counter[tuple[str, ...]] = Counter()
        spellings: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        roots: dict[tuple[str, ...], str] = {}
        for ways in instances:
            supports.update({way.key for way in ways})
            for way in ways:
                spellings[way.key][way.name] += 1
                roots[way.key] = way.root
        needed = max(_least(len(instances)), math.ceil(min_share * len(instances)))
        names = []
        for key, support in supports.items():
            weight = self._weight(cluster, key, roots[key])
            if support >= needed and weight > 0:
                written = spellings[key]
                name = min(written, key=lambda form: (-written[form], form))
                names.append(Typical(name, key, roots[key], weight, self.agreement(cluster, key, roots[key])))
        names.sort(key=lambda entry: (-entry.weight, entry.key))
        return [way for way in names if way.share >= _LEAST_SHARE and way.weight >= _LEAST_WEIGHT][:_MOST]

    def bare(self, cluster: int) -> list[Typical]:
        """Return the frequent bare prepositions of a cluster, the most frequent first."""
        names = Counter(way.name for ways in self._clusters[cluster] for way in ways if not way.root)
        prepositions = []
        for name in sorted(names, key=lambda name: (-names[name], name)):
            key = next(
                way.key
                for ways in self._clusters[cluster]
                for way in ways
                if way.name == name and not way.root
            )
            share = self.agreement(cluster, key, "")
            if names[name] / self._sizes[cluster] >= _LEAST_BARE and share >= _LEAST_BARE_CONNECTED:
                prepositions.append(Typical(name, key, "", _BARE * share, share))
        return prepositions

    def agreement(self, cluster: int, key: tuple[str, ...], root: str) -> float:
        """Return the share of the connected instances with a connection or its content word, in [0, 1]."""
        connected = [ways for ways in self._clusters[cluster] if ways]
        agreeing = sum(
            any(way.key == key or (root and way.root == root) for way in ways) for ways in connected
        )
        return agreeing / len(connected) if connected else 0.0

    def rivals(self, cluster: int, typical: Sequence[Typical]) -> tuple[Typical, Typical] | None:
        """Return two connections for the name of a mixed cluster, or ``None``.

        A cluster is mixed if the best connection covers less than a quarter of the connected instances and has rivals:
        three with other content words and at least half its share and weight, or one whose instances mostly have other
        entity types.

        Args:
            cluster: Position of the cluster.
            typical: Its connections with a content word, best first.
        """
        connected = sum(bool(ways) for ways in self._clusters[cluster])
        if connected < _ENOUGH or not typical or typical[0].share >= _DOUBTED:
            return None
        best = typical[0]
        rivals: dict[str, Typical] = {}
        for other in typical[1:]:
            enough = max(_COMPETING, _RIVAL * best.share)
            if other.root != best.root and other.share >= enough and other.weight >= _RIVAL * best.weight:
                rivals.setdefault(other.root, other)
        types = self._usual_types(cluster, best.root)
        unlike = [other for other in rivals.values() if self._usual_types(cluster, other.root) != types]
        if unlike:
            return best, unlike[0]
        return (best, next(iter(rivals.values()))) if len(rivals) >= _RIVALS else None

    def _usual_types(self, cluster: int, root: str) -> TypePair:
        """Return the most frequent entity types of the instances with a content word."""
        pairs = Counter(
            types
            for ways, types in zip(self._clusters[cluster], self._types[cluster], strict=True)
            if any(way.root == root for way in ways)
        )
        return min(pairs, key=lambda pair: (-pairs[pair], pair[0] or "", pair[1] or ""))

    def mixture(self, cluster: int, rivals: tuple[Typical, Typical]) -> Typical:
        """Return the name of a mixed cluster: "mixed: born in / lived in"."""
        first, second = rivals
        connected = [ways for ways in self._clusters[cluster] if ways]
        agreeing = sum(any(way.root in (first.root, second.root) for way in ways) for ways in connected)
        name, key = f"mixed: {first.name} / {second.name}", (*first.key, *second.key)
        return Typical(name, key, first.root, first.weight, agreeing / len(connected))

    def _weight(self, cluster: int, key: tuple[str, ...], root: str) -> float:
        weight = self._typicality(cluster, key, self._keys, self._keys_total)
        if weight <= 0:
            return 0.0
        weight *= 1.6 - 0.6 * 0.5 ** (min(len(key), 3) - 1)
        if not root:
            return _BARE * weight
        by_root = self._typicality(cluster, (root,), self._roots, self._roots_total)
        return float(weight ** (1 - _BY_ROOT) * max(by_root, 0.0) ** _BY_ROOT)

    def _typicality(
        self,
        cluster: int,
        key: tuple[str, ...],
        shares: Sequence[dict[tuple[str, ...], float]],
        totals: dict[tuple[str, ...], float],
    ) -> float:
        share = shares[cluster].get(key, 0.0)
        smoothing = max(_SMOOTHING, _SMOOTHING_INSTANCES / self._sizes[cluster])
        others = (totals[key] - share) / max(1, len(shares) - 1)
        odds = math.log((share + smoothing) / (others + smoothing))
        # two clusters of the same relation may have the same name
        return share * (max(odds, _LEAST_ODDS) if share >= _FREQUENT else odds)


def _least(size: int) -> int:
    """Return the minimum support of a connection in a cluster of a size: 3, less in tiny clusters."""
    return min(3, 1 + size // 4)


def _shares(instances: Iterable[Iterable[tuple[tuple[str, ...], float]]]) -> dict[tuple[str, ...], float]:
    counts: dict[tuple[str, ...], float] = defaultdict(float)
    size = 0
    for ways in instances:
        size += 1
        best: dict[tuple[str, ...], float] = {}
        for key, weight in ways:
            best[key] = max(best.get(key, 0.0), weight)
        for key, weight in best.items():
            counts[key] += weight
    return {key: count / size for key, count in counts.items()}


def _sum(clusters: Sequence[dict[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    total: dict[tuple[str, ...], float] = defaultdict(float)
    for shares in clusters:
        for key, share in shares.items():
            total[key] += share
    return total


#: Tag of a verb in its base form, which cannot follow a head ("win at").
_INFINITIVE = "INFINITIVE"
#: Minimum share of the instances in which words between the mentions end directly before the tail.
_TOUCHING = 0.04
#: Name of a relation without a phrase, and its weight.
_ASSOCIATED, _LEAST = "associated with", 1e-6
_HAS = "has"
_FORMS_OF_BE = frozenset({"is", "are", "was", "were"})

#: A bare preposition with at least the first share replaces a phrase with less than the second.
_MUCH, _LITTLE = 0.4, 0.15


class NamesOfParsed:
    """Candidate names of clusters from the syntax of their instances.

    Args:
        clusters: Instances per cluster; those without a parse have no connections.
        min_share: Minimum share of the instances of a cluster with a connection, in (0, 1].
    """

    def __init__(self, clusters: Sequence[Sequence[RelationInstance]], *, min_share: float) -> None:
        self._clusters, self._min_share = clusters, min_share
        self._has_parse = [any(instance.parse is not None for instance in cluster) for cluster in clusters]
        self._tags: dict[str, Counter[str]] = defaultdict(Counter)
        # all pairs of a sentence share its parse, and with it the frames
        frames: dict[int, Frames] = {}
        self._connected = Connected(
            [self._connections(cluster, frames) for cluster in clusters],
            types=[[instance.type_pair for instance in cluster] for cluster in clusters],
        )
        self._mixed: dict[int, Typical] = {}

    def has_parse(self, cluster: int) -> bool:
        """Return whether any instance of a cluster has a parse."""
        return self._has_parse[cluster]

    def candidates(self, cluster: int, *, max_words: int) -> Sequence[Candidate]:
        """Return the connections that may name a cluster, best first, after the name of a mixed cluster."""
        typical = [
            way
            for way in self._connected.typical(cluster, min_share=self._min_share)
            if way.root and len(way.name.split()) <= max_words
        ]
        rivals = self._connected.rivals(cluster, typical)
        if not rivals:
            return typical
        self._mixed[cluster] = self._connected.mixture(cluster, rivals)
        return [self._mixed[cluster], *typical]

    def bare_candidates(self, cluster: int) -> Sequence[Candidate]:
        """Return the most frequent bare preposition, or "is", of a cluster, if any; "has" says nothing."""
        return [way for way in self._connected.bare(cluster) if way.name != _HAS][:1]

    def associated(self, cluster: int) -> Candidate:
        """Return the name of a mixed cluster without a common phrase."""
        self._mixed[cluster] = Typical(_ASSOCIATED, tuple(_ASSOCIATED.split()), "", _LEAST, 0.0)
        return self._mixed[cluster]

    def prefers_bare(self, bare: Candidate, phrases: Sequence[Candidate]) -> bool:
        """Return whether a bare preposition covers much more than the best phrase."""
        covered = self.share(phrases[0]) if phrases else 0.0
        share = self.share(bare)
        return covered is not None and share is not None and share >= _MUCH and covered < _LITTLE

    def is_mixed(self, cluster: int, candidate: Candidate | None) -> bool:
        """Return whether a cluster is mixed, whatever its name."""
        return cluster in self._mixed and candidate is not None

    def share(self, candidate: Candidate | None) -> float | None:
        """Return the share of the connected instances that agree with a candidate, if it comes from the syntax."""
        return candidate.share if isinstance(candidate, Typical) else None

    def reads(self, cluster: int, phrase: Phrase) -> bool:
        """Return whether words between the mentions are a name: complete, from head to tail, without proper names."""
        words = phrase.text.lower().split()
        if phrase.place != 0 or GAP in words or len(words) < 2 or words[-1] not in PREPOSITIONS - {"as"}:
            return False
        tags = [self._tag(word) for word in words]
        if words[0] in PREPOSITIONS | {"'s"} or not {"PROPN", "NUM"}.isdisjoint(tags):
            return False
        # "the constellation of Orion" does not describe the head; "is the capital of" does
        tags_of_content = ("VERB", "ADJ", "NOUN") if words[0] in _FORMS_OF_BE else ("VERB", "ADJ")
        return tags[-2] in tags_of_content and words[-2] not in STOP_WORDS and self._touches(cluster, words)

    def _touches(self, cluster: int, words: list[str]) -> bool:
        """Return whether enough instances have the words directly before the tail, ignoring articles."""
        instances, text = self._clusters[cluster], " ".join(words)
        ends = tuple(f" {text}{article}" for article in ("", " the", " a", " an"))
        between = (
            f" {instance.text[instance.head.end : instance.tail.start].lower().strip()}"
            for instance in instances
        )
        return sum(text.endswith(ends) for text in between) >= max(2, _TOUCHING * len(instances))

    def _connections(
        self, cluster: Sequence[RelationInstance], frames: dict[int, Frames]
    ) -> list[tuple[Connection, ...]]:
        ways: list[tuple[Connection, ...]] = []
        for instance in cluster:
            if instance.parse is None:
                ways.append(())
                continue
            frame = frames.get(id(instance.parse))
            if frame is None:
                frame = frames[id(instance.parse)] = Frames(instance.text, instance.parse)
                for word, tag, lemma in zip(frame.words, instance.parse.tags, frame.lemmas, strict=True):
                    infinite = tag == "VERB" and lemma == word.lower()
                    self._tags[word.lower()][_INFINITIVE if infinite else tag] += 1
            ways.append(connections(instance, frame))
        return ways

    def _tag(self, word: str) -> str:
        tags = self._tags.get(word)
        return min(tags, key=lambda tag: (-tags[tag], tag)) if tags else ""
