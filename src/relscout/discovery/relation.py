"""What a discovery consists of: relations, the instances assigned to them, which are alike, and facts."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from math import isnan
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import means
from relscout.core.errors import ArtifactError, InputError
from relscout.core.instances import Entity, Fact, Polarity, RelationInstance, Triple
from relscout.text.entities import MergedEntities, merge_mentions
from relscout.text.polarity import polarity


@dataclass(frozen=True)
class Relation:
    """A relation that was found, as a person needs it.

    Args:
        id: Its number, stable through renaming and merging.
        name: Surface form, such as ``"was born in"``; unique in a discovery. It reads from head to tail: where the
            sentences say it the other way round, ``(inverse)`` is added, as in ``"invented (inverse)"``.
        pattern: The name between HEAD and TAIL in the order of the sentences. Where TAIL comes first, the name
            reads from tail to head. Of a name that a person or a label gave, it is "HEAD name TAIL".
        size: Number of instances.
        confidence: Mean confidence of its assignments, in [0, 1].
        types: Most frequent entity types of head and tail; ``None`` where no types are known.
        type_share: Share of the instances with these types, in [0, 1].
        head_first: Share of the instances in which the head precedes the tail, in [0, 1].
        ngrams: The phrases that set it apart, with their weights, best first.
        inverse: The relation that says the same the other way round; ``None`` where there is none.
        examples: Ids of representative, diverse instances.
        mixed: Whether its instances say unlike things; the name then lists two, as in ``"mixed: born in / lived in"``.
        share: Share of the instances whose own connection in the syntax agrees with the name, among those that have
            one, in [0, 1]; ``None`` where the name does not come from the syntax.
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
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"not a relation of a saved discovery ({error}): {record}") from error


@dataclass(frozen=True, eq=False)
class Assignments:
    """Instances and the relation that each was given.

    Args:
        instances: N instances, in the order in which the user gave them.
        relation_ids: Relation of each (N,), int64; -1 means no relation.
        confidences: How sure each is (N,), float32, in [0, 1].
        related: Estimated probability that the sentence relates the two at all (N,), float32, in [0, 1], NaN where it
            was not estimated; ``None`` where it was estimated for none.
        polarities: Whether each sentence asserts the relation, denies it, or only supposes it (N); ``None`` where all
            assert it.
        phrases: What each sentence says between the two, such as ``"taught by"``, read from its syntax (N); empty
            where the syntax says nothing plainly, ``None`` where it says nothing anywhere.
    """

    instances: Sequence[RelationInstance]
    relation_ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    related: NDArray[np.float32] | None = None
    polarities: Sequence[Polarity] | None = None
    phrases: Sequence[str] | None = None

    def related_values(self) -> list[float | None]:
        """Return ``related`` as a list (N), with ``None`` where it was not estimated."""
        if self.related is None:
            return [None] * len(self.instances)
        return [None if isnan(value) else value for value in self.related.tolist()]

    def polarity_values(self) -> Sequence[Polarity]:
        """Return the polarity of each instance (N)."""
        return ["asserted"] * len(self.instances) if self.polarities is None else self.polarities

    def phrase_values(self) -> Sequence[str]:
        """Return the phrase of each instance (N), empty where there is none."""
        return [""] * len(self.instances) if self.phrases is None else self.phrases


def among_relations(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how sure each assignment is (N,), float32, given that the pair is related at all.

    Args:
        probabilities: Of each relation and, last, of none (N, K + 1).
        labels: What each instance was given (N,); -1 for none.
    """
    of_relations = probabilities[:, :-1]
    rows = np.arange(len(labels))
    given = of_relations[rows, np.maximum(labels, 0)] / np.maximum(of_relations.sum(axis=1), 1e-12)
    return np.where(labels >= 0, np.minimum(given, 1), probabilities[:, -1]).astype(np.float32)


def polarities_of(
    instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64]
) -> list[Polarity] | None:
    """Return the polarity of each instance; those without a relation have nothing to deny and count as asserted.

    Returns:
        One for each (N), or ``None`` where all are asserted.
    """
    found: list[Polarity] = [
        polarity(instance) if id >= 0 else "asserted"
        for instance, id in zip(instances, relation_ids.tolist(), strict=True)
    ]
    return None if all(one == "asserted" for one in found) else found


#: Names of relations in that of their parent.
_NAMED = 3


@dataclass(frozen=True)
class ParentRelation:
    """Relations that are alike, as one that is more general.

    Args:
        id: Its number, after those of the relations.
        children: Numbers of the two that it joins, relations or parents, the larger first.
        relations: Numbers of all relations below it, the largest first.
        distance: How far its children are apart, 1 minus the mean cosine of their relations' means, in [0, 2].
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
            tuple(int(one) for one in record["relations"]),
            float(record["distance"]),
            int(record["size"]),
            str(record["name"]),
        )


def hierarchy_of(
    relations: Sequence[Relation], ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> tuple[ParentRelation, ...]:
    """Join the two nearest relations, or parents, until one is left.

    Average linkage (Sokal and Michener 1958) of the cosines of the relations' mean vectors.

    Args:
        relations: The relations; R.
        ids: Relation of each instance (N,), int64; -1 for none.
        vectors: Their representations (N, D), float32.

    Returns:
        R - 1 parents, the nearest children first; none where there are fewer than two relations that have instances.

    Raises:
        InputError: The mean of a relation has no direction.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    found = [one for one in relations if bool((ids == one.id).any())]
    if len(found) < 2:
        return ()
    place_of = {one.id: place for place, one in enumerate(found)}
    details = np.flatnonzero(np.isin(ids, list(place_of)))
    places = np.array([place_of[id] for id in ids[details].tolist()], dtype=np.int64)
    kept = vectors if len(details) == len(vectors) else np.asarray(vectors[details])
    centres = means(kept, places, len(found)).astype(np.float64)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError("a relation's representations have the mean 0, so that it is near to none")
    distances = np.maximum(1 - (centres / lengths) @ (centres / lengths).T, 0)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="average")
    sizes = np.bincount(places, minlength=len(found)).tolist()
    first_id = max(place_of) + 1
    numbers = [one.id for one in found]
    below = [[place] for place in range(len(found))]
    parents: list[ParentRelation] = []
    for left, right, distance, _ in tree.tolist():
        one, other = int(left), int(right)
        total = [sum(sizes[place] for place in below[node]) for node in (one, other)]
        if total[1] > total[0]:
            one, other = other, one
        members = sorted(below[one] + below[other], key=lambda place: (-sizes[place], numbers[place]))
        names = [found[place].name for place in members[:_NAMED]]
        more = len(members) - len(names)
        parents.append(
            ParentRelation(
                first_id + len(parents),
                (numbers[one], numbers[other]),
                tuple(found[place].id for place in members),
                distance,
                sum(total),
                " / ".join(names) + (f" / {more} more" if more else ""),
            )
        )
        below.append(members)
        numbers.append(parents[-1].id)
    return tuple(parents)


#: No fact is surer: sentences are not independent of each other.
MOST_CONFIDENT = 0.999
#: How a relation is marked whose name reads from tail to head, before what sets apart novel relations of one name.
_INVERSE = re.compile(r" \(inverse\)(?=$| \(novel(?: \d+)?\)$)")


@dataclass(frozen=True)
class Facts:
    """The facts of a corpus, and the entities that they are about.

    Args:
        facts: The facts, the most supported first.
        entities: All entities of the corpus, the most mentioned first; some have no fact.
    """

    facts: tuple[Fact, ...]
    entities: tuple[Entity, ...]

    @cached_property
    def per_entity(self) -> Counter[str]:
        """Number of facts of each entity, by its id."""
        return Counter(id for fact in self.facts for id in (fact.head.id, fact.tail.id))


def find_facts(triples: Iterable[Triple], merged: MergedEntities | None = None) -> Facts:
    """Gather triples into facts. The order of the triples does not change the result.

    Only triples that are asserted count, and none that relates an entity to itself. A relation that is marked as read
    the other way round, ``invented (inverse)``, is turned: head and tail are exchanged and the mark goes.

    Each sentence s counts with confidence(s) × related(s), or confidence(s) where ``related`` was not estimated. The
    confidence of a fact is 1 - ∏ (1 - that), over its different sentences, and .999 at most.

    Args:
        triples: The triples.
        merged: Their entities, with one head and tail for each triple; the triples' own mentions merged when left out.
    """
    given = list(triples)
    if merged is None:
        merged = merge_mentions([triple.instance for triple in given])
    entities = {one.id: one for one in merged.entities}
    ids = {triple.relation: triple.relation_id for triple in given}
    groups: defaultdict[tuple[str, int, str, str], list[Triple]] = defaultdict(list)
    for triple, head, tail in zip(given, merged.heads, merged.tails, strict=True):
        if triple.polarity != "asserted" or head == tail:
            continue
        name = forward_name(triple.relation)
        if name != triple.relation:
            head, tail = tail, head
        # where both directions were found, they are one relation: that of the unmarked name
        groups[head, ids.get(name, triple.relation_id), name, tail].append(triple)
    facts = [
        _fact(entities[head], relation_id, name, entities[tail], group)
        for (head, relation_id, name, tail), group in groups.items()
    ]
    facts.sort(
        key=lambda one: (
            -one.support,
            -one.confidence,
            one.relation_id,
            one.head.id,
            one.tail.id,
            one.relation,
        )
    )
    return Facts(tuple(facts), merged.entities)


def forward_name(relation: str) -> str:
    """Return the name of a relation without the mark of one that reads from tail to head."""
    return _INVERSE.sub("", relation)


def strength(triple: Triple) -> float:
    """Return what one triple adds to the confidence of its fact, in [0, 1]."""
    return triple.confidence * (1.0 if triple.related is None else triple.related)


def _fact(head: Entity, relation_id: int, name: str, tail: Entity, triples: Sequence[Triple]) -> Fact:
    ranked = sorted(triples, key=lambda one: (-strength(one), one.instance.id))
    # a sentence counts once, however many mentions of the two it has and however many documents repeat it
    sentences: dict[str, float] = {}
    for triple in ranked:
        sentences.setdefault(triple.instance.text, strength(triple))
    doubt = 1.0
    for value in sentences.values():
        doubt *= 1.0 - value
    documents = {
        (one.instance.document, "") if one.instance.document else ("", one.instance.text) for one in triples
    }
    return Fact(
        head=head,
        relation_id=relation_id,
        relation=name,
        tail=tail,
        support=len(sentences),
        documents=len(documents),
        confidence=round(min(1.0 - doubt, MOST_CONFIDENT), 4),
        evidence=tuple(dict.fromkeys(one.instance.id for one in ranked)),
        phrase=_phrase(ranked, name),
    )


def _phrase(ranked: Sequence[Triple], name: str) -> str:
    """Return the phrase that the surest sentences agree on; none of a relation that is turned."""
    weights: defaultdict[str, float] = defaultdict(float)
    for triple in ranked:
        if triple.phrase and triple.relation == name:
            weights[triple.phrase] += strength(triple)
    return min(weights, key=lambda phrase: (-weights[phrase], phrase), default="")


def unlike(taken: Collection[str], name: str) -> str:
    """Return the name of a novel relation, marked where another one is called the same."""
    if name not in taken:
        return name
    marked, number = f"{name} (novel)", 2
    while marked in taken:
        marked, number = f"{name} (novel {number})", number + 1
    return marked


def fingerprint(relations: Sequence[Relation]) -> str:
    """Return a short hash of what decisions are about: the ids, names and sizes of the relations."""
    details = json.dumps([[one.id, one.name, one.size] for one in relations])
    return blake2b(details.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
