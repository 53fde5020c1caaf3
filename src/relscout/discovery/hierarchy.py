"""Which relations are alike: the found ones as leaves of a tree, so that near ones share a parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import means
from relscout.discovery.relation import Relation
from relscout.errors import InputError

#: Names of relations in that of their parent.
_NAMED = 3


@dataclass(frozen=True)
class ParentRelation:
    """Relations that are alike, as one that is more general.

    Args:
        id: Its number, behind those of the relations.
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
    told = np.flatnonzero(np.isin(ids, list(place_of)))
    places = np.array([place_of[id] for id in ids[told].tolist()], dtype=np.int64)
    kept = vectors if len(told) == len(vectors) else np.asarray(vectors[told])
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
