"""Figures for papers: map, sizes and likeness of the relations, choice of their number; and their style."""

from __future__ import annotations

import contextlib
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from relscout.core.errors import MissingExtraError, OutputError
from relscout.core.files import whole_file
from relscout.core.wording import shortened, visible
from relscout.report.content import COLOURS, MOST_PICTURED, Content

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Further relations are omitted from sizes and likeness, and grey on the map.
_MOST = MOST_PICTURED
_GREY = "#BBBBBB"


def write_figures(content: Content, folder: str | Path) -> list[Path]:
    """Draw the figures and write each as PNG (200 dpi) and SVG; return the files.

    Args:
        content: The content of the report.
        folder: Output directory, created if missing.

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
    """Create the folder, and check before long work that figures can be drawn and written.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The folder cannot be created.
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
        distinct = place < _MOST
        drawn = axes.scatter(
            points[:, 0],
            points[:, 1],
            s=14,
            color=COLOURS[place % len(COLOURS)] if distinct else _GREY,
            marker=MARKERS[place // len(COLOURS) % len(MARKERS)] if distinct else ".",
            alpha=0.8,
            linewidths=0,
        )
        if distinct:
            handles[f"{visible(view.relation.name)} ({view.relation.size:,})"] = drawn
    legend_below(figure, handles, handlelength=1.0)
    return figure


def _sizes(content: Content) -> Figure:
    shown = [view.relation for view in content.relations[:_MOST]]
    figure = new_figure(6.4, 0.9 + 0.24 * len(shown))
    axes = figure.add_subplot()
    axes.barh(range(len(shown)), [relation.size for relation in shown], color=COLOURS[0], height=0.7)
    axes.set_yticks(range(len(shown)), [shortened(visible(relation.name), 40) for relation in shown])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("instances")
    for place, relation in enumerate(shown):
        axes.annotate(
            f"{relation.size:,}",
            (relation.size, place),
            (3, 0),
            textcoords="offset points",
            va="center",
            color=INK,
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
    names = [shortened(visible(relation.name), 30) for relation in shown]
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


#: One more shape than colours, so that a combination repeats only after 56.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
INK = "#333333"
GRID = "#E4E4E4"

FORMATS = ("png", "svg")
#: Width of a character and height of a line of a legend, in inches.
_LEGEND_CHARACTER, _LEGEND_LINE = 0.066, 0.19
_PNG_DPI = 200
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # bundled with matplotlib
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": INK,
    "text.parse_math": False,  # a name with two dollar signs is not a formula
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "relscout",  # reproducible ids
    "path.simplify": False,
}


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save with our style inside the block, and restore matplotlib's settings after it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context, rcParams, rcParamsDefault
    except ImportError as error:
        raise MissingExtraError("drawing figures", "figures") from error
    # ignore the user's settings except the backend
    plain = {key: value for key, value in rcParamsDefault.items() if "backend" not in key}
    with warnings.catch_warnings(), rc_context():
        # scripts that the font lacks are boxes in the PNG and text in the SVG
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        rcParams.update(cast(Any, {**plain, **_STYLE}))
        yield


def new_figure(width: float, height: float, *, square: bool = False) -> Figure:
    """Return an empty figure, with width and height (without a legend) in inches, for ``square`` panels or others."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="compressed" if square else "constrained")


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure reproducibly as PNG (200 dpi) and SVG, and return the files.

    Raises:
        OutputError: A file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    written = []
    for format, canvas in zip(FORMATS, (FigureCanvasAgg, FigureCanvasSVG), strict=True):
        path = stem.with_name(f"{stem.name}.{format}")
        canvas(figure)
        with whole_file(path) as partial:
            figure.savefig(partial, format=format, dpi=_PNG_DPI, metadata=metadata[format])
        written.append(path)
    return written


def legend_below(figure: Figure, handles: Mapping[str, Any], **options: Any) -> None:
    """Add a legend below all panels and enlarge the figure accordingly.

    Args:
        figure: The figure with its panels.
        handles: Label → artist. Long labels are shortened.
        options: More arguments of the legend.
    """
    width, height = figure.get_size_inches()
    labels = [shortened(label, 48) for label in handles]
    inches = _LEGEND_CHARACTER * max(map(len, labels)) + 0.5
    width = max(width, inches)
    fitting = min(len(labels), int(width // inches))
    rows = -(-len(labels) // fitting)
    figure.set_size_inches(width, height + _LEGEND_LINE * rows + 0.1)
    columns = -(-len(labels) // rows)
    figure.legend(
        handles.values(), labels, loc="outside lower center", ncols=columns, columnspacing=1.6, **options
    )


def wrapped(text: str, width: int) -> str:
    """Return a text on at most two lines of ``width`` characters."""
    return "\n".join(textwrap.wrap(shortened(text, 2 * width - 8), width)) or text


def only_horizontal_grid(axes: Axes) -> None:
    """Remove the vertical grid lines."""
    axes.grid(visible=False, axis="x")
