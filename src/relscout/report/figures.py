"""Pictures for papers: the map, the sizes, how alike the relations are, and how their number was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from relscout.core.errors import OutputError
from relscout.core.wording import visible
from relscout.report.content import MOST_PICTURED, Content
from relscout.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    figure_style,
    legend_below,
    new_figure,
    only_horizontal_grid,
    save,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Beyond these, relations are left out of sizes and likeness, and are grey on the map.
_MOST = MOST_PICTURED
_GREY = "#BBBBBB"


def write_figures(content: Content, folder: str | Path) -> list[Path]:
    """Draw the figures and write each as PNG (200 dpi) and SVG; return the files.

    Args:
        content: What :func:`relscout.report.content.gather` gives.
        folder: Where they go; made where it is missing.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: A file cannot be written.
    """
    place = Path(folder)
    check_figures(place)
    written: list[Path] = []
    with figure_style():
        for name, figure in _figures(content):
            written += save(figure, place / name)
    return written


def check_figures(folder: str | Path) -> None:
    """Make the folder, and refuse, before anything is computed, what could not be drawn or written at the end.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The folder cannot be made.
    """
    with figure_style():
        pass
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def _figures(content: Content) -> Iterator[tuple[str, Figure]]:
    yield "map", _map(content)
    yield "sizes", _sizes(content)
    if len(content.relations) > 1:
        yield "likeness", _likeness(content)
    if curve := content.discovery.run.get("k_curve"):
        yield "number-of-relations", _curve(curve)


def _map(content: Content) -> Figure:
    figure = new_figure(6.4, 5.0, square=True)
    axes = figure.add_subplot()
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    ids = content.discovery.assignments.relation_ids[content.map.rows]
    handles = {}
    for place, view in enumerate(content.relations):
        points = content.map.points[ids == view.relation.id]
        if not len(points):
            continue
        details = place < _MOST
        drawn = axes.scatter(
            points[:, 0],
            points[:, 1],
            s=14,
            color=COLOURS[place % len(COLOURS)] if details else _GREY,
            marker=MARKERS[place // len(COLOURS) % len(MARKERS)] if details else ".",
            alpha=0.8,
            linewidths=0,
        )
        if details:
            handles[f"{visible(view.relation.name)} ({view.relation.size:,})"] = drawn
    legend_below(figure, handles, handlelength=1.0)
    return figure


def _sizes(content: Content) -> Figure:
    shown = [view.relation for view in content.relations[:_MOST]]
    figure = new_figure(6.4, 0.9 + 0.24 * len(shown))
    axes = figure.add_subplot()
    axes.barh(range(len(shown)), [one.size for one in shown], color=COLOURS[0], height=0.7)
    axes.set_yticks(range(len(shown)), [shortened(visible(one.name), 40) for one in shown])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("instances")
    for place, one in enumerate(shown):
        axes.annotate(
            f"{one.size:,}", (one.size, place), (3, 0), textcoords="offset points", va="center", color=INK
        )
    axes.margins(x=0.1)
    return figure


def _likeness(content: Content) -> Figure:
    shown = [view.relation for view in content.relations[:_MOST]]
    values = content.likeness[: len(shown), : len(shown)].copy()
    np.fill_diagonal(values, np.nan)
    side = 2.2 + 0.22 * len(shown)
    figure = new_figure(side + 1.2, side)
    axes = figure.add_subplot()
    picture = axes.imshow(values, cmap="Blues")
    names = [shortened(visible(one.name), 30) for one in shown]
    axes.set_xticks(range(len(shown)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(shown)), names)
    axes.grid(visible=False)
    figure.colorbar(picture, ax=axes, shrink=0.8, label="cosine of the mean representations")
    return figure


def _curve(curve: dict[str, object]) -> Figure:
    figure = new_figure(5.2, 3.2)
    axes = figure.add_subplot()
    axes.plot(curve["candidates"], curve["smoothed"], color=COLOURS[0], marker="o")  # type: ignore[arg-type]
    axes.axhline(curve["threshold"], color=INK, linestyle=":", linewidth=1)  # type: ignore[arg-type]
    axes.axvline(curve["k"], color=COLOURS[1], linewidth=1)  # type: ignore[arg-type]
    axes.annotate(
        f"K = {curve['k']}",
        (curve["k"], 1),
        (4, -10),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
    )
    axes.set_xlabel("number of relations K")
    axes.set_ylabel("modularity, smoothed")
    only_horizontal_grid(axes)
    return figure
