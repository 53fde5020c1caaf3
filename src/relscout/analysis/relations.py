"""Which relations lean on names most, and single instances whose answer flips without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.analysis.answers import Answers

#: What became of an instance without names and types (OnlyC): a right answer was lost; a wrong one became right; or,
#: where no gold relations are known, it changed.
Kind = Literal["lost", "gained", "changed"]


@dataclass(frozen=True)
class RelationReliance:
    """How the instances of one relation fare in the input formats.

    Args:
        relation: The gold relation; that of C+M where no gold relations are known, or where relations were found.
        count: Number of instances.
        shares: Input format → share of them that is right (of a classifier, with gold relations) or kept.
    """

    relation: str
    count: int
    shares: Mapping[str, float]

    @property
    def lost(self) -> float:
        """The share that hiding names and types costs; below 0 where it helps."""
        return self.shares["C+M"] - self.shares["OnlyC"]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        shares = {format: round(share, 6) for format, share in self.shares.items()}
        return {
            "relation": self.relation,
            "count": self.count,
            "shares": shares,
            "lost": round(self.lost, 6),
        }


@dataclass(frozen=True)
class Flip:
    """An instance whose answer is another one without names and types.

    Args:
        row: Its place among the instances.
        kind: What became of it.
        relation: The relation under which it is listed, as in :class:`RelationReliance`.
        sure: How sure both answers are, the product of their confidences, in [0, 1].
    """

    row: int
    kind: Kind
    relation: str
    sure: float


def by_relation(answers: Answers, *, judged: bool) -> list[RelationReliance]:
    """Return how each relation fares, those that hiding the mentions costs most first.

    Args:
        answers: What the model answered.
        judged: Whether answers can be right or wrong.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, relation in enumerate(_listed(answers, judged)):
        rows[relation].append(row)
    good = _good(answers, judged)
    found = [
        RelationReliance(
            relation, len(places), {format: float(held[places].mean()) for format, held in good.items()}
        )
        for relation, places in rows.items()
    ]
    return sorted(found, key=lambda one: (-one.lost, -one.count, one.relation))


def flips(answers: Answers, *, judged: bool) -> list[Flip]:
    """Return the instances that are right in C+M and wrong in OnlyC, or the reverse; without gold, those that change.

    The surest come first, so that an example shows what the model makes of the input rather than a toss-up.
    """
    relations = _listed(answers, judged)
    good = _good(answers, judged)
    sure = answers.confidences["C+M"] * answers.confidences["OnlyC"]
    changed = np.flatnonzero(good["C+M"] != good["OnlyC"])
    found = []
    for row in changed.tolist():
        kind: Kind = "changed" if not judged else "lost" if good["C+M"][row] else "gained"
        found.append(Flip(row, kind, relations[row], float(sure[row])))
    return sorted(found, key=lambda one: (-one.sure, answers.instances[one.row].id, one.row))


def examples(found: Sequence[Flip], kind: Kind, limit: int) -> Iterator[Flip]:
    """Yield the surest flips of a kind, of as many relations as there are before a second of any."""
    waiting: dict[str, list[Flip]] = defaultdict(list)
    for one in found:
        if one.kind == kind:
            waiting[one.relation].append(one)
    given = 0
    while waiting:
        for relation in list(waiting):
            if given == limit:
                return
            yield waiting[relation].pop(0)
            given += 1
            if not waiting[relation]:
                del waiting[relation]


def _listed(answers: Answers, judged: bool) -> Sequence[str]:
    return answers.gold if judged and answers.gold is not None else answers.given["C+M"]


def _good(answers: Answers, judged: bool) -> dict[str, NDArray[np.bool_]]:
    return {format: answers.right(format) if judged else answers.kept(format) for format in answers.given}
