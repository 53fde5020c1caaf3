"""A discovery against gold relations: scores, and what was left out of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.discovery.relation import Assignments
from relscout.io.readers.given import as_instances
from relscout.metrics import ClusteringScores, score


@dataclass(frozen=True)
class Evaluation:
    """Scores of found relations, and what they leave out.

    An instance that was given no relation is not left out: all of them count as one cluster, as in ``relscout
    evaluate``. Compare figures only where as many instances are left out.

    Args:
        scores: B³, V-measure, ARI and others of the instances that are on both sides.
        n_without_gold: Instances of the corpus that are left out because their gold relation is not known.
        n_not_in_corpus: Gold instances that are left out because the corpus does not have them.
        n_without_relation: Scored instances that were given no relation.
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
        """Return all figures by name, ready for JSON."""
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
        assignments: What every instance of the corpus was given.
        gold: Instances with gold relations, in any form that :func:`relscout.discover` takes, which are matched by
            their ids (the n-th of an id with its n-th); or the gold relation of each instance of the corpus in its
            order, ``None`` where it is not known.

    Raises:
        InputError: Nothing can be scored, or there are more or fewer labels than instances.
    """
    ids = assignments.relation_ids.tolist()
    labels, n_elsewhere = _labels(assignments.instances, gold)
    rows = [row for row, label in enumerate(labels) if label is not None]
    if not rows:
        raise InputError(
            f"none of the {len(ids)} instances of the corpus has a gold relation in what was given; are these the gold "
            "relations of this corpus?"
        )
    found = [ids[row] for row in rows]
    return Evaluation(
        scores=score(found, [labels[row] for row in rows]),
        n_without_gold=len(ids) - len(rows),
        n_not_in_corpus=n_elsewhere,
        n_without_relation=sum(id < 0 for id in found),
    )


def _labels(instances: Sequence[RelationInstance], gold: Any) -> tuple[list[str | None], int]:
    """Return the gold relation of each instance (N,), and how many labelled ones the corpus does not have."""
    values = gold.tolist() if hasattr(gold, "tolist") else gold
    if isinstance(values, Sequence) and not isinstance(values, str):
        bare = [one for one in values if not isinstance(one, RelationInstance | Mapping)]
        if bare and len(bare) == len(values):
            if len(values) != len(instances):
                raise InputError(
                    f"{len(values)} gold labels were given for {len(instances)} instances; expected one for each, in "
                    "their order, or instances with gold relations"
                )
            # only NaN, which stands for a missing value in a frame, differs from itself
            return [None if one is None or one != one else str(one) for one in values], 0
    known: defaultdict[str, list[str]] = defaultdict(list)
    for one in as_instances(gold, what="gold"):
        if one.relation is not None:
            known[one.id].append(one.relation)
    taken: Counter[str] = Counter()
    labels: list[str | None] = []
    for instance in instances:
        place = taken[instance.id]
        labels.append(known[instance.id][place] if place < len(known.get(instance.id, ())) else None)
        taken[instance.id] += 1
    matched = sum(label is not None for label in labels)
    return labels, sum(map(len, known.values())) - matched
