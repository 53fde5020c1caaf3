"""Figures of the answers with bootstrap intervals: shares that stay the same or are right, and what they rely on.

All pairs of formats are compared, by the difference of their scores in the same bootstrap resamples of the instances. A
pair whose interval includes 0 has no order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import NAMES_OF_NONE
from relscout.lab.analysis.formats import FORMATS, Answers, same
from relscout.metrics import bootstrap_intervals, percentile_interval, resampled_shares, score

#: A statistic of the instances themselves, then of each resample (1 + R,), float64.
Values = NDArray[np.float64]
#: No break in "91 %".
_SPACE = "\N{NO-BREAK SPACE}"


class Estimate(NamedTuple):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def rounded(self) -> list[float]:
        """Return value, low and high as JSON values."""
        return [round(value, 6) for value in self]


def shares(flags: Mapping[str, NDArray[np.bool_]], *, seed: int) -> dict[str, Values]:
    """Return the share of the instances with each flag: in the data, then in each resample.

    Args:
        flags: Name → flag of each instance (N,).
        seed: Seed of the resamples.
    """
    table = np.stack(list(flags.values()), axis=1)  # (N, C)
    rows = np.concatenate([table.mean(axis=0)[None], resampled_shares(table, seed=seed)])
    return {name: rows[:, column] for column, name in enumerate(flags)}


def ratio(part: Values, whole: Values) -> Values:
    """Return ``part / whole``, NaN where ``whole`` is 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole != 0)


def estimate(values: Values) -> Estimate:
    """Return a defined figure and its interval over the resamples in which it is defined."""
    return Estimate(float(values[0]), *percentile_interval(values[1:][~np.isnan(values[1:])]))


def estimate_if_any(values: Values) -> Estimate | None:
    """Return the figure and its interval; ``None`` if the figure is not defined."""
    return None if np.isnan(values[0]) else estimate(values)


def percent(share: float) -> str:
    """Format a share, such as ``91 %``."""
    return f"{100 * share:.0f}{_SPACE}%"


def in_words(share: Estimate) -> str:
    """Format a share with its interval."""
    return f"{percent(share.value)} (95{_SPACE}%:{_SPACE}{100 * share.low:.0f}–{100 * share.high:.0f})"


#: Largest difference of scores that count as equal.
EQUAL = 0.02

Pair = tuple[str, str]


@dataclass(frozen=True)
class Order:
    """Order of the formats by score, compared with the paper's.

    Args:
        formats: The scored formats, in the order of the paper.
        confirmed: Pairs, better first, in the order of the paper.
        reversed: Pairs in the reverse order, or C+M and C+T if they are more than .02 apart.
        open: Pairs without a significant order.
        differences: Pair → score of the first minus score of the second, in [-1, 1].
    """

    formats: tuple[str, ...]
    confirmed: tuple[Pair, ...]
    reversed: tuple[Pair, ...]
    open: tuple[Pair, ...]
    differences: Mapping[Pair, Estimate]

    def sentence(self, whose: str = "Its scores") -> str:
        """Return the comparison in words."""
        wanted = " > ".join(self.formats).replace("C+M > C+T", "C+M ≈ C+T")
        paper = f"the order that the paper reports for TACRED ({wanted})"
        if self.reversed:
            exceptions = "; ".join(map(self._against, self.reversed))
            start = f"{whose} do not follow {paper}: {exceptions}"
        elif all(pair == ("C+M", "C+T") for pair in self.confirmed):
            return f"{whose} neither confirm nor contradict {paper}: no two differ significantly."
        elif self.open:
            start = f"{whose} do not contradict {paper}"
        else:
            return f"{whose} follow {paper}."
        pairs = ", ".join(" and ".join(pair) for pair in self.open)
        return f"{start}; no significant difference: {pairs}." if pairs else f"{start}."

    def _against(self, pair: Pair) -> str:
        first, second = pair
        by = self.differences[pair]
        low, high = sorted((abs(by.low), abs(by.high)))
        above, below = (first, second) if by.value > 0 else (second, first)
        space = "\N{NO-BREAK SPACE}"
        return f"{above} is {abs(by.value):.3f} above {below} (95{space}%:{space}{low:.3f}–{high:.3f})"


def compare_formats(
    scores: Mapping[str, Values], *, seeds: Mapping[str, Sequence[float]] | None = None
) -> Order:
    """Compare the order of the formats with the paper's.

    A pair is ordered if the interval of its difference excludes 0 and, given scores of several seeds, all seeds agree.
    C+M and C+T count as equal if the interval lies within ±.02, and as different if it lies outside.

    Args:
        scores: Input format → score, in the data and in each resample (1 + R,); all with the same resamples.
        seeds: Input format → score of each seed (S,), if there are several.
    """
    formats = tuple(format for format in FORMATS if format in scores)
    pairs_by_order: dict[str, list[Pair]] = {"confirmed": [], "reversed": [], "open": []}
    differences = {}
    for pair in combinations(formats, 2):
        first, second = pair
        by = differences[pair] = estimate(scores[first] - scores[second])
        above, below = _all_above(seeds, first, second), _all_above(seeds, second, first)
        if pair == ("C+M", "C+T"):
            apart = (by.low > EQUAL and above) or (by.high < -EQUAL and below)
            equal = by.low >= -EQUAL and by.high <= EQUAL
            pairs_by_order["reversed" if apart else "confirmed" if equal else "open"].append(pair)
        else:
            kind = "confirmed" if by.low > 0 and above else "reversed" if by.high < 0 and below else "open"
            pairs_by_order[kind].append(pair)
    confirmed, reverse, open_ = (tuple(pairs) for pairs in pairs_by_order.values())
    return Order(formats, confirmed, reverse, open_, differences)


def compare_trained_formats(
    predicted: Mapping[str, Sequence[Sequence[str]]],
    gold: Sequence[str],
    none: Collection[str],
    scores: Mapping[str, Sequence[float]],
) -> Order:
    """Compare classifiers trained in each format, by their mean scores over the seeds.

    Args:
        predicted: Input format → predicted relations (N,) of each of S seeds.
        gold: Gold relations (N,).
        none: Names of the "no relation" class.
        scores: Input format → score of each seed (S,).
    """
    flags: dict[str, NDArray[np.bool_]] = {}
    for format, seeds in predicted.items():
        for place, labels in enumerate(seeds):
            flags |= score_flags({f"{format}|{place}": labels}, gold, none)
    values = shares(flags, seed=0)
    micro = bool(none)
    means: dict[str, Any] = {
        format: np.mean(
            [resampled_score(values, f"{format}|{place}", micro=micro) for place in range(len(seeds))], axis=0
        )
        for format, seeds in predicted.items()
    }
    return compare_formats(means, seeds=scores)


def score_flags(
    answers: Mapping[str, Sequence[str]], gold: Sequence[str], none: Collection[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return the flags of the answers that accuracy and micro-F1 count, (N,) bool each."""
    positive = np.array([name not in none for name in gold], dtype=bool)
    flags = {"positive": positive}
    for format, labels in answers.items():
        right = same(labels, gold)
        flags[f"right {format}"] = right
        flags[f"hit {format}"] = right & positive
        flags[f"claimed {format}"] = np.array([label not in none for label in labels], dtype=bool)
    return flags


def resampled_score(values: Mapping[str, Values], format: str, *, micro: bool) -> Values:
    """Return accuracy, or micro-F1 over the positive relations, from the shares of :func:`score_flags` (1 + R,)."""
    if not micro:
        return values[f"right {format}"]
    whole = values[f"claimed {format}"] + values["positive"]
    return np.nan_to_num(ratio(2 * values[f"hit {format}"], whole))


def _all_above(seeds: Mapping[str, Sequence[float]] | None, first: str, second: str) -> bool:
    return seeds is None or min(seeds[first]) > max(seeds[second])


#: Resamples of B³, which is slower to compute than shares.
_CLUSTERING_RESAMPLES = 200


@dataclass(frozen=True)
class FormatFigures:
    """Figures of one input format.

    Args:
        kept: Share of the answers that equal those in C+M, in [0, 1].
        above_majority: ``kept`` minus that of always giving the most frequent answer, in [-1, 1].
        score: Accuracy, micro-F1 or B³ F1; ``None`` without gold relations.
        right_shared: Share of the right answers in C+M that are right here, too (the paper's section 2.4: 95.7 % for
            C+T); ``None`` without gold relations, for a discovery, and if there are none.
        wrong_same: Share of the wrong answers in C+M with the same answer here (68.1 % for C+T).
        ari: Adjusted Rand index with the answers in C+M; ``None`` for a classifier.
        nmi: Normalised mutual information with them.
    """

    kept: Estimate
    above_majority: Estimate
    score: Estimate | None = None
    right_shared: Estimate | None = None
    wrong_same: Estimate | None = None
    ari: float | None = None
    nmi: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values: estimates as value, low and high."""
        return as_json(self)


@dataclass(frozen=True)
class Reliance:
    """Shares of the answers that change if something is hidden.

    Args:
        context: Changed by hiding the context (OnlyM).
        mentions: Changed by hiding names and types (OnlyC): the sum of ``types`` and ``names``.
        lead: Share kept by the context alone (OnlyC) minus share kept by names alone (OnlyM).
        types: Share kept in C+T minus share kept in OnlyC, possibly negative; ``None`` without types.
        types_back: ``types`` divided by ``mentions``; ``None`` without types, or if no answer changes.
        names: Changed by hiding names but not types (C+T); ``None`` without types.
        names_by_types: Share of the answers kept by names alone that types alone (OnlyT) keep, too; ``None`` without
            types, or if names alone keep none.
        misled: Share of right answers in OnlyC minus that in C+M; ``None`` without gold relations and for a discovery.
    """

    context: Estimate
    mentions: Estimate
    lead: Estimate
    types: Estimate | None = None
    types_back: Estimate | None = None
    names: Estimate | None = None
    names_by_types: Estimate | None = None
    misled: Estimate | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values: estimates as value, low and high."""
        return as_json(self)


@dataclass(frozen=True)
class Figures:
    """All figures of a model.

    Args:
        score: Kind of score: ``"accuracy"``, ``"micro-F1"``, ``"B³ F1"``; ``None`` without gold relations.
        none: Names of the "no relation" class, which micro-F1 ignores; sorted.
        formats: Input format → its figures.
        majority: Figures of always giving the most frequent relation.
        reliance: What the answers rely on.
        order: Order of the formats by score; ``None`` without gold relations and for a discovery, whose B³ is no mean
            over instances.
    """

    score: str | None
    none: tuple[str, ...]
    formats: Mapping[str, FormatFigures]
    majority: FormatFigures
    reliance: Reliance
    order: Order | None = None


def compute_figures(answers: Answers, *, clusters: bool, seed: int = 0) -> Figures:
    """Compute the figures of a model's answers.

    Args:
        answers: Answers to N >= 1 instances, at least in C+M, OnlyC and OnlyM.
        clusters: Whether the answers are discovered relations, which are scored by B³.
        seed: Seed of the bootstrap, at least 0.

    Returns:
        Shares and scores in [0, 1], differences and the ARI in [-1, 1].

    Raises:
        InputError: There is no instance.
        SettingError: The seed is negative.
    """
    if not answers.instances:
        raise InputError("there are no figures of 0 instances; at least one is needed")
    usual, gold = answers.labels["C+M"], answers.gold
    labels_of = {**answers.labels, "majority": [commonest(usual)] * len(usual)}
    flags = {f"kept {format}": same(labels, usual) for format, labels in labels_of.items()}
    if "OnlyT" in labels_of:
        flags["kept by both"] = flags["kept OnlyM"] & flags["kept OnlyT"]
    more: dict[str, dict[str, Any]] = {format: {} for format in labels_of}
    name, none, order = None, tuple[str, ...](), None
    if clusters:
        name = None if gold is None else "B³ F1"
        more = {format: _clustering(labels, usual, gold, seed) for format, labels in labels_of.items()}
        values = shares(flags, seed=seed)
    elif gold is None:
        values = shares(flags, seed=seed)
    else:
        none = none_among([*gold, *(label for labels in labels_of.values() for label in labels)])
        name = "micro-F1" if none else "accuracy"
        labels_of["majority"] = [commonest(gold, but=none)] * len(usual)
        values = shares(flags | _comparison_flags(labels_of, gold, none), seed=seed)
        more = {format: _comparison(values, format, micro=bool(none)) for format in labels_of}
        order = compare_formats(
            {format: resampled_score(values, format, micro=bool(none)) for format in answers.labels}
        )
    formats = {
        format: FormatFigures(
            estimate(values[f"kept {format}"]),
            estimate(values[f"kept {format}"] - values["kept majority"]),
            **more[format],
        )
        for format in labels_of
    }
    majority = formats.pop("majority")
    return Figures(name, none, formats, majority, _reliance(values), order)


def none_among(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels among :data:`relscout.core.instances.NAMES_OF_NONE`, sorted."""
    return tuple(sorted({name for name in labels if name.casefold() in NAMES_OF_NONE}))


def commonest(labels: Sequence[str], *, but: Collection[str] = ()) -> str:
    """Return the most frequent label except ``but`` (or of all, if no other occurs); ties go to the first by name."""
    counts = Counter(label for label in labels if label not in but) or Counter(labels)
    return min(counts, key=lambda name: (-counts[name], name))


def as_json(record: Any) -> dict[str, Any]:
    """Return a dataclass of estimates and numbers as JSON values."""
    values = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    return {
        name: value.rounded() if isinstance(value, Estimate) else None if value is None else round(value, 6)
        for name, value in values.items()
    }


def _comparison_flags(
    answers: Mapping[str, Sequence[str]], gold: Sequence[str], none: Collection[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return the flags that scores and the comparison with C+M need, (N,) bool each."""
    usual = answers["C+M"]
    usually_right = same(usual, gold)
    flags = score_flags(answers, gold, none)
    flags |= {"usually right": usually_right, "usually wrong": ~usually_right}
    for format, labels in answers.items():
        flags[f"right too {format}"] = flags[f"right {format}"] & usually_right
        flags[f"wrong too {format}"] = same(labels, usual) & ~usually_right
    return flags


def _comparison(values: Mapping[str, Values], format: str, *, micro: bool) -> dict[str, Any]:
    right, wrong = values["usually right"], values["usually wrong"]
    return {
        "score": estimate(resampled_score(values, format, micro=micro)),
        "right_shared": estimate_if_any(ratio(values[f"right too {format}"], right)),
        "wrong_same": estimate_if_any(ratio(values[f"wrong too {format}"], wrong)),
    }


def _clustering(
    predicted: Sequence[str], usual: Sequence[str], gold: Sequence[str] | None, seed: int
) -> dict[str, Any]:
    alike = score(predicted, usual)
    figures: dict[str, Any] = {"ari": alike.ari, "nmi": alike.nmi}
    if gold is not None:
        interval = bootstrap_intervals(predicted, gold, n_resamples=_CLUSTERING_RESAMPLES, seed=seed)["b3_f1"]
        figures["score"] = Estimate(score(predicted, gold).b3_f1, *interval)
    return figures


def _reliance(values: Mapping[str, Values]) -> Reliance:
    context, names = values["kept OnlyC"], values["kept OnlyM"]
    reliance = Reliance(estimate(1 - names), estimate(1 - context), estimate(context - names))
    if "right OnlyC" in values:
        reliance = replace(reliance, misled=estimate(values["right OnlyC"] - values["right C+M"]))
    if "kept C+T" not in values:
        return reliance
    typed = values["kept C+T"]
    return replace(
        reliance,
        types=estimate(typed - context),
        types_back=estimate_if_any(ratio(typed - context, 1 - context)),
        names=estimate(1 - typed),
        names_by_types=estimate_if_any(ratio(values["kept by both"], names)),
    )
