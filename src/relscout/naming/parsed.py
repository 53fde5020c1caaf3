"""Names of clusters whose instances have a parse."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from relscout.instances import RelationInstance
from relscout.naming.choosing import Candidate
from relscout.naming.connections import Connection, connections
from relscout.naming.frames import Frames
from relscout.naming.phrases import Phrase
from relscout.naming.runs import GAP
from relscout.naming.typical import Connected, Typical
from relscout.naming.words import PREPOSITIONS, STOP_WORDS

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
