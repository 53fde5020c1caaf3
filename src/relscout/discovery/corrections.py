"""Corrections of single sentences, and splits of relations: for the corpus of a run, and for new text.

A person confirms that sentences express a relation, or rejects that they do. The run remembers both by the ids of the
instances, so that the same sentences get the same answers as new text. A relation that was split is remembered by the
mean vectors of its parts; a new pair of it belongs to the nearest part. Judgements that are transferred are remembered
by the vectors of the judged sentences: similar sentences get the same answer.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery.relation import Assignments, Relation
from relscout.text.polarity import polarity

#: Most sentences of a part whose vectors are averaged.
_CENTRAL = 256
#: What a person looked at: single sentences, or a fact with all of its sentences.
Of = Literal["sentence", "fact"]
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


@dataclass(frozen=True)
class Transfer:
    """Judgements that similar pairs take over.

    Args:
        least: Least cosine of a pair with a judged sentence, in (0, 1].
        relations: Relations of the judged sentences (J); -1 for none.
        vectors: Their vectors (J, D), float32, of unit length.
    """

    least: float
    relations: tuple[int, ...]
    vectors: NDArray[np.float32]

    def nearest(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the relation of the most similar judged sentence of each vector (N, D), and the cosine, each (N,)."""
        likeness = unit_length(vectors.copy()) @ self.vectors.T  # (N, J)
        return np.array(self.relations, dtype=np.int64)[likeness.argmax(axis=1)], likeness.max(axis=1)


#: Relation → the relation that it was merged into, or -1 if it was dropped.
Moved = Mapping[int, int]


@dataclass(frozen=True)
class Corrections:
    """What people corrected in a run.

    Args:
        judged: Id of an instance → its relation, or -1 for none.
        changes: Splits and transfers, and what was merged or dropped after the first of them, in order.
        related: Id of an instance → whether a person said that its sentence relates the pair at all.
        estimates: Id of an instance of which relatedness became certain → what was estimated before.
        recalibration: Slope and shift of the log odds of relatedness since the run was discovered.
    """

    judged: Mapping[str, int] = field(default_factory=dict)
    changes: Sequence[Split | Transfer | Moved] = ()
    related: Mapping[str, bool] = field(default_factory=dict)
    estimates: Mapping[str, float] = field(default_factory=dict)
    recalibration: tuple[float, float] = (1.0, 0.0)

    def applied(
        self, instances: Sequence[RelationInstance], relation_ids: NDArray[np.int64], transform: Transform
    ) -> NDArray[np.int64]:
        """Return the corrected relation of each instance (N,), int64.

        Args:
            instances: The instances.
            relation_ids: Their relations (N,); -1 for none.
            transform: Returns the vectors of instances; called only after a split or a transfer.
        """
        corrected = relation_ids.copy()
        for change in self.changes:
            if isinstance(change, Split):
                rows = np.flatnonzero(corrected == change.relation)
                if len(rows):
                    vectors = transform([instances[row] for row in rows.tolist()])
                    corrected[rows] = np.array(change.parts)[(vectors @ change.centres.T).argmax(axis=1)]
            elif isinstance(change, Transfer):
                rows = np.flatnonzero(corrected >= 0)
                if len(rows):
                    answers, likeness = change.nearest(transform([instances[row] for row in rows.tolist()]))
                    corrected[rows] = np.where(likeness >= change.least, answers, corrected[rows])
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
            if not isinstance(change, Split | Transfer):
                relation = change.get(relation, relation)
        return relation

    def moved(self, to: Moved) -> Corrections:
        """Return the corrections after relations were merged into others, or dropped (-1)."""
        judged = {id: to.get(relation, relation) for id, relation in self.judged.items()}
        return replace(self, judged=judged, changes=[*self.changes, dict(to)] if self.changes else ())

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "judged": dict(self.judged),
            "changes": [_as_json(change) for change in self.changes],
            "related": dict(self.related),
            "estimates": dict(self.estimates),
            "recalibration": list(self.recalibration),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> Self:
        """Read what :meth:`as_json` returned; ``None`` is no corrections."""
        if values is None:
            return cls()
        judged = {str(id): int(relation) for id, relation in values["judged"].items()}
        # older runs have nothing about relatedness
        slope, shift = values.get("recalibration", (1.0, 0.0))
        return cls(
            judged,
            [_from_json(change) for change in values["changes"]],
            {str(id): bool(related) for id, related in values.get("related", {}).items()},
            {str(id): float(estimate) for id, estimate in values.get("estimates", {}).items()},
            (float(slope), float(shift)),
        )


def _as_json(change: Split | Transfer | Moved) -> dict[str, Any]:
    if isinstance(change, Split):
        return {"split": change.relation, "parts": list(change.parts), "vectors": _packed(change.centres)}
    if isinstance(change, Transfer):
        relations = list(change.relations)
        return {"transfer": change.least, "relations": relations, "vectors": _packed(change.vectors)}
    return {"moved": [[old, new] for old, new in change.items()]}


def _from_json(values: Mapping[str, Any]) -> Split | Transfer | Moved:
    if "split" in values:
        parts = tuple(int(part) for part in values["parts"])
        return Split(int(values["split"]), parts, _unpacked(values["vectors"]))
    if "transfer" in values:
        relations = tuple(int(relation) for relation in values["relations"])
        return Transfer(float(values["transfer"]), relations, _unpacked(values["vectors"]))
    return {int(old): int(new) for old, new in values["moved"]}


def _packed(vectors: NDArray[np.float32]) -> list[str]:
    """Return vectors (N, D) as texts: the base64 of little-endian float32."""
    return [base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii") for vector in vectors]


def _unpacked(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.array([np.frombuffer(base64.b64decode(text), "<f4") for text in texts], dtype=np.float32)


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
    relations: Sequence[Relation],
    assignments: Assignments,
    rows: NDArray[np.int64],
    answers: NDArray[np.int64],
    *,
    likeness: NDArray[np.float32] | None = None,
) -> tuple[tuple[Relation, ...], Assignments]:
    """Return relations and assignments after instances were assigned to other relations, or to none.

    Relations that gain or lose instances are described again.

    Args:
        relations: The relations.
        assignments: The assignments.
        rows: Rows of the instances (n,).
        answers: Their relations (n,); -1 for none.
        likeness: How similar each is to the sentence that a person judged (n,), in [0, 1], which becomes the
            confidence. ``None`` if a person judged the instances themselves: then confidence and relatedness are
            certain.
    """
    before, phrases = assignments.relation_ids[rows].tolist(), assignments.phrase_values()
    listed = list(zip(rows.tolist(), before, answers.tolist(), strict=True))
    changed = assignments.with_rows(
        rows,
        relation_ids=answers,
        confidences=np.ones(len(rows), np.float32) if likeness is None else np.minimum(likeness, 1),
        polarities=(
            "asserted" if new < 0 else polarity(assignments.instances[row]) for row, _, new in listed
        ),
        # a phrase names the relation before
        phrases=(phrases[row] if old == new else "" for row, old, new in listed),
    )
    if assignments.related is not None and likeness is None:
        related = assignments.related.copy()
        related[rows] = answers >= 0
        changed = replace(changed, related=related)
    return described_again(relations, changed, {*before, *answers.tolist()}), changed


def judge(
    relations: Sequence[Relation],
    assignments: Assignments,
    before: Corrections,
    ids: Collection[str],
    relation: int,
    of: Of,
) -> tuple[tuple[Relation, ...], Assignments, Corrections]:
    """Return relations, assignments and corrections after a person judged instances.

    A sentence that expresses a relation, whichever, relates its pair; a sentence that expresses none does not. A fact
    that is wrong may have the wrong relation, and not every sentence of a right fact need express it, so judgements of
    facts do not say whether a sentence relates its pair.

    Args:
        relations: The relations.
        assignments: The assignments.
        before: The corrections so far.
        ids: Ids of the instances.
        relation: Their relation; -1 for none.
        of: What was judged.

    Raises:
        InputError: An instance is not in the corpus, or none is named.
    """
    rows = rows_of(assignments, ids)
    labels, estimates = dict(before.related), dict(before.estimates)
    if assignments.related is not None:
        related = assignments.related.copy()
        for row in rows.tolist():
            id = assignments.instances[row].id
            related[row] = estimates.setdefault(id, float(related[row]))
        assignments = replace(assignments, related=related)
    for id in ids:
        labels.pop(id, None)
        if of == "sentence":
            labels[id] = relation >= 0
    relations, changed = assigned(relations, assignments, rows, np.full(len(rows), relation, dtype=np.int64))
    if of == "fact" and relation < 0:
        changed = replace(changed, related=assignments.related)
        for id in ids:
            estimates.pop(id, None)
    corrections = replace(
        before, judged={**before.judged, **dict.fromkeys(ids, relation)}, related=labels, estimates=estimates
    )
    return tuple(relations), changed, corrections


def transfer(
    relations: Sequence[Relation],
    assignments: Assignments,
    judged: Mapping[str, int],
    least: float,
    transform: Transform,
) -> tuple[tuple[Relation, ...], Assignments, Transfer]:
    """Return relations and assignments after sentences took over the judgements of similar ones, and the transfer.

    A sentence that has a relation and that nobody judged gets the answer of the judged sentence with the highest
    cosine, if that is high enough.

    Args:
        relations: The relations.
        assignments: The assignments.
        judged: Id of a judged instance → its relation, or -1.
        least: Least cosine, in (0, 1].
        transform: Returns the vectors of instances.

    Raises:
        InputError: Nothing was judged.
    """
    if not judged:
        raise InputError(
            "no sentence has been judged yet, so there is nothing to transfer; confirm or reject some sentences first"
        )
    instances, ids = assignments.instances, assignments.relation_ids
    by_id = {instance.id: instance for instance in instances}
    # independent of the order in which they were judged
    named = sorted(judged)
    vectors = unit_length(transform([by_id[id] for id in named]))
    made = Transfer(least, tuple(judged[id] for id in named), vectors)
    rows = np.array(
        [row for row in np.flatnonzero(ids >= 0).tolist() if instances[row].id not in judged], dtype=np.int64
    )
    if len(rows):
        answers, likeness = made.nearest(transform([instances[row] for row in rows.tolist()]))
        near = (likeness >= least) & (answers != ids[rows])
        relations, assignments = assigned(
            relations, assignments, rows[near], answers[near], likeness=likeness[near]
        )
    return tuple(relations), assignments, made


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
    from relscout.discovery.refinement import described

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
            f"all instances of relation {relation.id} would leave it; leave one part out of the split, so that it stays"
        )
    changed = replace(assignments, relation_ids=ids)
    rest = described_again(relations, changed, {relation.id})
    fresh = tuple(
        described(None, part.id, part.name, rows, changed)
        for part, rows in zip(parts, members[1:], strict=True)
    )
    centres = []
    for rows in members:
        # independent of the order of the input
        chosen = sorted((assignments.instances[row] for row in rows.tolist()), key=lambda each: each.id)
        centres.append(transform(chosen[:_CENTRAL]).mean(axis=0))
    made = Split(relation.id, numbers, unit_length(np.array(centres, dtype=np.float32)))
    return (*rest, *fresh), changed, made


def fresh(id: int, name: str) -> Relation:
    """Return a new relation, which a person named and which has no instances yet."""
    return Relation(
        id=id,
        name=name,
        pattern=f"HEAD {name} TAIL",
        size=0,
        confidence=0.0,
        types=None,
        type_share=0.0,
        head_first=0.0,
        ngrams=(),
        inverse=None,
        examples=(),
    )


def described_again(
    relations: Sequence[Relation], assignments: Assignments, touched: Collection[int]
) -> tuple[Relation, ...]:
    """Return the relations, with new descriptions of those whose ids are in ``touched``."""
    from relscout.discovery.refinement import described

    return tuple(
        described(
            relation, relation.id, "", np.flatnonzero(assignments.relation_ids == relation.id), assignments
        )
        if relation.id in touched
        else relation
        for relation in relations
    )
