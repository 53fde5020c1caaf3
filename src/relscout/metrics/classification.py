"""Scores of classifiers: accuracy, micro-F1, macro-F1, scores of each relation, and accuracy in an open world."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from relscout.core.errors import InputError
from relscout.metrics.clustering import (
    CodedLabels,
    Contingency,
    Labels,
    align,
    harmonic_mean,
    paired,
    tabulate,
)


@dataclass(frozen=True, slots=True)
class ClassificationScores:
    """Agreement of predicted with gold labels; scores are in [0, 1], and 0 for 0 / 0."""

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

    With ``na_label``, the micro scores are those of Peng et al. 2020 ("Learning from Context or Names?"), as usual for
    TACRED: "no relation" is never a positive, so predicting it earns nothing. This is not the official macro-F1 of
    SemEval-2010 Task 8 over undirected classes. Without ``na_label``, every class is positive and micro-F1 equals
    accuracy.

    Args:
        predicted: (N,) predicted labels.
        gold: (N,) gold labels of the same instances, in the same order and of the same kind.
        na_label: Label of "no relation"; ``None`` if the data has no such class.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, the two sequences hold labels of
            different kinds, or ``na_label`` occurs in neither.
    """
    predicted_coded, gold_coded = paired(predicted, gold, roles=("predicted", "gold"))
    _check_same_kind(predicted_coded, gold_coded)
    if na_label is not None and na_label not in predicted_coded.names and na_label not in gold_coded.names:
        raise InputError(
            f"na_label {na_label!r} is neither a gold label ({len(gold_coded.names)} are) nor predicted; "
            "expected the name of the no-relation class, or None if there is none"
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
    # sorted, so that the sum does not depend on the order of the instances
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
    """Refuse integers against strings, which would silently score 0."""
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
    """Scores of one relation, in [0, 1], and 0 for 0 / 0."""

    relation: Hashable
    precision: float
    """Share of right predictions of the relation."""
    recall: float
    """Share of its instances that are predicted as the relation."""
    f1: float
    n_gold: int
    """Number of its gold instances."""
    n_predicted: int
    """Number of its predictions."""

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Number of instances of a relation that are predicted as another."""

    gold: Hashable
    predicted: Hashable
    count: int

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
    labels, truths = _names(predicted, gold)
    hits = Counter(label for label, truth in zip(labels, truths, strict=True) if label == truth)
    n_predicted, n_gold = Counter(labels), Counter(truths)
    scores = []
    for name in sorted(n_predicted.keys() | n_gold.keys(), key=_sorting):
        precision = hits[name] / n_predicted[name] if n_predicted[name] else 0.0
        recall = hits[name] / n_gold[name] if n_gold[name] else 0.0
        f1 = harmonic_mean(precision, recall)
        scores.append(RelationScore(name, precision, recall, f1, n_gold[name], n_predicted[name]))
    return scores


def confusions(predicted: Labels, gold: Labels) -> list[Confusion]:
    """Return the confused pairs of labels, the most frequent first, ties sorted by label.

    Args:
        predicted: (N,) predicted labels.
        gold: (N,) gold labels of the same instances, in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing.
    """
    labels, truths = _names(predicted, gold)
    counts = Counter((truth, label) for label, truth in zip(labels, truths, strict=True) if label != truth)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], *map(_sorting, item[0])))
    return [Confusion(truth, label, count) for (truth, label), count in ordered]


def has_directions(labels: Labels, *, na_label: Hashable | None = None) -> bool:
    """Return whether all labels but ``na_label`` have directions as in SemEval-2010 Task 8: ``Cause-Effect(e1,e2)``."""
    names = {name for name in labels if name != na_label}
    return bool(names) and all(isinstance(name, str) and _DIRECTED.fullmatch(name) for name in names)


def directed_macro_f1(predicted: Labels, gold: Labels, *, na_label: Hashable | None = None) -> float:
    """Return the official score of SemEval-2010 Task 8: macro-F1 over undirected relations, directionality counted.

    An instance is right if relation and direction are. F1 is averaged over all relations except ``na_label``, each with
    both of its directions (Hendrickx et al. 2010, "(9+1)-way evaluation with directionality taken into account").

    Args:
        predicted: (N,) predicted labels such as ``Cause-Effect(e1,e2)``.
        gold: (N,) gold labels of the same instances, in the same order.
        na_label: Label of "no relation", ``Other`` in SemEval.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, or one has no direction.
    """
    labels, truths = _names(predicted, gold)
    if not has_directions([*labels, *truths], na_label=na_label):
        raise InputError(
            "the labels are not all directed relations such as 'Cause-Effect(e1,e2)'; expected those of SemEval-2010 "
            "Task 8"
        )

    def undirected(name: Hashable) -> Hashable:
        match = _DIRECTED.fullmatch(str(name))
        return name if match is None or name == na_label else match["relation"]

    hits = Counter(undirected(label) for label, truth in zip(labels, truths, strict=True) if label == truth)
    sizes = Counter(map(undirected, (*labels, *truths)))
    relations = sorted(sizes.keys() - {na_label}, key=_sorting)
    return sum(2 * hits[name] / sizes[name] for name in relations) / len(relations)


def _names(predicted: Labels, gold: Labels) -> tuple[list[Hashable], list[Hashable]]:
    sides = paired(predicted, gold, roles=("predicted", "gold"))
    names = [[side.names[place] for place in side.codes.tolist()] for side in sides]
    return names[0], names[1]


def _sorting(name: Hashable) -> tuple[str, str]:
    return type(name).__name__, str(name)


@dataclass(frozen=True, slots=True)
class OpenWorldScores:
    """Accuracies in [0, 1]; ``None`` without such instances."""

    predefined: float | None
    """Share of right instances of pre-defined relations."""
    novel: float | None
    """Share of the instances of novel relations in the cluster matched with their relation."""
    all: float
    """Share of right instances of all relations."""
    n_predefined: int
    n_novel: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


def open_world_accuracy(found: Labels, gold: Labels, predefined: Collection[str]) -> OpenWorldScores:
    """Score predictions for instances of pre-defined and novel relations (RoCORE, section 5.5).

    An instance of a pre-defined relation is right if it has the name of the relation. Clusters and novel gold relations
    are matched one to one by the Hungarian method on the instances of novel relations; a pre-defined name is wrong
    there. -1 is a cluster like any other, as for :func:`~relscout.metrics.score`.

    Args:
        found: (N,) predicted labels: names of pre-defined relations, or any other labels for clusters.
        gold: (N,) gold relations of the same instances.
        predefined: Names of the pre-defined relations.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, or ``predefined`` is a single name.
    """
    paired(found, gold, roles=("found", "gold"))
    if isinstance(predefined, str):
        raise InputError(
            f"predefined is {predefined!r}, expected a collection of names, such as {{{predefined!r}}}"
        )
    labels, truth, names = list(found), list(gold), frozenset(predefined)
    known = [label == right for label, right in zip(labels, truth, strict=True) if right in names]
    novel = [(label, right) for label, right in zip(labels, truth, strict=True) if right not in names]
    clustered = [(label, right) for label, right in novel if label not in names]
    right_novel = 0
    if clustered:
        matched = align(*zip(*clustered, strict=True))
        right_novel = round(matched.accuracy * len(clustered))
    return OpenWorldScores(
        predefined=sum(known) / len(known) if known else None,
        novel=right_novel / len(novel) if novel else None,
        all=(sum(known) + right_novel) / len(truth),
        n_predefined=len(known),
        n_novel=len(novel),
    )
