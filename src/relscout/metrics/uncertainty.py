"""Uncertainty of scores: bootstrap intervals over instances, mean and standard deviation over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.seeding import generator
from relscout.metrics.clustering import Contingency, Labels, paired, score_table, tabulate


class Interval(NamedTuple):
    """A percentile interval."""

    low: float
    high: float


class MeanStd(NamedTuple):
    """Mean and sample standard deviation (n - 1 in the denominator) of n values."""

    mean: float
    std: float | None
    """``None`` for a single value."""
    n: int


class Scores(Protocol):
    """Clustering or classification scores."""

    def as_dict(self) -> dict[str, float | int | str]:
        """Return all fields by name; scores are floats."""
        ...


def bootstrap_intervals(
    found: Labels, gold: Labels, *, n_resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Estimate the sampling uncertainty of the raw-cluster scores by the bootstrap (Efron 1979).

    Instances are resampled with replacement; the clustering stays the same. For the variation between seeds, see
    :func:`over_seeds`. An instance drawn twice agrees with itself, which raises the B³ of very small clusters: for
    near-singletons the interval lies above the score.

    Args:
        found: (N,) cluster of every instance.
        gold: (N,) gold relation of the same instances in the same order.
        n_resamples: Number of resamples, at least 1.
        confidence: Share of the resamples inside the interval, above 0 and below 1.
        seed: Seed of the draws, any integer >= 0.

    Returns:
        The interval of each score of :class:`~relscout.metrics.ClusteringScores`.

    Raises:
        InputError: The lengths differ, nothing is given, or a label is missing.
        SettingError: ``n_resamples`` or ``confidence`` is out of range.
    """
    if n_resamples < 1:
        raise SettingError(f"n_resamples is {n_resamples}; expected at least 1")
    if not 0.0 < confidence < 1.0:
        raise SettingError(f"confidence is {confidence}; expected a share above 0 and below 1, such as 0.95")
    table = tabulate(*paired(found, gold, roles=("found", "gold")))
    random = generator(seed, "bootstrap")
    resamples = [figures(score_table(_resampled(table, random))) for _ in range(n_resamples)]
    tail = (1.0 - confidence) / 2.0
    names = list(resamples[0])
    values = np.array([list(resample.values()) for resample in resamples])  # (resamples, figures)
    bounds = np.quantile(values, (tail, 1.0 - tail), axis=0)  # (2, figures)
    return {name: Interval(float(low), float(high)) for name, low, high in zip(names, *bounds, strict=True)}


def resampled_shares(
    flags: NDArray[np.bool_], *, n_resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Return the share of the instances with each flag in every bootstrap resample (R, C).

    The columns are resampled together, so that their differences and ratios come from one resample.

    Args:
        flags: C flags of each of N >= 1 instances (N, C).
        n_resamples: Number of resamples R, at least 1.
        seed: Seed of the draws, any integer >= 0.

    Raises:
        InputError: There is no instance.
        SettingError: ``n_resamples`` is out of range.
    """
    if n_resamples < 1:
        raise SettingError(f"n_resamples is {n_resamples}; expected at least 1")
    if len(flags) == 0:
        raise InputError("0 instances cannot be resampled; at least one is needed")
    # instances with the same flags are drawn together: fast, and independent of their order
    patterns, counts = np.unique(flags, axis=0, return_counts=True)
    drawn = generator(seed, "bootstrap").multinomial(len(flags), counts / len(flags), size=n_resamples)
    return np.asarray(drawn @ patterns / len(flags), dtype=np.float64)


def percentile_interval(values: NDArray[np.float64], *, confidence: float = 0.95) -> Interval:
    """Return the central interval that contains a share ``confidence`` of resampled values (R,)."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, (tail, 1.0 - tail))
    return Interval(float(low), float(high))


def mean_std(values: Sequence[float]) -> MeanStd:
    """Return mean, sample standard deviation and number of values.

    Raises:
        InputError: There is no value.
    """
    if len(values) == 0:
        raise InputError("0 values have no mean; at least one is needed")
    std = statistics.stdev(values) if len(values) > 1 else None
    return MeanStd(statistics.fmean(values), std, len(values))


def over_seeds(scores: Sequence[Scores]) -> dict[str, MeanStd]:
    """Return mean and standard deviation of each score over several seeds.

    Raises:
        InputError: There are no scores, or they differ in kind or protocol.
    """
    if len(scores) == 0:
        raise InputError("0 scores have no mean; at least one seed is needed")
    kinds = {f"{type(entry).__name__} of {getattr(entry, 'protocol', 'labels')}" for entry in scores}
    if len(kinds) > 1:
        raise InputError(f"{len(scores)} scores mix {' and '.join(sorted(kinds))}, which are not comparable")
    rows = [figures(entry) for entry in scores]
    return {name: mean_std([row[name] for row in rows]) for name in rows[0]}


def figures(scores: Scores) -> dict[str, float]:
    """Return the scores by name, without counts and protocol."""
    return {name: value for name, value in scores.as_dict().items() if isinstance(value, float)}


def _resampled(table: Contingency, random: np.random.Generator) -> Contingency:
    # resampling the instances is drawing the counts of the cells from a multinomial
    n = table.n_instances
    count = random.multinomial(n, table.count / n)
    shape = len(table.found_sizes), len(table.gold_sizes)
    return Contingency.from_cells(table.found, table.gold, count, shape=shape)
