"""From answers to figures: what is kept, what is right, and on what the answers rest, with bootstrap intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.analysis.answers import Answers, same
from relscout.analysis.estimates import Estimate, Values, estimate, estimate_if_any, ratio, shares
from relscout.analysis.order import Order, counted_for_score, order_of, scored
from relscout.errors import InputError
from relscout.instances import NAMES_OF_NONE
from relscout.metrics import bootstrap_intervals, score

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
        names: Changed by hiding names while types are told (C+T); ``None`` without types.
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
    told = {format: _format_figures(values, format, more[format]) for format in given}
    nothing = told.pop("nothing")
    return Figures(name, none, told, nothing, _reliance(values), order)


def none_among(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels that mean none (:data:`relscout.instances.NAMES_OF_NONE`), sorted."""
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
    told: dict[str, Any] = {"ari": alike.ari, "nmi": alike.nmi}
    if gold is not None:
        interval = bootstrap_intervals(found, gold, n_resamples=_CLUSTERING_RESAMPLES, seed=seed)["b3_f1"]
        told["score"] = Estimate(score(found, gold).b3_f1, *interval)
    return told


def _reliance(values: Mapping[str, Values]) -> Reliance:
    context, names = values["kept OnlyC"], values["kept OnlyM"]
    told = Reliance(estimate(1 - names), estimate(1 - context), estimate(context - names))
    if "right OnlyC" in values:
        told = replace(told, misled=estimate(values["right OnlyC"] - values["right C+M"]))
    if "kept C+T" not in values:
        return told
    typed = values["kept C+T"]
    return replace(
        told,
        types=estimate(typed - context),
        types_back=estimate_if_any(ratio(typed - context, 1 - context)),
        names=estimate(1 - typed),
        names_by_types=estimate_if_any(ratio(values["kept by both"], names)),
    )
