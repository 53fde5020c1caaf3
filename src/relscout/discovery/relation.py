"""The parts of a discovery: relations, assignments, the hierarchy of relations, and facts."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import blake2b
from math import isnan
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import means
from relscout.core.errors import ArtifactError, InputError, SettingError, UnknownNameError
from relscout.core.instances import Entity, Fact, Match, Polarity, RelationInstance, Triple
from relscout.text.polarity import polarity

if TYPE_CHECKING:
    from relscout.text.entities import MergedEntities


#: Number of examples of a relation that are shown first in the report, and sent to an endpoint that names relations.
SHOWN_EXAMPLES = 3


@dataclass(frozen=True)
class Relation:
    """A discovered relation.

    Args:
        id: Its number, stable through renaming and merging.
        name: A phrase such as ``"was born in"``, unique in a discovery. It reads from head to tail; names that the
            sentences express from tail to head are marked, as in ``"invented (inverse)"``.
        pattern: The name between HEAD and TAIL in the order of the sentences: if TAIL is first, the name reads from
        tail
            to head. For names given by a person or a label, it is "HEAD name TAIL".
        size: Number of instances.
        confidence: Mean confidence of its assignments, in [0, 1].
        types: Most frequent entity types of head and tail; ``None`` if no types are known.
        type_share: Share of the instances with these types, in [0, 1].
        head_first: Share of the instances in which the head precedes the tail, in [0, 1].
        ngrams: The phrases that distinguish it, with their weights, best first.
        inverse: The inverse relation, if any.
        examples: Ids of representative, diverse instances.
        mixed: Whether its instances express different relations; the name then lists two, as in ``"mixed: born in /
            lived in"``.
        share: Share of the instances whose syntactic connection agrees with the name, among those with a connection, in
            [0, 1]; ``None`` if the name does not come from the syntax.
        matches: Entries of a vocabulary that fit it, the best first; empty if none does, so that the relation is new
            there, and ``None`` if it was not matched to a vocabulary.
    """

    id: int
    name: str
    pattern: str
    size: int
    confidence: float
    types: tuple[str | None, str | None] | None
    type_share: float
    head_first: float
    ngrams: tuple[tuple[str, float], ...]
    inverse: int | None
    examples: tuple[str, ...]
    mixed: bool = False
    share: float | None = None
    matches: tuple[Match, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, the id as ``relation_id``."""
        fields = asdict(self)
        return {"relation_id": fields.pop("id"), **fields}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Relation:
        """Read what :meth:`as_dict` gave.

        Raises:
            ArtifactError: A field is missing or unknown.
        """
        values = dict(record)
        try:
            values["id"] = values.pop("relation_id")
            values["types"] = None if values["types"] is None else tuple(values["types"])
            values["ngrams"] = tuple((str(words), float(weight)) for words, weight in values["ngrams"])
            values["examples"] = tuple(values["examples"])
            if (matches := values.get("matches")) is not None:  # older runs have no such field
                values["matches"] = tuple(Match(**match) for match in matches)
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"not a relation of a saved discovery ({error}): {record}") from error


@dataclass(frozen=True, eq=False)
class Assignments:
    """Instances and their relations.

    Args:
        instances: N instances in input order.
        relation_ids: Relation of each (N,), int64; -1 means no relation.
        confidences: Confidence of each (N,), float32, in [0, 1].
        related: Estimated probability that the sentence relates the pair at all (N,), float32, in [0, 1], NaN if not
            estimated; ``None`` if not estimated for any.
        polarities: Whether each sentence asserts, negates or supposes the relation (N); ``None`` if all assert it.
        phrases: Phrase of each sentence between the entities from its syntax, such as ``"taught by"``, or empty (N);
            ``None`` if all are empty.
        warnings: What a user should know about the instances, such as the share of tokens that the encoder does not
            know.
    """

    instances: Sequence[RelationInstance]
    relation_ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    related: NDArray[np.float32] | None = None
    polarities: Sequence[Polarity] | None = None
    phrases: Sequence[str] | None = None
    warnings: Sequence[str] = ()

    def related_values(self) -> list[float | None]:
        """Return ``related`` as a list (N), with ``None`` if not estimated."""
        if self.related is None:
            return [None] * len(self.instances)
        return [None if isnan(value) else value for value in self.related.tolist()]

    def polarity_values(self) -> Sequence[Polarity]:
        """Return the polarity of each instance (N)."""
        return ["asserted"] * len(self.instances) if self.polarities is None else self.polarities

    def phrase_values(self) -> Sequence[str]:
        """Return the phrase of each instance (N), or an empty string."""
        return [""] * len(self.instances) if self.phrases is None else self.phrases

    def with_rows(
        self,
        rows: NDArray[np.int64],
        *,
        relation_ids: NDArray[np.int64],
        confidences: NDArray[np.float32],
        polarities: Iterable[Polarity],
        phrases: Iterable[str],
    ) -> Self:
        """Return the assignments with other values, each (n,), in the rows (n,)."""
        ids, likely = self.relation_ids.copy(), self.confidences.copy()
        ids[rows], likely[rows] = relation_ids, confidences
        all_polarities, all_phrases = list(self.polarity_values()), list(self.phrase_values())
        for row, each, phrase in zip(rows.tolist(), polarities, phrases, strict=True):
            all_polarities[row], all_phrases[row] = each, phrase
        return replace(
            self,
            relation_ids=ids,
            confidences=likely,
            polarities=unless_asserted(all_polarities),
            phrases=all_phrases if any(all_phrases) else None,
        )

    def doubt(self, row: int) -> str:
        """Return ``"negated"`` or ``"hypothetical"``; empty if the sentence of a row asserts its relation."""
        kind = "asserted" if self.polarities is None else self.polarities[row]
        return "" if kind == "asserted" else kind


def among_relations(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the confidence of each assignment (N,), float32, given that the pair is related.

    Args:
        probabilities: Probabilities of the relations and, in the last column, of no relation (N, K + 1).
        labels: Assigned relations (N,); -1 for none.
    """
    of_relations = probabilities[:, :-1]
    rows = np.arange(len(labels))
    shares = of_relations[rows, np.maximum(labels, 0)] / np.maximum(of_relations.sum(axis=1), 1e-12)
    return np.where(labels >= 0, np.minimum(shares, 1), probabilities[:, -1]).astype(np.float32)


def polarities_of(
    instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64]
) -> list[Polarity] | None:
    """Return the polarity of each instance (N), or ``None`` if all are asserted, as are those without a relation."""
    polarities: list[Polarity] = [
        polarity(instance) if id >= 0 else "asserted"
        for instance, id in zip(instances, relation_ids.tolist(), strict=True)
    ]
    return unless_asserted(polarities)


def unless_asserted(polarities: list[Polarity]) -> list[Polarity] | None:
    """Return polarities (N), or ``None`` if all are asserted."""
    return None if all(listed == "asserted" for listed in polarities) else polarities


#: Number of relations in the name of their parent.
_NAMED = 3


@dataclass(frozen=True)
class ParentRelation:
    """A more general relation in the hierarchy.

    Args:
        id: Its number, after those of the relations.
        children: Numbers of its two children, relations or parents, the larger first.
        relations: Numbers of all relations below it, the largest first.
        distance: Distance of its children in [0, 2]: 1 minus the mean cosine of their relations' means.
        size: Instances of the relations below it.
        name: Names of the largest of these.
    """

    id: int
    children: tuple[int, int]
    relations: tuple[int, ...]
    distance: float
    size: int
    name: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "id": self.id,
            "children": list(self.children),
            "relations": list(self.relations),
            "distance": round(self.distance, 6),
            "size": self.size,
            "name": self.name,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Build it from what :meth:`as_dict` gave."""
        first, second = record["children"]
        return cls(
            int(record["id"]),
            (int(first), int(second)),
            tuple(int(relation) for relation in record["relations"]),
            float(record["distance"]),
            int(record["size"]),
            str(record["name"]),
        )


def hierarchy_of(
    relations: Sequence[Relation], ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> tuple[ParentRelation, ...]:
    """Merge the two nearest relations, or parents, until one is left.

    Average linkage (Sokal and Michener 1958) of the cosines of the relations' mean vectors.

    Args:
        relations: R relations.
        ids: Relation of each instance (N,), int64; -1 for none.
        vectors: Their representations (N, D), float32.

    Returns:
        R - 1 parents, the nearest children first; none with fewer than two relations that have instances.

    Raises:
        InputError: The mean of a relation is 0.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    filled = [relation for relation in relations if bool((ids == relation.id).any())]
    if len(filled) < 2:
        return ()
    place_of = {relation.id: place for place, relation in enumerate(filled)}
    rows = np.flatnonzero(np.isin(ids, list(place_of)))
    places = np.array([place_of[id] for id in ids[rows].tolist()], dtype=np.int64)
    selected = vectors if len(rows) == len(vectors) else np.asarray(vectors[rows])
    centres = means(selected, places, len(filled)).astype(np.float64)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError("a relation's representations have the mean 0, so it has no direction")
    distances = np.maximum(1 - (centres / lengths) @ (centres / lengths).T, 0)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average")
    sizes = np.bincount(places, minlength=len(filled)).tolist()
    first_id = max(place_of) + 1
    numbers = [relation.id for relation in filled]
    below = [[place] for place in range(len(filled))]
    parents: list[ParentRelation] = []
    for left, right, distance, _ in tree.tolist():
        first, second = int(left), int(right)
        total = [sum(sizes[place] for place in below[node]) for node in (first, second)]
        if total[1] > total[0]:
            first, second = second, first
        members = sorted(below[first] + below[second], key=lambda place: (-sizes[place], numbers[place]))
        names = [filled[place].name for place in members[:_NAMED]]
        more = len(members) - len(names)
        parents.append(
            ParentRelation(
                first_id + len(parents),
                (numbers[first], numbers[second]),
                tuple(filled[place].id for place in members),
                distance,
                sum(total),
                " / ".join(names) + (f" / {more} more" if more else ""),
            )
        )
        below.append(members)
        numbers.append(parents[-1].id)
    return tuple(parents)


#: Stands for all relations that have no minimum confidence of their own.
OTHER_RELATIONS = "*"


def minimum_confidences(given: float | Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    """Return the minimum confidence of each relation, by its name.

    Args:
        given: One for all relations, or name → minimum confidence, each in [0, 1]. The name ``"*"`` stands for all
            relations that are not named; without it, these have none (0).
        names: Names of all relations.

    Raises:
        UnknownNameError: No relation has such a name.
        SettingError: A minimum confidence is not in [0, 1].
    """
    by_name = given if isinstance(given, Mapping) else {OTHER_RELATIONS: given}
    known = list(names)
    for name, least in by_name.items():
        if name != OTHER_RELATIONS and name not in known:
            raise UnknownNameError("relation", name, known)
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
            of = "" if name == OTHER_RELATIONS else f" of {name!r}"
            raise SettingError(f"the minimum confidence{of} is {least!r}; expected a number from 0 to 1")
    others = by_name.get(OTHER_RELATIONS, 0.0)
    return {name: float(by_name.get(name, others)) for name in known}


#: Maximum confidence of a fact, since sentences are not independent.
MOST_CONFIDENT = 0.999
#: Mark of a name that reads from tail to head, before the suffix of novel relations.
_INVERSE = re.compile(r" \(inverse\)(?=$| \(novel(?: \d+)?\)$)")


#: Ids of a head and a tail, and the number of a relation.
EntityLink = tuple[str, str, int]


def links_between(merged: MergedEntities, ids: NDArray[np.int64]) -> Iterable[tuple[EntityLink, int]]:
    """Return how many instances link two different entities by a relation, whether they assert it or not.

    Args:
        merged: The entities, with head and tail of each instance (N).
        ids: Relation of each instance (N,); -1 for none.
    """
    rows = zip(merged.heads, merged.tails, ids.tolist(), strict=True)
    return Counter((head, tail, id) for head, tail, id in rows if id >= 0 and head != tail).items()


@dataclass(frozen=True)
class Facts:
    """The facts of a corpus, and its entities.

    Args:
        facts: The facts, the most supported first.
        entities: All entities of the corpus, the most mentioned first; some have no fact.
        counts: Number of facts of each entity, by its id, if it was counted.
        links: See :func:`links_between`, if they were counted.
    """

    facts: Sequence[Fact]
    entities: Sequence[Entity]
    counts: Mapping[str, int] | None = None
    links: Iterable[tuple[EntityLink, int]] | None = None

    @cached_property
    def per_entity(self) -> Mapping[str, int]:
        """Number of facts of each entity, by its id; 0 for one without."""
        if self.counts is not None:
            return self.counts
        return Counter(id for fact in self.facts for id in (fact.head.id, fact.tail.id))


def find_facts(
    triples: Iterable[Triple],
    merged: MergedEntities | None = None,
    *,
    relations: Mapping[str, tuple[int, tuple[Match, ...]]] | None = None,
) -> Facts:
    """Aggregate triples to facts, whatever the order of the triples.

    Only asserted triples between different entities count. A relation marked as inverse, such as ``invented
    (inverse)``, is turned: head and tail are exchanged and the mark is removed.

    A sentence s has weight confidence(s) × related(s), or confidence(s) if ``related`` is not estimated. The confidence
    of a fact is 1 - ∏ (1 - weight) over its different sentences, at most .999.

    Args:
        triples: The triples.
        merged: The entities with head and tail of each triple; by default merged from the mentions.
        relations: Number and matches of the relations of all triples, if these are only some of them: all triples
            between the same two entities.
    """
    listed = list(triples)
    if merged is None:
        from relscout.text.entities import merge_mentions

        merged = merge_mentions([triple.instance for triple in listed])
    entities = {entity.id: entity for entity in merged.entities}
    if relations is None:
        relations = {triple.relation: (triple.relation_id, triple.matches) for triple in listed}
    ids = {name: id for name, (id, _) in relations.items()}
    matches = {name: of_relation for name, (_, of_relation) in relations.items()}
    groups: defaultdict[tuple[str, int, str, str], list[Triple]] = defaultdict(list)
    for triple, head, tail in zip(listed, merged.heads, merged.tails, strict=True):
        if triple.polarity != "asserted" or head == tail:
            continue
        name = forward_name(triple.relation)
        if name != triple.relation:
            head, tail = tail, head
            matches.setdefault(name, tuple(map(_turned, triple.matches)))
        # both directions belong to the relation with the unmarked name
        groups[head, ids.get(name, triple.relation_id), name, tail].append(triple)
    facts = [
        _fact(entities[head], relation_id, name, entities[tail], group, matches[name])
        for (head, relation_id, name, tail), group in groups.items()
    ]
    facts.sort(key=lambda fact: (fact.relation_id, fact.head.id, fact.tail.id, fact.relation))
    facts.sort(key=lambda fact: (-fact.support, -fact.confidence))
    return Facts(tuple(facts), merged.entities)


def fact_counts(assignments: Assignments, names: Mapping[int, str], merged: MergedEntities) -> Counter[int]:
    """Return the number of facts of each relation, by its id, that :func:`find_facts` returns, without making them.

    Args:
        assignments: The relations of N instances.
        names: Names of the relations, by id.
        merged: The entities with head and tail of each instance (N).
    """
    relation_ids = assignments.relation_ids
    ids = {names[id]: id for id in np.unique(relation_ids[relation_ids >= 0]).tolist()}
    forward = {id: forward_name(name) for name, id in ids.items()}
    facts: set[tuple[str, int, str, str]] = set()
    for row in np.flatnonzero(relation_ids >= 0).tolist():
        id, head, tail = int(relation_ids[row]), merged.heads[row], merged.tails[row]
        if head == tail or assignments.doubt(row):
            continue
        name = forward[id]
        if name != names[id]:
            head, tail = tail, head
        facts.add((head, ids.get(name, id), name, tail))
    return Counter(id for _, id, _, _ in facts)


def forward_name(relation: str) -> str:
    """Return the name of a relation without the mark of an inverse."""
    return _INVERSE.sub("", relation)


def strength(triple: Triple) -> float:
    """Return the weight of a triple in the confidence of its fact, in [0, 1]."""
    return triple.confidence * (1.0 if triple.related is None else triple.related)


def _turned(match: Match) -> Match:
    return replace(match, inverse=not match.inverse)


def _fact(
    head: Entity,
    relation_id: int,
    name: str,
    tail: Entity,
    triples: Sequence[Triple],
    matches: tuple[Match, ...],
) -> Fact:
    ranked = sorted(triples, key=lambda triple: (-strength(triple), triple.instance.id))
    # a sentence counts once, even with several mentions or in several documents
    sentences: dict[str, float] = {}
    for triple in ranked:
        sentences.setdefault(triple.instance.text, strength(triple))
    doubt = 1.0
    for value in sentences.values():
        doubt *= 1.0 - value
    documents = {
        (triple.instance.document, "") if triple.instance.document else ("", triple.instance.text)
        for triple in triples
    }
    return Fact(
        head=head,
        relation_id=relation_id,
        relation=name,
        tail=tail,
        support=len(sentences),
        documents=len(documents),
        confidence=round(min(1.0 - doubt, MOST_CONFIDENT), 4),
        evidence=tuple(dict.fromkeys(triple.instance.id for triple in ranked)),
        phrase=_phrase(ranked, name),
        matches=matches,
    )


def _phrase(ranked: Sequence[Triple], name: str) -> str:
    """Return the phrase with the largest weight; none for a turned relation."""
    weights: defaultdict[str, float] = defaultdict(float)
    for triple in ranked:
        if triple.phrase and triple.relation == name:
            weights[triple.phrase] += strength(triple)
    return min(weights, key=lambda phrase: (-weights[phrase], phrase), default="")


def unlike(used: Collection[str], name: str) -> str:
    """Return the name of a novel relation, marked if another relation has it."""
    if name not in used:
        return name
    marked, number = f"{name} (novel)", 2
    while marked in used:
        marked, number = f"{name} (novel {number})", number + 1
    return marked


def fingerprint(relations: Sequence[Relation]) -> str:
    """Return a short hash of the ids, names and sizes of the relations."""
    content = json.dumps([[relation.id, relation.name, relation.size] for relation in relations])
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
