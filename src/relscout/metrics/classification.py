"""Scores of classifiers: accuracy, micro-F1, macro-F1, and scores of each relation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.metrics.clustering import CodedLabels, Labels, paired


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
    from sklearn.metrics import precision_recall_fscore_support

    given, right, names = _coded(predicted, gold, one_kind=True)
    if na_label is not None and na_label not in names:
        raise InputError(
            f"na_label {na_label!r} is not among the {len(np.unique(right))} gold labels nor ever predicted; "
            "expected the name of the no-relation class, or None where there is none"
        )
    positive = [place for place, name in enumerate(names) if name != na_label]
    micro, macro = (
        precision_recall_fscore_support(right, given, labels=positive, average=average, zero_division=0.0)[:3]
        if positive
        else (0.0, 0.0, 0.0)
        for average in ("micro", "macro")
    )
    return ClassificationScores(
        accuracy=float((given == right).mean()),
        micro_precision=float(micro[0]),
        micro_recall=float(micro[1]),
        micro_f1=float(micro[2]),
        macro_f1=float(macro[2]),
        n_instances=len(right),
        n_classes=len(positive),
    )


def _coded(
    predicted: Labels, gold: Labels, *, one_kind: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Hashable]]:
    """Return both sequences as indices (N,) into the sorted labels of both, and these labels."""
    sides = paired(predicted, gold, roles=("predicted", "gold"))
    if one_kind:
        _check_same_kind(*sides)
    names = sorted({*sides[0].names, *sides[1].names}, key=lambda name: (type(name).__name__, str(name)))
    place = {name: index for index, name in enumerate(names)}
    given, right = (np.array([place[name] for name in side.names])[side.codes] for side in sides)
    return given, right, names


def _check_same_kind(predicted: CodedLabels, gold: CodedLabels) -> None:
    """Integers against strings would score 0 without a word; refuse them instead."""
    kinds = {type(name) for name in predicted.names}, {type(name) for name in gold.names}
    if kinds[0].isdisjoint(kinds[1]) and set(predicted.names).isdisjoint(gold.names):
        got = [" and ".join(sorted(kind.__name__ for kind in side)) for side in kinds]
        raise InputError(
            f"predicted labels are {got[0]} but gold labels are {got[1]}, so none can agree; "
            "expected both to be relation names, or both to be indices"
        )


#: A relation of SemEval-2010 Task 8 with its direction.
_DIRECTED = re.compile(r"(?P<relation>.+)\((?:e1,e2|e2,e1)\)")


@dataclass(frozen=True, slots=True)
class RelationScore:
    """Scores of one relation, in [0, 1]; 0 where a score would be 0 / 0."""

    relation: Hashable
    """Its label."""

    precision: float
    """Share of what was predicted as it that is right."""

    recall: float
    """Share of its instances that were found."""

    f1: float
    """Harmonic mean of both."""

    n_gold: int
    """Number of its instances."""

    n_predicted: int
    """How often it was predicted."""

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often one relation was classified as another."""

    gold: Hashable
    """The label that was right."""

    predicted: Hashable
    """The label that was given."""

    count: int
    """Number of instances."""

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)


def relation_scores(predicted: Labels, gold: Labels) -> list[RelationScore]:
    """Return the scores of each label among gold or predicted ones, sorted by label.

    Args:
        predicted: (N,) predicted labels.
        gold: (N,) gold labels of the same instances, in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing.
    """
    from sklearn.metrics import precision_recall_fscore_support

    given, right, names = _coded(predicted, gold)
    scores = precision_recall_fscore_support(
        right, given, labels=range(len(names)), average=None, zero_division=0.0
    )
    columns = (column.tolist() for column in (*scores, np.bincount(given, minlength=len(names))))
    return [RelationScore(*row) for row in zip(names, *columns, strict=True)]


def confusions(predicted: Labels, gold: Labels) -> list[Confusion]:
    """Return the confused pairs of labels, the most frequent first, ties sorted by label.

    Args:
        predicted: (N,) predicted labels.
        gold: (N,) gold labels of the same instances, in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing.
    """
    given, right, names = _coded(predicted, gold)
    wrong = given != right
    cells, counts = np.unique(right[wrong] * len(names) + given[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [
        Confusion(names[cell // len(names)], names[cell % len(names)], count)
        for cell, count in zip(cells[order].tolist(), counts[order].tolist(), strict=True)
    ]


def has_directions(labels: Labels, *, na_label: Hashable | None = None) -> bool:
    """Return whether all labels but ``na_label`` have directions as in SemEval-2010 Task 8: ``Cause-Effect(e1,e2)``."""
    names = {name for name in labels if name != na_label}
    return bool(names) and all(isinstance(name, str) and _DIRECTED.fullmatch(name) for name in names)


def directed_macro_f1(predicted: Labels, gold: Labels, *, na_label: Hashable | None = None) -> float:
    """Return the official score of SemEval-2010 Task 8: macro-F1 over undirected relations, directionality counted.

    An instance is right where relation and direction are; predictions and gold labels of a relation are counted over
    both of its directions, and F1 is averaged over the relations but ``na_label`` (Hendrickx et al. 2010, the
    "(9+1)-way evaluation with directionality taken into account").

    Args:
        predicted: (N,) predicted labels such as ``Cause-Effect(e1,e2)``.
        gold: (N,) gold labels of the same instances, in the same order.
        na_label: The label that means "no relation", ``Other`` there.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, or one has no direction.
    """
    paired(predicted, gold, roles=("predicted", "gold"))
    given, right = list(predicted), list(gold)
    if not has_directions([*given, *right], na_label=na_label):
        raise InputError(
            "the labels are not all directed relations such as 'Cause-Effect(e1,e2)'; expected those of SemEval-2010 "
            "Task 8"
        )

    def undirected(name: Hashable) -> Hashable:
        match = _DIRECTED.fullmatch(str(name))
        return name if match is None or name == na_label else match["relation"]

    hits = Counter(undirected(label) for label, truth in zip(given, right, strict=True) if label == truth)
    n_given, n_gold = Counter(map(undirected, given)), Counter(map(undirected, right))
    relations = sorted((n_given.keys() | n_gold.keys()) - {na_label}, key=str)
    return sum(2 * hits[name] / (n_given[name] + n_gold[name]) for name in relations) / len(relations)
