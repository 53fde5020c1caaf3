"""A score over the values of a setting: SelfORE's figure 3."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from relscout.drawing import (
    COLOURS,
    INK,
    MARKERS,
    legend_below,
    new_figure,
    only_horizontal_grid,
)
from relscout.experiments.quantities import as_printed
from relscout.experiments.row_cells import TITLES
from relscout.experiments.schema import Published
from relscout.experiments.summaries import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 5.2, 3.1
#: Share of the axis that the label of a value takes, for each of its characters.
_CHARACTER = 0.018


def draw_sweep(
    swept: Sequence[Summary], setting: str, score: str, scoring: str, published: Sequence[Published]
) -> Figure:
    """Draw the mean of a score and its standard deviation over the seeds at every value of a setting.

    Args:
        swept: The rows of the sweep at each of its values.
        setting: Name of the setting; numbers stand at their values, anything else at equal distances.
        score: A figure of the scores, such as ``"b3_f1"``.
        scoring: ``"raw"``, ``"majority-mapped"`` or ``"gold-selected"``.
        published: Published figures; the best one of the score under this scoring is drawn as a line.
    """
    figure = new_figure(_WIDTH, _HEIGHT)
    axes = figure.add_subplot()
    values = list(dict.fromkeys(summary.variation[setting] for summary in swept))
    places = _places(values)
    rows = list(dict.fromkeys(summary.row for summary in swept))
    handles: dict[str, Any] = {}
    for number, row in enumerate(rows):
        mine = [one for one in swept if one.row == row and one.score(score, scoring) is not None]
        if not mine:
            continue  # a row that was not run stands in no legend
        at = [places[values.index(summary.variation[setting])] for summary in mine]
        handles[row] = _line(axes, mine, at, score, scoring, number)
    best = max(
        (one for one in published if one.scoring == scoring and score in one.scores),
        key=lambda one: one.scores[score],
        default=None,
    )
    if best is not None:
        label = f"published: {best.row}, {as_printed(best.scores[score])}"
        handles[label] = axes.axhline(best.scores[score], color=INK, linewidth=1.2, linestyle=(0, (5, 3)))
    _name_values(axes, values, places)
    axes.set_xlabel(_spelled(setting))
    axes.set_ylabel(f"{TITLES.get(score, score)}, {scoring.replace('raw', 'raw clusters')} (%)")
    _leave_room(axes)
    only_horizontal_grid(axes)
    legend_below(figure, handles)
    return figure


def _line(
    axes: Axes, swept: Sequence[Summary], places: Sequence[float], score: str, scoring: str, number: int
) -> Any:
    """Draw one row and return its line."""
    points = sorted(
        (place, value)
        for place, summary in zip(places, swept, strict=True)
        if (value := summary.score(score, scoring)) is not None
    )
    at = [place for place, _ in points]
    mean = [100 * value.mean for _, value in points]
    # a single seed has no spread that is known, so the band has a gap there
    spread = [nan if value.std is None else 100 * value.std for _, value in points]
    colour = COLOURS[number % len(COLOURS)]
    low, high = ([m + sign * s for m, s in zip(mean, spread, strict=True)] for sign in (-1, 1))
    axes.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
    (line,) = axes.plot(
        at, mean, color=colour, marker=MARKERS[number % len(MARKERS)], clip_on=False, zorder=3
    )
    return line


def _spelled(setting: str) -> str:
    if setting.startswith("labeled."):
        return {"relations": "labelled relations", "share": "share of the labelled instances"}[setting[8:]]
    counted = setting.removeprefix("n_")
    if counted == setting:
        return setting.replace("_", " ")
    return f"number of {counted.replace('_', ' ')}" if counted.endswith("s") else setting


def _places(values: Sequence[Any]) -> list[float]:
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if numeric else [float(place) for place in range(len(values))]


def _name_values(axes: Axes, values: Sequence[Any], places: Sequence[float]) -> None:
    """Put a tick at every value, and its name where it does not run into that of the one before."""
    ticks = sorted(zip(places, map(str, values), strict=True))
    span = (ticks[-1][0] - ticks[0][0]) or 1.0
    labels, end = [], float("-inf")
    for place, name in ticks:
        half = _CHARACTER * len(name) * span / 2
        fits = place - half > end
        labels.append(name if fits else "")
        end = place + half + 0.01 * span if fits else end
    axes.set_xticks([place for place, _ in ticks], labels)
    axes.set_xlim(ticks[0][0] - 0.04 * span, ticks[-1][0] + 0.04 * span)


def _leave_room(axes: Axes) -> None:
    """Show at least ten points of the score, so that noise does not look like an effect."""
    low, high = axes.get_ylim()
    middle, half = (low + high) / 2, max((high - low) / 2 * 1.1, 5.0)
    axes.set_ylim(max(middle - half, 0.0) if low >= 0 else middle - half, middle + half)
