"""Which relations a classifier tells well, and which it takes for one another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any

from relscout.errors import InputError
from relscout.metrics.clustering import harmonic_mean
from relscout.metrics.labels import Labels, paired

#: A relation of SemEval-2010 Task 8 with its direction.
_DIRECTED = re.compile(r"(?P<relation>.+)\((?:e1,e2|e2,e1)\)")


@dataclass(frozen=True, slots=True)
class RelationScore:
    """How well one relation is told; all figures 0 to 1, and 0 where one would be 0 / 0."""

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
    """How often one relation was taken for another."""

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
    given, right = _names(predicted, gold)
    hits = Counter(one for one, other in zip(given, right, strict=True) if one == other)
    found, there = Counter(given), Counter(right)
    scores = []
    for name in sorted(found.keys() | there.keys(), key=_sorting):
        precision = hits[name] / found[name] if found[name] else 0.0
        recall = hits[name] / there[name] if there[name] else 0.0
        f1 = harmonic_mean(precision, recall)
        scores.append(RelationScore(name, precision, recall, f1, there[name], found[name]))
    return scores


def confusions(predicted: Labels, gold: Labels) -> list[Confusion]:
    """Return which label was taken for which other one, the most frequent first, equally frequent ones by label.

    Args:
        predicted: (N,) predicted labels.
        gold: (N,) gold labels of the same instances, in the same order.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing.
    """
    given, right = _names(predicted, gold)
    counts = Counter((one, other) for other, one in zip(given, right, strict=True) if one != other)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], *map(_sorting, item[0])))
    return [Confusion(one, other, count) for (one, other), count in ordered]


def has_directions(labels: Labels, *, na_label: Hashable | None = None) -> bool:
    """Tell whether all labels but ``na_label`` have directions as in SemEval-2010 Task 8: ``Cause-Effect(e1,e2)``."""
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
    given, right = _names(predicted, gold)
    if not has_directions([*given, *right], na_label=na_label):
        raise InputError(
            "the labels are not all directed relations such as 'Cause-Effect(e1,e2)'; expected those of SemEval-2010 "
            "Task 8"
        )

    def undirected(name: Hashable) -> Hashable:
        found = _DIRECTED.fullmatch(str(name))
        return name if found is None or name == na_label else found["relation"]

    hits = Counter(undirected(one) for one, other in zip(given, right, strict=True) if one == other)
    found, there = Counter(map(undirected, given)), Counter(map(undirected, right))
    relations = sorted((found.keys() | there.keys()) - {na_label}, key=_sorting)
    return sum(2 * hits[one] / (found[one] + there[one]) for one in relations) / len(relations)


def _names(predicted: Labels, gold: Labels) -> tuple[list[Hashable], list[Hashable]]:
    sides = paired(predicted, gold, roles=("predicted", "gold"))
    given, right = ([side.names[place] for place in side.codes.tolist()] for side in sides)
    return given, right


def _sorting(name: Hashable) -> tuple[str, str]:
    return type(name).__name__, str(name)
