"""Scores of a relation classifier: accuracy, micro-F1 without the "no relation" class, macro-F1."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import asdict, dataclass

import numpy as np

from relscout.errors import InputError
from relscout.metrics.clustering import harmonic_mean
from relscout.metrics.contingency import Contingency, tabulate
from relscout.metrics.labels import CodedLabels, Labels, paired


@dataclass(frozen=True, slots=True)
class ClassificationScores:
    """Agreement of predicted with gold labels; all figures 0 to 1, and 0 where one would be 0 / 0."""

    accuracy: float
    """Share of instances with the right label; "no relation" counts like any other label."""

    micro_precision: float
    """Right positive predictions over all positive predictions."""

    micro_recall: float
    """Right positive predictions over all instances with a positive gold label."""

    micro_f1: float
    """Harmonic mean of micro precision and micro recall."""

    macro_f1: float
    """Unweighted mean of F1 over the positive classes that occur among gold or predicted labels."""

    n_instances: int
    """Number of instances scored."""

    n_classes: int
    """Number of positive classes that occur among gold or predicted labels."""

    def as_dict(self) -> dict[str, float | int | str]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


def classification_scores(
    predicted: Labels, gold: Labels, *, na_label: Hashable | None = None
) -> ClassificationScores:
    """Score predicted against gold labels.

    With ``na_label`` the micro figures are those of Peng et al. 2020 ("Learning from Context or Names?"), as
    is usual for TACRED: "no relation" is never a positive, so finding it earns nothing and missing it costs
    precision. This is not the official scorer of SemEval-2010 Task 8, a macro-F1 over undirected classes.
    Without ``na_label`` every class is positive, and micro-F1 equals accuracy.

    Args:
        predicted: (N,) predicted labels.
        gold: (N,) gold labels of the same instances, in the same order and of the same kind.
        na_label: The label that means "no relation"; ``None`` where the data has no such class.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, the two sequences hold labels of
            different kinds, or ``na_label`` occurs in neither.
    """
    predicted_coded, gold_coded = paired(predicted, gold, roles=("predicted", "gold"))
    _check_same_kind(predicted_coded, gold_coded)
    if na_label is not None and na_label not in predicted_coded.names and na_label not in gold_coded.names:
        raise InputError(
            f"na_label {na_label!r} is not among the {len(gold_coded.names)} gold labels nor ever predicted; "
            "expected the name of the no-relation class, or None where there is none"
        )
    return _scores(tabulate(predicted_coded, gold_coded), predicted_coded, gold_coded, na_label)


def _scores(
    table: Contingency, predicted: CodedLabels, gold: CodedLabels, na_label: Hashable | None
) -> ClassificationScores:
    gold_position = {name: index for index, name in enumerate(gold.names)}
    same = np.array([gold_position.get(name, -1) for name in predicted.names])  # (predicted classes,)
    diagonal = np.flatnonzero(same[table.found] == table.gold)
    right = {
        gold.names[category]: count
        for category, count in zip(table.gold[diagonal].tolist(), table.count[diagonal].tolist(), strict=True)
    }
    predicted_size = dict(zip(predicted.names, table.found_sizes.tolist(), strict=True))
    gold_size = dict(zip(gold.names, table.gold_sizes.tolist(), strict=True))
    # in the order of the sorted labels, so that the sum does not depend on the order of the instances
    classes = [name for name in dict.fromkeys((*gold.names, *predicted.names)) if name != na_label]
    hits = sum(right.get(name, 0) for name in classes)
    precision = _ratio(hits, sum(predicted_size.get(name, 0) for name in classes))
    recall = _ratio(hits, sum(gold_size.get(name, 0) for name in classes))
    f1 = [
        _ratio(2 * right.get(name, 0), predicted_size.get(name, 0) + gold_size.get(name, 0))
        for name in classes
    ]
    return ClassificationScores(
        accuracy=_ratio(sum(right.values()), table.n_instances),
        micro_precision=precision,
        micro_recall=recall,
        micro_f1=harmonic_mean(precision, recall),
        macro_f1=_ratio(sum(f1), len(f1)),
        n_instances=table.n_instances,
        n_classes=len(classes),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _check_same_kind(predicted: CodedLabels, gold: CodedLabels) -> None:
    """Integers against strings would score 0 without a word; refuse them instead."""
    kinds = {type(name) for name in predicted.names}, {type(name) for name in gold.names}
    if kinds[0].isdisjoint(kinds[1]) and set(predicted.names).isdisjoint(gold.names):
        got = [" and ".join(sorted(kind.__name__ for kind in side)) for side in kinds]
        raise InputError(
            f"predicted labels are {got[0]} but gold labels are {got[1]}, so none can agree; "
            "expected both to be relation names, or both to be indices"
        )
