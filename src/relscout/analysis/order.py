"""Whether scores stand in the order of the paper, C+M ≈ C+T > OnlyC > OnlyM > OnlyT (TACRED, its Table 1).

Every pair of formats is compared, not neighbours only, by the difference of the two scores in the same bootstrap
resamples of the instances: whatever lies around 0 is not told apart, and no order is read into it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.analysis.answers import same
from relscout.analysis.estimates import Estimate, Values, estimate, ratio, shares
from relscout.analysis.formats import FORMATS

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
        open: Pairs that are not told apart.
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
            told = "; ".join(map(self._against, self.reversed))
            start = f"{whose} do not follow {paper}: {told}"
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

    A pair is told apart where the interval of its difference excludes 0, and, where there are scores of several seeds,
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
