"""From answers to figures with bootstrap intervals: what is kept, what is right, and what the answers depend on.

Every pair of formats is compared, not neighbours only, by the difference of the two scores in the same bootstrap
resamples of the instances: a difference whose interval includes 0 orders nothing.
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

#: Values of a statistic (1 + resamples,), float64: first that of the instances themselves.
Values = NDArray[np.float64]
#: No break in "91 %".
_SPACE = "\N{NO-BREAK SPACE}"


class Estimate(NamedTuple):
    """A figure and its bootstrap interval of 95 %."""

    value: float
    low: float
    high: float

    def rounded(self) -> list[float]:
        """Return the three as JSON values."""
        return [round(one, 6) for one in self]


def shares(flags: Mapping[str, NDArray[np.bool_]], *, seed: int) -> dict[str, Values]:
    """Return in which share of the instances each of several things holds, as it is and in every resample.

    Args:
        flags: Name → whether it holds for each instance (N,).
        seed: Of the resamples.
    """
    table = np.stack(list(flags.values()), axis=1)  # (N, C)
    rows = np.concatenate([table.mean(axis=0)[None], resampled_shares(table, seed=seed)])
    return {name: rows[:, column] for column, name in enumerate(flags)}


def ratio(part: Values, whole: Values) -> Values:
    """Return ``part / whole``, NaN where ``whole`` is 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole != 0)


def estimate(values: Values) -> Estimate:
    """Return the figure, which must be a number, and its interval over the resamples where it is one."""
    return Estimate(float(values[0]), *percentile_interval(values[1:][~np.isnan(values[1:])]))


def estimate_if_any(values: Values) -> Estimate | None:
    """Return the figure and its interval; ``None`` where the figure is not defined."""
    return None if np.isnan(values[0]) else estimate(values)


def percent(share: float) -> str:
    """Return a share, in [0, 1], in words."""
    return f"{100 * share:.0f}{_SPACE}%"


def in_words(share: Estimate) -> str:
    """Return a share with its interval in words."""
    return f"{percent(share.value)} (95{_SPACE}%:{_SPACE}{100 * share.low:.0f}–{100 * share.high:.0f})"


#: Scores that differ by no more count as equal.
EQUAL = 0.02

Pair = tuple[str, str]


@dataclass(frozen=True)
class Order:
    """How the scores of the formats stand to each other.

    Args:
        formats: The formats that were scored, in the order of the paper.
        as_found: Pairs, better first, that stand as in the paper.
        reversed: Pairs that clearly do not: the second is above the first, or C+M and C+T are more than .02 apart.
        open: Pairs whose order is open.
        differences: Pair → score of its first less that of its second, in [-1, 1].
    """

    formats: tuple[str, ...]
    as_found: tuple[Pair, ...]
    reversed: tuple[Pair, ...]
    open: tuple[Pair, ...]
    differences: Mapping[Pair, Estimate]

    def sentence(self, whose: str = "Its scores") -> str:
        """Return it in words, with the pairs that do not differ significantly."""
        wanted = " > ".join(self.formats).replace("C+M > C+T", "C+M ≈ C+T")
        paper = f"the order that the paper reports for TACRED ({wanted})"
        if self.reversed:
            details = "; ".join(map(self._against, self.reversed))
            start = f"{whose} do not follow {paper}: {details}"
        elif all(pair == ("C+M", "C+T") for pair in self.as_found):
            return f"{whose} neither confirm nor contradict {paper}: no two differ significantly."
        elif self.open:
            start = f"{whose} do not contradict {paper}"
        else:
            return f"{whose} follow {paper}."
        pairs = ", ".join(f"{one} and {other}" for one, other in self.open)
        return f"{start}; no significant difference: {pairs}." if pairs else f"{start}."

    def _against(self, pair: Pair) -> str:
        first, second = pair
        by = self.differences[pair]
        low, high = sorted((abs(by.low), abs(by.high)))
        above, below = (first, second) if by.value > 0 else (second, first)
        space = "\N{NO-BREAK SPACE}"
        return f"{above} is {abs(by.value):.3f} above {below} (95{space}%:{space}{low:.3f}–{high:.3f})"


def order_of(scores: Mapping[str, Values], *, seeds: Mapping[str, Sequence[float]] | None = None) -> Order:
    """Return how scores stand to each other.

    A pair is ordered where the interval of its difference excludes 0, and, where there are scores of several seeds,
    those of all seeds are on the same side. C+M and C+T count as equal where the interval lies within ±.02, and as
    apart where it lies outside.

    Args:
        scores: Input format → score, as it is and in every resample (1 + R,); the same resamples for all.
        seeds: Input format → score of each seed (S,), where there are several.
    """
    formats = tuple(format for format in FORMATS if format in scores)
    found: dict[str, list[Pair]] = {"as found": [], "reversed": [], "open": []}
    differences = {}
    for pair in combinations(formats, 2):
        first, second = pair
        by = differences[pair] = estimate(scores[first] - scores[second])
        above, below = (_all_above(seeds, *one) for one in (pair, pair[::-1]))
        if pair == ("C+M", "C+T"):
            apart = (by.low > EQUAL and above) or (by.high < -EQUAL and below)
            equal = by.low >= -EQUAL and by.high <= EQUAL
            found["reversed" if apart else "as found" if equal else "open"].append(pair)
        else:
            kind = "as found" if by.low > 0 and above else "reversed" if by.high < 0 and below else "open"
            found[kind].append(pair)
    as_found, reverse, open_ = (tuple(pairs) for pairs in found.values())
    return Order(formats, as_found, reverse, open_, differences)


def order_over_seeds(
    predicted: Mapping[str, Sequence[Sequence[str]]],
    gold: Sequence[str],
    none: Collection[str],
    scores: Mapping[str, Sequence[float]],
) -> Order:
    """Return how classifiers that were trained in each format stand to each other: means over their seeds.

    Args:
        predicted: Input format → predicted relations (N,) of each of S seeds.
        gold: Gold relations (N,).
        none: Relations that mean none.
        scores: Input format → score of each seed (S,).
    """
    flags: dict[str, NDArray[np.bool_]] = {}
    for format, seeds in predicted.items():
        for place, labels in enumerate(seeds):
            flags |= counted_for_score({f"{format}|{place}": labels}, gold, none)
    values = shares(flags, seed=0)
    micro = bool(none)
    means: dict[str, Any] = {
        format: np.mean(
            [scored(values, f"{format}|{place}", micro=micro) for place in range(len(seeds))], axis=0
        )
        for format, seeds in predicted.items()
    }
    return order_of(means, seeds=scores)


def counted_for_score(
    given: Mapping[str, Sequence[str]], gold: Sequence[str], none: Collection[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return what of each answer counts for accuracy and micro-F1, (N,) bool each."""
    positive = np.array([name not in none for name in gold], dtype=bool)
    flags = {"positive": positive}
    for format, labels in given.items():
        right = same(labels, gold)
        flags[f"right {format}"] = right
        flags[f"hit {format}"] = right & positive
        flags[f"claimed {format}"] = np.array([label not in none for label in labels], dtype=bool)
    return flags


def scored(values: Mapping[str, Values], format: str, *, micro: bool) -> Values:
    """Return accuracy, or micro-F1 over the positive relations, of shares of :func:`counted_for_score` (1 + R,)."""
    if not micro:
        return values[f"right {format}"]
    # harmonic mean of precision and recall over the positive relations, 0 where nothing is positive
    whole = values[f"claimed {format}"] + values["positive"]
    return np.nan_to_num(ratio(2 * values[f"hit {format}"], whole))


def _all_above(seeds: Mapping[str, Sequence[float]] | None, first: str, second: str) -> bool:
    return seeds is None or min(seeds[first]) > max(seeds[second])


#: Resamples of B³, which takes longer than shares.
_CLUSTERING_RESAMPLES = 200


@dataclass(frozen=True)
class FormatFigures:
    """What came of one input format.

    Args:
        kept: Share of the answers that are those of C+M, in [0, 1].
        above_nothing: How much more it keeps than whoever always gives the commonest answer, in [-1, 1].
        score: Accuracy, micro-F1 or B³ F1 against gold relations; ``None`` where these are not known.
        right_shared: Of the right answers of C+M, the share that is right here, too (the paper's section 2.4: 95.7 %
            for C+T); ``None`` without gold relations, for a discovery, and where there are none.
        wrong_same: Of the wrong answers of C+M, the share with the very same answer here (68.1 % for C+T).
        ari: Adjusted Rand index with the answers of C+M; ``None`` for a classifier.
        nmi: Normalised mutual information with them.
    """

    kept: Estimate
    above_nothing: Estimate
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
    """On what the answers rest: the share of them that changes when something is hidden.

    Args:
        context: Changed by hiding the context (OnlyM).
        mentions: Changed by hiding names and types (OnlyC); ``types`` and ``names`` add up to it.
        lead: How much more context alone (OnlyC) keeps than names alone (OnlyM).
        types: What types alone bring back of these: kept in C+T less kept in OnlyC, which may be below 0; ``None``
            without types.
        types_back: The share of ``mentions`` that ``types`` is; ``None`` without types, or where nothing changes.
        names: Changed by hiding names while types are shown (C+T); ``None`` without types.
        names_by_types: Of the answers that names alone keep, the share that types alone keep (OnlyT), too; ``None``
            without types, or where names alone keep none.
        misled: How much more is right without names and types (OnlyC) than with them, in shares of all instances;
            ``None`` without gold relations and for a discovery.
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
        score: What ``score`` of each format is: ``"accuracy"``, ``"micro-F1"``, ``"B³ F1"``; ``None`` without gold.
        none: Relations that mean none, as ``no_relation`` or ``Other``, which micro-F1 does not count; sorted.
        formats: Input format → its figures.
        nothing: Those of whoever reads nothing and always gives the commonest relation.
        reliance: On what the answers rest.
        order: How the scores stand to each other; ``None`` without gold relations and for a discovery, whose B³ has no
            figures of single instances that could be compared.
    """

    score: str | None
    none: tuple[str, ...]
    formats: Mapping[str, FormatFigures]
    nothing: FormatFigures
    reliance: Reliance
    order: Order | None = None


def figures(answers: Answers, *, clusters: bool, seed: int = 0) -> Figures:
    """Compute the figures of a model's answers.

    Args:
        answers: What it answered about N instances, at least one, in C+M, OnlyC and OnlyM at least.
        clusters: Whether its relations were found, so that their names cannot be right or wrong: B³ is the score then.
        seed: Of the bootstrap, any integer >= 0.

    Returns:
        Shares and scores in [0, 1], differences and the ARI in [-1, 1].

    Raises:
        InputError: There is no instance.
        SettingError: The seed is negative.
    """
    if not answers.instances:
        raise InputError("there are no figures of 0 instances; at least one is needed")
    usual, gold = answers.given["C+M"], answers.gold
    given = {**answers.given, "nothing": [commonest(usual)] * len(usual)}
    flags = {f"kept {format}": same(labels, usual) for format, labels in given.items()}
    if "OnlyT" in given:
        flags["kept by both"] = flags["kept OnlyM"] & flags["kept OnlyT"]
    more: dict[str, dict[str, Any]] = {format: {} for format in given}
    name, none, order = None, tuple[str, ...](), None
    if clusters:
        name = None if gold is None else "B³ F1"
        more = {format: _clustering(labels, usual, gold, seed) for format, labels in given.items()}
        values = shares(flags, seed=seed)
    elif gold is None:
        values = shares(flags, seed=seed)
    else:
        none = none_among([*gold, *(label for labels in given.values() for label in labels)])
        name = "micro-F1" if none else "accuracy"
        given["nothing"] = [commonest(gold, but=none)] * len(usual)
        values = shares(flags | _judged(given, gold, none), seed=seed)
        more = {format: _judgement(values, format, micro=bool(none)) for format in given}
        order = order_of({format: scored(values, format, micro=bool(none)) for format in answers.given})
    details = {format: _format_figures(values, format, more[format]) for format in given}
    nothing = details.pop("nothing")
    return Figures(name, none, details, nothing, _reliance(values), order)


def none_among(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels that mean none (:data:`relscout.core.instances.NAMES_OF_NONE`), sorted."""
    return tuple(sorted({name for name in labels if name.casefold() in NAMES_OF_NONE}))


def commonest(labels: Sequence[str], *, but: Collection[str] = ()) -> str:
    """Return the most frequent label that is not among ``but``, if there is one; of equals the first by name."""
    counts = Counter(label for label in labels if label not in but) or Counter(labels)
    return min(counts, key=lambda name: (-counts[name], name))


def as_json(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass of estimates and numbers as JSON values."""
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    return {
        name: value.rounded() if isinstance(value, Estimate) else None if value is None else round(value, 6)
        for name, value in values.items()
    }


def _judged(
    given: Mapping[str, Sequence[str]], gold: Sequence[str], none: Collection[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return what of each answer counts for its score and for what is shared with C+M, (N,) bool each."""
    usual = given["C+M"]
    usually_right = same(usual, gold)
    flags = counted_for_score(given, gold, none)
    flags |= {"usually right": usually_right, "usually wrong": ~usually_right}
    for format, labels in given.items():
        flags[f"right too {format}"] = flags[f"right {format}"] & usually_right
        flags[f"wrong too {format}"] = same(labels, usual) & ~usually_right
    return flags


def _format_figures(values: Mapping[str, Values], format: str, more: Mapping[str, Any]) -> FormatFigures:
    kept = values[f"kept {format}"]
    return FormatFigures(estimate(kept), estimate(kept - values["kept nothing"]), **more)


def _judgement(values: Mapping[str, Values], format: str, *, micro: bool) -> dict[str, Any]:
    right, wrong = values["usually right"], values["usually wrong"]
    return {
        "score": estimate(scored(values, format, micro=micro)),
        "right_shared": estimate_if_any(ratio(values[f"right too {format}"], right)),
        "wrong_same": estimate_if_any(ratio(values[f"wrong too {format}"], wrong)),
    }


def _clustering(
    found: Sequence[str], usual: Sequence[str], gold: Sequence[str] | None, seed: int
) -> dict[str, Any]:
    alike = score(found, usual)
    details: dict[str, Any] = {"ari": alike.ari, "nmi": alike.nmi}
    if gold is not None:
        interval = bootstrap_intervals(found, gold, n_resamples=_CLUSTERING_RESAMPLES, seed=seed)["b3_f1"]
        details["score"] = Estimate(score(found, gold).b3_f1, *interval)
    return details


def _reliance(values: Mapping[str, Values]) -> Reliance:
    context, names = values["kept OnlyC"], values["kept OnlyM"]
    details = Reliance(estimate(1 - names), estimate(1 - context), estimate(context - names))
    if "right OnlyC" in values:
        details = replace(details, misled=estimate(values["right OnlyC"] - values["right C+M"]))
    if "kept C+T" not in values:
        return details
    typed = values["kept C+T"]
    return replace(
        details,
        types=estimate(typed - context),
        types_back=estimate_if_any(ratio(typed - context, 1 - context)),
        names=estimate(1 - typed),
        names_by_types=estimate_if_any(ratio(values["kept by both"], names)),
    )
