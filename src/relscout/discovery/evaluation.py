"""Scores of a discovery against gold relations."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance, content_id
from relscout.discovery.relation import Assignments
from relscout.io.readers.given import as_instances
from relscout.metrics import ClusteringScores, score


@dataclass(frozen=True)
class Evaluation:
    """Scores of a discovery, and the numbers of instances left out.

    Instances without a relation are not left out: they count as one cluster, as in ``relscout evaluate``. Compare
    scores only with equal numbers of instances left out.

    Args:
        scores: B³, V-measure, ARI and others of the common instances.
        n_without_gold: Instances of the corpus left out because they have no gold relation.
        n_not_in_corpus: Gold instances left out because they are not in the corpus.
        n_without_relation: Scored instances without a relation.
    """

    scores: ClusteringScores
    n_without_gold: int
    n_not_in_corpus: int
    n_without_relation: int

    @property
    def b3_f1(self) -> float:
        """Harmonic mean of B³ precision and recall, above 0 to 1."""
        return self.scores.b3_f1

    @property
    def v_measure(self) -> float:
        """Harmonic mean of homogeneity and completeness, 0 to 1."""
        return self.scores.v_measure

    @property
    def ari(self) -> float:
        """Adjusted Rand index, -0.5 to 1."""
        return self.scores.ari

    def as_dict(self) -> dict[str, float | int | str]:
        """Return all fields by name, ready for JSON."""
        left_out = {
            "n_without_gold": self.n_without_gold,
            "n_not_in_corpus": self.n_not_in_corpus,
            "n_without_relation": self.n_without_relation,
        }
        return {**self.scores.as_dict(), **left_out}

    def __str__(self) -> str:
        of = f"{self.scores.n_instances} instances"
        if left_out := self.n_without_gold + self.n_not_in_corpus:
            of += f", {left_out} left out"
        return f"B³ F1 {self.b3_f1:.3f}, V-measure {self.v_measure:.3f}, ARI {self.ari:.3f} ({of})"


def evaluate(assignments: Assignments, gold: Any) -> Evaluation:
    """Score assignments against gold relations.

    Args:
        assignments: The assignments of the corpus.
        gold: Instances with gold relations in any form that :func:`relscout.discover` accepts, matched by their ids
            (repeated ids in order), else by text and offsets; or the gold relation of each instance of the corpus in
            order, ``None`` if unknown.

    Raises:
        InputError: Nothing can be scored, or the number of labels differs from that of the instances.
    """
    ids = assignments.relation_ids.tolist()
    labels, n_elsewhere = _labels(assignments.instances, gold)
    rows = [row for row, label in enumerate(labels) if label is not None]
    if not rows:
        raise InputError(
            f"none of the {len(ids)} instances of the corpus has a gold relation in what was given; are these the gold "
            "relations of this corpus?"
        )
    predicted = [ids[row] for row in rows]
    return Evaluation(
        scores=score(predicted, [labels[row] for row in rows]),
        n_without_gold=len(ids) - len(rows),
        n_not_in_corpus=n_elsewhere,
        n_without_relation=sum(id < 0 for id in predicted),
    )


def _labels(instances: Sequence[RelationInstance], gold: Any) -> tuple[list[str | None], int]:
    """Return the gold relation of each instance (N,), and the number of gold instances outside the corpus."""
    values = gold.tolist() if hasattr(gold, "tolist") else gold
    if isinstance(values, Sequence) and not isinstance(values, str):
        bare = [value for value in values if not isinstance(value, RelationInstance | Mapping)]
        if bare and len(bare) == len(values):
            if len(values) != len(instances):
                raise InputError(
                    f"{len(values)} gold labels were given for {len(instances)} instances; expected one for each, in "
                    "their order, or instances with gold relations"
                )
            # only NaN, a missing value in a frame, differs from itself
            return [None if value is None or value != value else str(value) for value in values], 0
    left = [instance for instance in as_instances(gold, what="gold") if instance.relation is not None]
    labels: list[str | None] = [None] * len(instances)
    for key in (_id, _content):
        # what no id matches may have come back from an annotation tool, which keeps no ids
        places: defaultdict[str, deque[int]] = defaultdict(deque)
        for place, instance in enumerate(instances):
            if labels[place] is None:
                places[key(instance)].append(place)
        unmatched = []
        for instance in left:
            if places.get(key(instance)):
                labels[places[key(instance)].popleft()] = instance.relation
            else:
                unmatched.append(instance)
        left = unmatched
        if not left:
            break
    return labels, len(left)


def _id(instance: RelationInstance) -> str:
    return instance.id


def _content(instance: RelationInstance) -> str:
    return content_id(instance.text, instance.head, instance.tail)
