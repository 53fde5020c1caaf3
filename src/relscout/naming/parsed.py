"""Names from parses: the connections between head and tail that are typical of a cluster."""

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

#: Added to both shares whose ratio is taken, as for n-grams (see relscout.naming.phrases).
_SMOOTHING, _SMOOTHING_INSTANCES = 0.005, 0.5
#: What a bare preposition counts.
_BARE = 0.15
#: Exponent of the weight of a connection's content word, in all its phrases; the rest is that of the phrase itself.
_BY_ROOT = 0.35
#: Share of the connected instances that a name must cover to be good enough.
_LEAST_SHARE = 0.03
#: Weight that it must have.
_LEAST_WEIGHT = 0.04
#: Share of all instances, and of the connected ones, that a bare preposition must cover.
_LEAST_BARE, _LEAST_BARE_CONNECTED = 0.08, 0.25
#: What a frequent connection has at least in log-odds against the other clusters, and from which share on.
_LEAST_ODDS, _FREQUENT = 0.2, 0.2
_KEPT = 30
#: A name that covers less than this share of the connected instances is doubted.
_DOUBTED = 0.25
#: A rival is another connection with at least this share, and this part of the share and the weight of the best.
_COMPETING, _RIVAL = 0.03, 0.5
#: Rivals that make a relation mixed: this many, or one whose instances have other entity types.
_RIVALS = 3
#: Connected instances from which on a relation can be called mixed.
_ENOUGH = 12

TypePair = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Typical:
    """A connection of a cluster.

    Args:
        name: The words, in the form that is most often used.
        key: What its forms share.
        root: Key of its content word; empty for bare prepositions.
        weight: How well it names the cluster, > 0.
        share: Share of the instances of the cluster that have it, or another connection with its content word, among
            those that have any connection, in [0, 1].
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
    """The connections of all clusters, counted.

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
            _shares(((one.key, one.weight) for one in each) for each in cluster) for cluster in clusters
        ]
        self._roots = [
            _shares((((one.root,), one.weight) for one in each if one.root) for each in cluster)
            for cluster in clusters
        ]
        self._keys_total = _sum(self._keys)
        self._roots_total = _sum(self._roots)

    def typical(self, cluster: int, *, min_share: float) -> list[Typical]:
        """Return the connections that name a cluster, best first, 30 at most.

        Args:
            cluster: Place of the cluster.
            min_share: Share of its instances that must have a connection, in (0, 1].
        """
        instances = self._clusters[cluster]
        supports: Counter[tuple[str, ...]] = Counter()
        spellings: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        roots: dict[tuple[str, ...], str] = {}
        for each in instances:
            supports.update({one.key for one in each})
            for one in each:
                spellings[one.key][one.name] += 1
                roots[one.key] = one.root
        needed = max(_least(len(instances)), math.ceil(min_share * len(instances)))
        found = []
        for key, support in supports.items():
            weight = self._weight(cluster, key, roots[key])
            if support >= needed and weight > 0:
                written = spellings[key]
                name = min(written, key=lambda form: (-written[form], form))
                found.append(Typical(name, key, roots[key], weight, self.agreement(cluster, key, roots[key])))
        found.sort(key=lambda one: (-one.weight, one.key))
        return [one for one in found if one.share >= _LEAST_SHARE and one.weight >= _LEAST_WEIGHT][:_KEPT]

    def bare(self, cluster: int) -> list[Typical]:
        """Return the bare prepositions that connect a good part of the instances of a cluster, most frequent first."""
        names = Counter(one.name for each in self._clusters[cluster] for one in each if not one.root)
        found = []
        for name in sorted(names, key=lambda name: (-names[name], name)):
            key = next(
                one.key
                for each in self._clusters[cluster]
                for one in each
                if one.name == name and not one.root
            )
            share = self.agreement(cluster, key, "")
            if names[name] / self._sizes[cluster] >= _LEAST_BARE and share >= _LEAST_BARE_CONNECTED:
                found.append(Typical(name, key, "", _BARE * share, share))
        return found

    def agreement(self, cluster: int, key: tuple[str, ...], root: str) -> float:
        """Return the share of the connected instances that have a connection or its content word, in [0, 1]."""
        connected = [each for each in self._clusters[cluster] if each]
        agreeing = sum(
            any(one.key == key or (root and one.root == root) for one in each) for each in connected
        )
        return agreeing / len(connected) if connected else 0.0

    def rivals(self, cluster: int, typical: Sequence[Typical]) -> tuple[Typical, Typical] | None:
        """Return the two connections that name a cluster of mixed content, and ``None`` where it is not mixed.

        It is mixed where the best connection covers less than a quarter of the connected instances and others compete
        with it, each with a content word of its own, at least half its share and half its weight: three of them, or
        one whose instances mostly have other entity types.

        Args:
            cluster: Place of the cluster.
            typical: Its connections with a content word, best first.
        """
        connected = sum(bool(each) for each in self._clusters[cluster])
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
        """Return the most frequent entity types of the instances that have a content word."""
        pairs = Counter(
            types
            for each, types in zip(self._clusters[cluster], self._types[cluster], strict=True)
            if any(one.root == root for one in each)
        )
        return min(pairs, key=lambda pair: (-pairs[pair], pair[0] or "", pair[1] or ""))

    def mixture(self, cluster: int, rivals: tuple[Typical, Typical]) -> Typical:
        """Return the name of a cluster of mixed content: "mixed: born in / lived in"."""
        one, other = rivals
        connected = [each for each in self._clusters[cluster] if each]
        agreeing = sum(any(each.root in (one.root, other.root) for each in found) for found in connected)
        share = agreeing / len(connected)
        return Typical(
            f"mixed: {one.name} / {other.name}", (*one.key, *other.key), one.root, one.weight, share
        )

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
        # two clusters of one relation say the same, and both are named by it
        return share * (max(odds, _LEAST_ODDS) if share >= _FREQUENT else odds)


def _least(size: int) -> int:
    """Instances that must share a connection in a cluster of a size: 3, less in tiny clusters."""
    return min(3, 1 + size // 4)


def _shares(instances: Iterable[Iterable[tuple[tuple[str, ...], float]]]) -> dict[tuple[str, ...], float]:
    counts: dict[tuple[str, ...], float] = defaultdict(float)
    size = 0
    for each in instances:
        size += 1
        best: dict[tuple[str, ...], float] = {}
        for key, weight in each:
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


#: Tag of a verb in its base form, which reads badly after a head ("win at").
_INFINITIVE = "INFINITIVE"
#: Share of the instances in which words between the mentions must touch the tail to name a cluster.
_TOUCHING = 0.04
#: What a relation is called that no phrase names, and how well that names it.
_ASSOCIATED, _LEAST = "associated with", 1e-6
_FORMS_OF_BE = frozenset({"is", "are", "was", "were"})

#: Share that a bare preposition must cover, and the best phrase must not, for the preposition to be the name.
_MUCH, _LITTLE = 0.4, 0.15


class NamesOfParsed:
    """What clusters may be called by the syntax of their instances.

    Args:
        clusters: Instances per cluster; those without a parse have no connections.
        min_share: Share of the instances of a cluster that must have a connection, in (0, 1].
    """

    def __init__(self, clusters: Sequence[Sequence[RelationInstance]], *, min_share: float) -> None:
        self._clusters, self._min_share = clusters, min_share
        self._has_parse = [any(one.parse is not None for one in cluster) for cluster in clusters]
        self._tags: dict[str, Counter[str]] = defaultdict(Counter)
        # all pairs of a sentence share its parse, and with it the frames
        frames: dict[int, Frames] = {}
        self._connected = Connected(
            [self._connections(cluster, frames) for cluster in clusters],
            types=[[one.type_pair for one in cluster] for cluster in clusters],
        )
        self._mixed: dict[int, Typical] = {}

    def has_parse(self, cluster: int) -> bool:
        """Return whether any instance of a cluster has a parse."""
        return self._has_parse[cluster]

    def candidates(self, cluster: int, *, max_words: int) -> Sequence[Candidate]:
        """Return the connections that may name a cluster, best first; one of mixed content is called so.

        Args:
            cluster: Place of the cluster.
            max_words: Words of the longest name, >= 1.
        """
        typical = [
            one
            for one in self._connected.typical(cluster, min_share=self._min_share)
            if one.root and len(one.name.split()) <= max_words
        ]
        rivals = self._connected.rivals(cluster, typical)
        if not rivals:
            return typical
        self._mixed[cluster] = self._connected.mixture(cluster, rivals)
        return [self._mixed[cluster], *typical]

    def bare_candidates(self, cluster: int) -> Sequence[Candidate]:
        """Return the preposition, or "is", that connects a good part of a cluster, if one does.

        Args:
            cluster: Place of the cluster.
        """
        return self._connected.bare(cluster)[:1]

    def associated(self, cluster: int) -> Candidate:
        """Return the name of a cluster that nothing says in common: it is of mixed content, and still reads.

        Args:
            cluster: Place of the cluster.
        """
        self._mixed[cluster] = Typical(_ASSOCIATED, tuple(_ASSOCIATED.split()), "", _LEAST, 0.0)
        return self._mixed[cluster]

    def prefers_bare(self, bare: Candidate, found: Sequence[Candidate]) -> bool:
        """Return whether a bare preposition covers so much more than the best phrase that it is the better name."""
        covered = self.share(found[0]) if found else 0.0
        share = self.share(bare)
        return covered is not None and share is not None and share >= _MUCH and covered < _LITTLE

    def is_mixed(self, cluster: int, candidate: Candidate | None) -> bool:
        """Return whether a cluster is of mixed content, whatever name was chosen."""
        return cluster in self._mixed and candidate is not None

    def share(self, candidate: Candidate | None) -> float | None:
        """Return the share of the connected instances that agree with a candidate, if it comes from the syntax."""
        return candidate.share if isinstance(candidate, Typical) else None

    def reads(self, cluster: int, phrase: Phrase) -> bool:
        """Return whether words between mentions read as a name: from head to tail, whole, and without proper names.

        Args:
            cluster: Place of the cluster.
            phrase: The words. They must end right before the tail in a part of the instances.
        """
        words = phrase.text.lower().split()
        if phrase.place != 0 or GAP in words or len(words) < 2 or words[-1] not in PREPOSITIONS - {"as"}:
            return False
        tags = [self._tag(word) for word in words]
        if words[0] in PREPOSITIONS | {"'s"} or not {"PROPN", "NUM"}.isdisjoint(tags):
            return False
        # "the constellation of Orion" does not make the head one; "is the capital of" makes it a capital
        said = ("VERB", "ADJ", "NOUN") if words[0] in _FORMS_OF_BE else ("VERB", "ADJ")
        return tags[-2] in said and words[-2] not in STOP_WORDS and self._touches(cluster, words)

    def _touches(self, cluster: int, words: list[str]) -> bool:
        """Return whether enough instances have the words right before the tail, but for an article."""
        instances, text = self._clusters[cluster], " ".join(words)
        ends = tuple(f" {text}{article}" for article in ("", " the", " a", " an"))
        between = (f" {one.text[one.head.end : one.tail.start].lower().strip()}" for one in instances)
        return sum(each.endswith(ends) for each in between) >= max(2, _TOUCHING * len(instances))

    def _connections(
        self, cluster: Sequence[RelationInstance], frames: dict[int, Frames]
    ) -> list[tuple[Connection, ...]]:
        found: list[tuple[Connection, ...]] = []
        for instance in cluster:
            if instance.parse is None:
                found.append(())
                continue
            frame = frames.get(id(instance.parse))
            if frame is None:
                frame = frames[id(instance.parse)] = Frames(instance.text, instance.parse)
                for word, tag, lemma in zip(frame.words, instance.parse.tags, frame.lemmas, strict=True):
                    infinite = tag == "VERB" and lemma == word.lower()
                    self._tags[word.lower()][_INFINITIVE if infinite else tag] += 1
            found.append(connections(instance, frame))
        return found

    def _tag(self, word: str) -> str:
        tags = self._tags.get(word)
        return min(tags, key=lambda tag: (-tags[tag], tag)) if tags else ""
