"""How a method that works in loops came along: changed pseudo labels and losses, loop by loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from relscout.drawing import COLOURS, MARKERS, legend_below, new_figure, only_horizontal_grid
from relscout.experiments.summaries import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 3.1, 2.6
#: Share of the distance between two loops that the epochs of one take.
_SPREAD = 0.8
#: What a loop's report may hold → the title of its panel.
CURVES = {
    "changed": "changed pseudo labels (%)",
    "adaptive_loss": "loss of the adaptive clustering",
    "classification_loss": "loss of the classification",
}


def has_curves(summary: Summary) -> bool:
    """Tell whether a report of the row holds a curve."""
    return any(
        _values(loop, curve) for one in summary.records for loop in _loops(one["report"]) for curve in CURVES
    )


def draw_losses(summaries: Sequence[Summary]) -> Figure:
    """Draw what the reports hold: a panel for each kind of curve, a colour for each row, a line for each seed.

    The epochs of a loop are spread around its number.

    Args:
        summaries: Rows of which :func:`has_curves` is true, at least one.
    """
    from matplotlib.ticker import MaxNLocator

    curves = [
        curve
        for curve in CURVES
        if any(
            _values(loop, curve)
            for one in summaries
            for record in one.records
            for loop in _loops(record["report"])
        )
    ]
    n_loops = max(len(_loops(record["report"])) for one in summaries for record in one.records)
    figure = new_figure(_WIDTH * len(curves), _HEIGHT)
    handles: dict[str, Any] = {}
    for place, curve in enumerate(curves, 1):
        axes = figure.add_subplot(1, len(curves), place)
        for number, summary in enumerate(summaries):
            for record in summary.records:
                drawn = _draw(axes, curve, _loops(record["report"]), number)
                if drawn is not None:
                    handles.setdefault(summary.row, drawn)
        axes.set_title(CURVES[curve])
        axes.set_xlabel("loop")
        axes.set_xlim(0.4, n_loops + 0.6)
        axes.set_ylim(bottom=0.0 if axes.get_ylim()[0] >= 0 else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        only_horizontal_grid(axes)
    legend_below(figure, handles)
    return figure


def _draw(axes: Axes, curve: str, loops: Sequence[Mapping[str, Any]], number: int) -> Any:
    """Draw one curve of one run and return its line; ``None`` where it holds nothing."""
    look: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "alpha": 0.8, "linewidth": 1.4}
    marker = MARKERS[number % len(MARKERS)]
    if curve == "changed":
        points = [(float(at), 100 * loop[curve]) for at, loop in enumerate(loops, 1) if _values(loop, curve)]
        segments = [points]
    else:
        segments = [_spread(_values(loop, curve), at) for at, loop in enumerate(loops, 1)]
    line = None
    for segment in filter(None, segments):
        # a loop starts afresh, so its curve is a line of its own
        few = curve == "changed" or len(segment) == 1
        at, values = zip(*segment, strict=True)
        (line,) = axes.plot(at, values, marker=marker if few else "", markersize=4, **look)
    return line


def _spread(values: Sequence[float], loop: int) -> list[tuple[float, float]]:
    step = _SPREAD / len(values) if values else 0.0
    return [(loop + (place + 0.5) * step - _SPREAD / 2, value) for place, value in enumerate(values)]


def _loops(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    loops = report.get("loops")
    return [loop for loop in loops if isinstance(loop, Mapping)] if isinstance(loops, list) else []


def _values(loop: Mapping[str, Any], curve: str) -> list[float]:
    """Return the numbers of a curve: a list of them, or a single one."""
    value = loop.get(curve)
    found = value if isinstance(value, list) else [value]
    return [float(one) for one in found if isinstance(one, int | float)]
