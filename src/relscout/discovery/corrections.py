"""Corrections of single sentences, and splits of relations: for the corpus of a run, and for new text.

A person confirms that sentences express a relation, or rejects that they do. The run remembers both by the ids of the
instances, so that the same sentences get the same answers as new text. A relation that was split is remembered by the
mean vectors of its parts; a new pair of it belongs to the nearest part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery.refinement import described
from relscout.discovery.relation import Assignments, Relation
from relscout.text.polarity import polarity

#: Most sentences of a part whose vectors are averaged.
_CENTRAL = 256
#: Returns vectors (N, D), float32, of instances.
Transform = Callable[[Sequence[RelationInstance]], NDArray[np.float32]]


@dataclass(frozen=True)
class Part:
    """A part that leaves a relation.

    Args:
        id: Number of the new relation.
        name: Its name.
        instances: Ids of its instances.
    """

    id: int
    name: str
    instances: Sequence[str]


@dataclass(frozen=True)
class Split:
    """How new pairs of a relation that was split are divided.

    Args:
        relation: The relation that was split.
        parts: The relations of the parts (P), the rest of the relation first.
        centres: Their mean vectors (P, D), float32.
    """

    relation: int
    parts: tuple[int, ...]
    centres: NDArray[np.float32]


#: Relation → the relation that it was merged into, or -1 if it was dropped.
Moved = Mapping[int, int]


@dataclass(frozen=True)
class Corrections:
    """What people corrected in a run.

    Args:
        judged: Id of an instance → its relation, or -1 for none.
        changes: The splits, and what was merged or dropped after the first of them, in order.
    """

    judged: Mapping[str, int] = field(default_factory=dict)
    changes: Sequence[Split | Moved] = ()

    def applied(
        self, instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64], transform: Transform
    ) -> NDArray[np.int64]:
        """Return the corrected relation of each instance (N,), int64.

        Args:
            instances: The instances.
            relation_ids: Their relations (N,); -1 for none.
            transform: Returns the vectors of instances; called for those of relations that were split.
        """
        corrected = relation_ids.copy()
        for change in self.changes:
            if isinstance(change, Split):
                rows = np.flatnonzero(corrected == change.relation)
                if len(rows):
                    vectors = transform([instances[row] for row in rows.tolist()])
                    corrected[rows] = np.array(change.parts)[(vectors @ change.centres.T).argmax(axis=1)]
            else:
                for old, new in change.items():
                    corrected[corrected == old] = new
        for row, instance in enumerate(instances):
            if instance.id in self.judged:
                corrected[row] = self.judged[instance.id]
        return corrected

    def final(self, relation: int) -> int:
        """Return the relation that a relation of the model was merged into after a split; -1 if it was dropped."""
        for change in self.changes:
            if not isinstance(change, Split):
                relation = change.get(relation, relation)
        return relation

    def moved(self, to: Moved) -> Corrections:
        """Return the corrections after relations were merged into others, or dropped (-1)."""
        judged = {id: to.get(relation, relation) for id, relation in self.judged.items()}
        return Corrections(judged, [*self.changes, dict(to)] if self.changes else ())

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "judged": dict(self.judged),
            "changes": [
                {
                    "split": change.relation,
                    "parts": list(change.parts),
                    "centres": [[round(float(value), 6) for value in centre] for centre in change.centres],
                }
                if isinstance(change, Split)
                else {"moved": [[old, new] for old, new in change.items()]}
                for change in self.changes
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> Self:
        """Read what :meth:`as_json` returned; ``None`` is no corrections."""
        if values is None:
            return cls()
        return cls(
            {str(id): int(relation) for id, relation in values["judged"].items()},
            [
                Split(
                    int(change["split"]),
                    tuple(int(part) for part in change["parts"]),
                    np.array(change["centres"], dtype=np.float32),
                )
                if "split" in change
                else {int(old): int(new) for old, new in change["moved"]}
                for change in values["changes"]
            ],
        )


def rows_of(assignments: Assignments, ids: Collection[str]) -> NDArray[np.int64]:
    """Return the rows of instances, in order.

    Raises:
        InputError: An instance is not in the corpus, or none is named.
    """
    wanted = set(ids)
    rows = [row for row, instance in enumerate(assignments.instances) if instance.id in wanted]
    if missing := wanted - {assignments.instances[row].id for row in rows}:
        raise InputError(f"there is no instance {min(missing)!r} in the corpus of this run")
    if not rows:
        raise InputError("no instance is named; expected at least one id")
    return np.array(rows, dtype=np.int64)


def assigned(
    relations: Sequence[Relation], assignments: Assignments, rows: NDArray[np.int64], relation: int
) -> tuple[tuple[Relation, ...], Assignments]:
    """Return relations and assignments after a person assigned instances to a relation, or to none (-1).

    Confidence and relatedness become certain; relations that gain or lose instances are described again.

    Args:
        relations: The relations.
        assignments: The assignments.
        rows: Rows of the instances (n,).
        relation: The relation; -1 for none.
    """
    ids, confidences = assignments.relation_ids.copy(), assignments.confidences.copy()
    touched = {*ids[rows].tolist(), relation}
    ids[rows], confidences[rows] = relation, 1.0
    related = None if assignments.related is None else assignments.related.copy()
    if related is not None:
        related[rows] = float(relation >= 0)
    polarities, phrases = list(assignments.polarity_values()), list(assignments.phrase_values())
    for row in rows.tolist():
        polarities[row] = "asserted" if relation < 0 else polarity(assignments.instances[row])
        if assignments.relation_ids[row] != relation:
            phrases[row] = ""  # it names the other relation
    changed = replace(
        assignments,
        relation_ids=ids,
        confidences=confidences,
        related=related,
        polarities=None if all(value == "asserted" for value in polarities) else polarities,
        phrases=phrases if any(phrases) else None,
    )
    return _described_again(relations, changed, touched), changed


def split(
    relations: Sequence[Relation],
    assignments: Assignments,
    relation: Relation,
    parts: Sequence[Part],
    transform: Transform,
) -> tuple[tuple[Relation, ...], Assignments, Split]:
    """Return relations and assignments after a relation was split, and the split for new text.

    Args:
        relations: The relations.
        assignments: The assignments.
        relation: The relation to split; instances in no part stay in it.
        parts: The parts that leave.
        transform: Returns the vectors of instances.

    Raises:
        InputError: An instance of a part is not in the relation or in two parts, or none would stay in it.
    """
    ids = assignments.relation_ids.copy()
    for part in parts:
        rows = rows_of(assignments, part.instances)
        if strange := [row for row in rows.tolist() if ids[row] != relation.id]:
            raise InputError(
                f"the instance {assignments.instances[strange[0]].id!r} of the part {part.name!r} is not in relation "
                f"{relation.id}, or is in two parts"
            )
        ids[rows] = part.id
    numbers = (relation.id, *(part.id for part in parts))
    members = [np.flatnonzero(ids == number) for number in numbers]
    if not len(members[0]):
        raise InputError(
            f"all instances of relation {relation.id} would leave it; leave out one part, which stays"
        )
    changed = replace(assignments, relation_ids=ids)
    rest = _described_again(relations, changed, {relation.id})
    fresh = tuple(
        described(None, part.id, part.name, rows, changed)
        for part, rows in zip(parts, members[1:], strict=True)
    )
    centres = []
    for rows in members:
        # independent of the order of the input
        chosen = sorted((assignments.instances[row] for row in rows.tolist()), key=lambda each: each.id)
        centre = transform(chosen[:_CENTRAL]).mean(axis=0)
        centres.append(centre / max(float(np.linalg.norm(centre)), 1e-12))
    return (*rest, *fresh), changed, Split(relation.id, numbers, np.array(centres, dtype=np.float32))


def _described_again(
    relations: Sequence[Relation], assignments: Assignments, touched: Collection[int]
) -> tuple[Relation, ...]:
    return tuple(
        described(
            relation, relation.id, "", np.flatnonzero(assignments.relation_ids == relation.id), assignments
        )
        if relation.id in touched
        else relation
        for relation in relations
    )
