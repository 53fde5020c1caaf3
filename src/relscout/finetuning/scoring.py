"""How predicted relations are scored against gold ones: the figure that the paper reports, and those beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relscout.instances import NAMES_OF_NONE
from relscout.metrics import (
    ClassificationScores,
    Confusion,
    RelationScore,
    classification_scores,
    confusions,
    directed_macro_f1,
    has_directions,
    relation_scores,
)


@dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions.

    Args:
        reported: The figure that the paper reports of such data: ``micro_f1`` where some relation means none (which it
            leaves out, as the released code does with class 0), else ``accuracy``.
        figures: All figures; see :class:`~relscout.metrics.ClassificationScores`.
        directed_macro_f1: The official score of SemEval-2010 Task 8, where the relations have directions; see
            :func:`~relscout.metrics.directed_macro_f1`.
        none: Name of the relation that means none.
        relations: Scores of each relation, sorted by name.
        confusions: Which was taken for which, the most frequent first.
    """

    reported: str
    figures: ClassificationScores
    directed_macro_f1: float | None
    none: str | None
    relations: list[RelationScore]
    confusions: list[Confusion]

    @property
    def value(self) -> float:
        """The figure that is reported, in [0, 1]."""
        return float(getattr(self.figures, self.reported))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "reported": self.reported,
            **self.figures.as_dict(),
            "directed_macro_f1": self.directed_macro_f1,
            "none": self.none,
            "relations": [one.as_dict() for one in self.relations],
            "confusions": [one.as_dict() for one in self.confusions],
        }


def scores_of(predicted: Sequence[str], gold: Sequence[str]) -> Scores:
    """Score predicted relations against gold ones.

    What is named as data sets name none (:data:`~relscout.instances.NAMES_OF_NONE`) is one class.

    Args:
        predicted: Names (N,).
        gold: Names (N,) of the same instances in the same order.

    Raises:
        InputError: The lengths differ, or nothing is given.
    """
    names = sorted({name for name in (*gold, *predicted) if name.casefold() in NAMES_OF_NONE})
    none = names[0] if names else None
    given, right = ([none if one in names else one for one in side] for side in (predicted, gold))
    directed = None
    if has_directions([*given, *right], na_label=none):
        directed = directed_macro_f1(given, right, na_label=none)
    return Scores(
        reported="accuracy" if none is None else "micro_f1",
        figures=classification_scores(given, right, na_label=none),
        directed_macro_f1=directed,
        none=none,
        relations=relation_scores(given, right),
        confusions=confusions(given, right),
    )
