"""Figures of an experiment: losses, sweeps, t-SNE projections, and what was probed of representations and clusters."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, OutputError, UnknownNameError
from relscout.lab.records import Record
from relscout.lab.schema import SCORINGS, Published
from relscout.lab.schema import Figure as FigureSpec
from relscout.lab.summaries import Measured, Summary
from relscout.lab.table_formats import as_printed
from relscout.lab.tables import OPEN_WORLD_TITLES, TITLES
from relscout.metrics import mean_std
from relscout.report.content import COLOURS
from relscout.report.figures import (
    INK,
    MARKERS,
    figure_style,
    legend_below,
    new_figure,
    only_horizontal_grid,
    save,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_LOSSES_WIDTH, _LOSSES_HEIGHT = 3.1, 2.6
#: Width of the epochs of a loop, as a share of the distance between two loops.
_SPREAD = 0.8
#: Entry of a loop's report → title of its panel.
CURVES = {
    "changed": "changed pseudo labels (%)",
    "adaptive_loss": "loss of the adaptive clustering",
    "classification_loss": "loss of the classification",
}


def has_curves(summary: Summary) -> bool:
    """Return whether a report of the row has a curve."""
    return any(
        _values(loop, curve)
        for record in summary.records
        for loop in _loops(record["report"])
        for curve in CURVES
    )


def draw_losses(summaries: Sequence[Summary]) -> Figure:
    """Draw the curves of the reports: a panel for each kind, a colour for each row, a line for each seed.

    The epochs of a loop are spread around its number.

    Args:
        summaries: At least one row; :func:`has_curves` is true for each.
    """
    from matplotlib.ticker import MaxNLocator

    curves = [
        curve
        for curve in CURVES
        if any(
            _values(loop, curve)
            for summary in summaries
            for record in summary.records
            for loop in _loops(record["report"])
        )
    ]
    n_loops = max(len(_loops(record["report"])) for summary in summaries for record in summary.records)
    figure = new_figure(_LOSSES_WIDTH * len(curves), _LOSSES_HEIGHT)
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
    style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "alpha": 0.8, "linewidth": 1.4}
    marker = MARKERS[number % len(MARKERS)]
    if curve == "changed":
        points = [(float(at), 100 * loop[curve]) for at, loop in enumerate(loops, 1) if _values(loop, curve)]
        segments = [points]
    else:
        segments = [_spread(_values(loop, curve), at) for at, loop in enumerate(loops, 1)]
    line = None
    for segment in filter(None, segments):
        # training restarts in each loop, so the lines are not joined
        few = curve == "changed" or len(segment) == 1
        at, values = zip(*segment, strict=True)
        (line,) = axes.plot(at, values, marker=marker if few else "", markersize=4, **style)
    return line


def _spread(values: Sequence[float], loop: int) -> list[tuple[float, float]]:
    step = _SPREAD / len(values) if values else 0.0
    return [(loop + (place + 0.5) * step - _SPREAD / 2, value) for place, value in enumerate(values)]


def _loops(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    loops = report.get("loops")
    return [loop for loop in loops if isinstance(loop, Mapping)] if isinstance(loops, list) else []


def _values(loop: Mapping[str, Any], curve: str) -> list[float]:
    value = loop.get(curve)
    numbers = value if isinstance(value, list) else [value]
    return [float(number) for number in numbers if isinstance(number, int | float)]


_SWEEP_WIDTH, _SWEEP_HEIGHT = 5.2, 3.1
#: Width of a character of a label, as a share of the axis.
_CHARACTER = 0.018


def draw_sweep(
    swept: Sequence[Summary], setting: str, score: str, scoring: str, published: Sequence[Published]
) -> Figure:
    """Draw the mean and standard deviation of a score over the seeds for each value of a setting.

    Args:
        swept: The rows of the sweep at each of its values.
        setting: Name of the setting; numbers are drawn to scale, other values at equal distances.
        score: Name of a score, such as ``"b3_f1"``.
        scoring: ``"raw"``, ``"majority-mapped"``, ``"gold-selected"`` or ``"open-world"``.
        published: Published scores; the best one under this scoring is drawn as a line.
    """
    figure = new_figure(_SWEEP_WIDTH, _SWEEP_HEIGHT)
    axes = figure.add_subplot()
    values = list(dict.fromkeys(summary.variation[setting] for summary in swept))
    places = _places(values)
    rows = list(dict.fromkeys(summary.row for summary in swept))
    handles: dict[str, Any] = {}
    for number, row in enumerate(rows):
        mine = [
            summary for summary in swept if summary.row == row and summary.score(score, scoring) is not None
        ]
        if not mine:
            continue
        at = [places[values.index(summary.variation[setting])] for summary in mine]
        handles[row] = _line(axes, mine, at, score, scoring, number)
    best = max(
        (row for row in published if row.scoring == scoring and score in row.scores),
        key=lambda row: row.scores[score],
        default=None,
    )
    if best is not None:
        label = f"published: {best.row}, {as_printed(best.scores[score])}"
        handles[label] = axes.axhline(best.scores[score], color=INK, linewidth=1.2, linestyle=(0, (5, 3)))
    _name_values(axes, values, places)
    axes.set_xlabel(_spelled(setting))
    title = OPEN_WORLD_TITLES[score] if scoring == "open-world" else TITLES.get(score, score)
    axes.set_ylabel(f"{title}, {scoring.replace('raw', 'raw clusters')} (%)")
    _leave_room(axes)
    only_horizontal_grid(axes)
    legend_below(figure, handles)
    return figure


def _line(
    axes: Axes, swept: Sequence[Summary], places: Sequence[float], score: str, scoring: str, number: int
) -> Any:
    points = sorted(
        (place, value)
        for place, summary in zip(places, swept, strict=True)
        if (value := summary.score(score, scoring)) is not None
    )
    at = [place for place, _ in points]
    mean = [100 * value.mean for _, value in points]
    # the standard deviation of a single seed is unknown: a gap in the band
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
        return {
            "relations": "labelled relations",
            "share": "share of the labelled instances",
            "instances": "labelled instances",
        }[setting[8:]]
    counted = setting.removeprefix("n_")
    if counted == setting:
        return setting.replace("_", " ")
    return f"number of {counted.replace('_', ' ')}" if counted.endswith("s") else setting


def _places(values: Sequence[Any]) -> list[float]:
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if numeric else [float(place) for place in range(len(values))]


def _name_values(axes: Axes, values: Sequence[Any], places: Sequence[float]) -> None:
    """Draw a tick at every value, and its label unless it overlaps the previous one."""
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
    """Show a range of at least ten points, so that noise does not look like an effect."""
    low, high = axes.get_ylim()
    middle, half = (low + high) / 2, max((high - low) / 2 * 1.1, 5.0)
    axes.set_ylim(max(middle - half, 0.0) if low >= 0 else middle - half, middle + half)


_SEED = 0
_PERPLEXITY = 30.0
_ACROSS = 3
_SIDE = 2.75


@dataclass(frozen=True)
class Points:
    """Representations of instances by one row."""

    row: str
    vectors: NDArray[np.float32]  # (n, D)
    gold: NDArray[np.str_]  # (n,)


def read_points(path: Path, row: str) -> list[Points]:
    """Read the stored points of a run, preceded by those after pre-training if there are some.

    Raises:
        InputError: The file is missing or holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            gold = arrays["gold"].astype(np.str_)
            moments = {row: arrays["vectors"].astype(np.float32)}
            if "earlier" in arrays:
                moments = {f"{row}, after pre-training": arrays["earlier"].astype(np.float32)} | moments
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: the points of {row!r} cannot be read ({error}); remove its line from the results and run it again"
        ) from error
    for vectors in moments.values():
        if vectors.ndim != 2 or gold.shape != (len(vectors),) or not np.isfinite(vectors).all():
            raise InputError(
                f"{path}: expected finite vectors (n, D) and n relations, got {vectors.shape} and {gold.shape}"
            )
    return [Points(name, vectors, gold) for name, vectors in moments.items()]


def draw_tsne(panels: Sequence[Points]) -> Figure:
    """Draw the points of each row in a panel, coloured and shaped by gold relation.

    t-SNE (van der Maaten and Hinton 2008) of each row's vectors, initialised with their principal components and a
    fixed seed. Distances between groups, and sizes of panels, carry no information.

    Args:
        panels: The points of at least one row.

    Raises:
        InputError: A row has fewer than four points.
    """
    relations = sorted({str(relation) for points in panels for relation in points.gold})
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    titles = [wrapped(points.row, 30) for points in panels]
    title_lines = 1 + max(title.count("\n") for title in titles)
    figure = new_figure(_SIDE * across, (_SIDE + 0.18 * title_lines) * down, square=True)
    handles: dict[str, Any] = {}
    for place, (points, title) in enumerate(zip(panels, titles, strict=True), 1):
        axes = figure.add_subplot(down, across, place)
        axes.set_title(title)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.set_box_aspect(1)
        axes.margins(0.06)
        plane = _embed(points)
        for number, relation in enumerate(relations):
            mine = plane[points.gold == relation]
            handles[relation] = axes.scatter(
                mine[:, 0],
                mine[:, 1],
                s=20,
                color=COLOURS[number % len(COLOURS)],
                marker=MARKERS[number % len(MARKERS)],
                alpha=0.85,
                linewidths=0.4,
                edgecolors="white",
            )
    legend_below(figure, handles, handlelength=1.0)
    return figure


def _embed(points: Points) -> NDArray[np.float32]:
    """Return the projection (n, 2), float32."""
    from sklearn.manifold import TSNE

    n = len(points.vectors)
    if n < 4:
        raise InputError(f"{points.row!r} has {n} points; expected at least 4")
    if (
        np.ptp(points.vectors, axis=0).max(initial=0.0) == 0.0
    ):  # the representations collapsed to a single point
        return np.zeros((n, 2), dtype=np.float32)
    fitted = TSNE(
        perplexity=min(_PERPLEXITY, (n - 1) / 3), init="pca", method="exact", random_state=_SEED
    ).fit_transform(points.vectors)
    plane: NDArray[np.float32] = np.asarray(fitted, dtype=np.float32)
    return plane


@dataclass(frozen=True)
class DrawnFigure:
    """A requested figure."""

    kind: str
    files: Sequence[Path] = ()
    """A PNG and an SVG file of each image."""
    missing: str = ""
    """Why it was not drawn, or not completely."""


def draw_figures(
    measured: Measured, folder: Path, *, points: Path, kind: str | None = None
) -> Iterator[DrawnFigure]:
    """Draw the figures of a preset as PNG and SVG files, and yield each when it is done.

    Args:
        measured: The preset and its records.
        folder: Output directory, created if missing; files are named after preset and figure.
        points: Folder of the results file, with the stored points of runs.
        kind: Draw only this kind, with default settings if the preset does not declare it.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UnknownNameError: There is no such kind.
        InputError: A file with points is damaged.
        OutputError: A file cannot be written.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of figure", kind, KINDS)
    specs = [spec for spec in measured.preset.figures if kind in (None, spec.kind)]
    if kind is not None and not specs:
        specs = [FigureSpec(kind=cast(Any, kind))]
    for place, spec in enumerate(specs):
        same = [other.kind for other in specs[:place]].count(spec.kind)
        number = f"-{same + 1}" if same else ""
        with figure_style():
            missing: list[str] = []
            files: list[Path] = []
            for name, figure in KINDS[spec.kind](measured, spec, points, missing):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
                files += save(figure, folder / f"{measured.preset.name}-{name}{number}")
        yield DrawnFigure(spec.kind, files, "; ".join(missing))


def _tsne(
    measured: Measured, spec: FigureSpec, points: Path, missing: list[str]
) -> Iterator[tuple[str, Figure]]:
    panels = []
    for name in spec.rows or [row.name for row in measured.preset.rows]:
        stored = [
            record["points"] for record in measured.row(measured.preset.row(name)).records if record["points"]
        ]
        if stored:
            panels.extend(read_points(points / str(stored[0]), name))
        else:
            missing.append(f"no points of {name!r}")
    if panels:
        yield "tsne", draw_tsne(panels)


def _sweep(measured: Measured, spec: FigureSpec, _: Path, missing: list[str]) -> Iterator[tuple[str, Figure]]:
    sweep, swept = measured.preset.sweep, measured.swept()
    if sweep is None:
        raise InputError(f"preset {measured.preset.name!r} has no sweep to draw")
    missing += [
        f"no record of {summary.row!r} with {sweep.setting} {summary.variation[sweep.setting]}"
        for summary in swept
        if not summary.records
    ]
    for scoring in SCORINGS:
        if any(summary.score(spec.score, scoring) for summary in swept):
            name = f"sweep-{spec.score.replace('_', '-')}-{scoring}"
            yield name, draw_sweep(swept, sweep.setting, spec.score, scoring, measured.preset.published)


def _losses(
    measured: Measured, spec: FigureSpec, _: Path, missing: list[str]
) -> Iterator[tuple[str, Figure]]:
    wanted = spec.rows or [row.name for row in measured.preset.rows]
    summaries = [
        summary for summary in map(measured.row, map(measured.preset.row, wanted)) if has_curves(summary)
    ]
    if summaries:
        yield "losses", draw_losses(summaries)
    else:
        missing.append("no report holds curves")


_PURITY_WIDTH, _PURITY_HEIGHT = 4.2, 3.0


def draw_purity(summaries: Sequence[Summary]) -> Figure:
    """Draw the share of nearest neighbours with the same gold relation over the number of neighbours.

    The mean over the seeds of each row, with the standard deviation as a band.

    Args:
        summaries: Rows whose records have this probe.
    """
    figure = new_figure(_PURITY_WIDTH, _PURITY_HEIGHT)
    axes = figure.add_subplot()
    handles: dict[str, Any] = {}
    for number, summary in enumerate(summaries):
        curves = [_probed(record, "neighbours") for record in summary.records]
        at = sorted({int(count) for curve in curves for count in curve})
        shares = [mean_std([curve[str(count)] for curve in curves if str(count) in curve]) for count in at]
        mean = [100 * share.mean for share in shares]
        spread = [nan if share.std is None else 100 * share.std for share in shares]
        colour = COLOURS[number % len(COLOURS)]
        low, high = ([m + sign * s for m, s in zip(mean, spread, strict=True)] for sign in (-1, 1))
        axes.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
        marker = MARKERS[number % len(MARKERS)]
        (handles[summary.row],) = axes.plot(at, mean, color=colour, marker=marker, markersize=4)
    axes.set_xlabel("number of nearest neighbours")
    axes.set_ylabel("with the same gold relation (%)")
    _leave_room(axes)
    only_horizontal_grid(axes)
    legend_below(figure, handles)
    return figure


_BAR = 0.38


def draw_clusters(record: Record) -> Figure:
    """Draw the gold relations in the largest and the smallest cluster of a run, and their instances in all.

    Args:
        record: A record with this probe.
    """
    clusters = _probed(record, "clusters")
    panels = [(f"{which} cluster", clusters[which]) for which in ("largest", "smallest")]
    figure = new_figure(2 * _SIDE + 1.2, 2.6)
    handles: dict[str, Any] = {}
    for place, (title, relations) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        axes.set_title(title)
        at = range(len(relations))
        for key, label, shift, colour in (
            ("in_cluster", "in the cluster", -_BAR / 2, COLOURS[0]),
            ("in_all", "in all", _BAR / 2, COLOURS[1]),
        ):
            counts = [relation[key] for relation in relations]
            handles[label] = axes.bar([x + shift for x in at], counts, width=_BAR, color=colour)
        names = [wrapped(str(relation["relation"]), 18) for relation in relations]
        axes.set_xticks(list(at), names, rotation=30, ha="right")
        only_horizontal_grid(axes)
    legend_below(figure, handles)
    return figure


def draw_sizes(record: Record) -> Figure:
    """Draw the number of scored instances of each gold relation, the most frequent first, on a logarithmic scale.

    Args:
        record: A record with this probe.
    """
    sizes = _probed(record, "sizes")
    figure = new_figure(_SWEEP_WIDTH, _PURITY_HEIGHT)
    axes = figure.add_subplot()
    axes.bar(range(1, len(sizes) + 1), sizes, width=1.0, color=COLOURS[0])
    axes.set_yscale("log")
    # figures draw "$" as it is, and the default labels are formulas
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("gold relation, by frequency")
    axes.set_ylabel("instances")
    axes.set_xlim(0, len(sizes) + 1)
    only_horizontal_grid(axes)
    return figure


def _probed(record: Record, name: str) -> Any:
    """Return what a record holds of a probe; an empty value if nothing."""
    return record.get("probes", {}).get(name) or {}


def _with_probe(measured: Measured, spec: FigureSpec, name: str, missing: list[str]) -> list[Summary]:
    """Return the rows with records that hold a probe, without their other records."""
    rows = [measured.preset.row(row) for row in spec.rows] or list(measured.preset.rows)
    summaries = []
    for summary in map(measured.row, rows):
        if records := [record for record in summary.records if _probed(record, name)]:
            summaries.append(replace(summary, records=records))
        else:
            missing.append(f"no record of {summary.row!r} with {name}")
    return summaries


def _purity(
    measured: Measured, spec: FigureSpec, _: Path, missing: list[str]
) -> Iterator[tuple[str, Figure]]:
    if summaries := _with_probe(measured, spec, "neighbours", missing):
        yield "purity", draw_purity(summaries)


def _clusters(
    measured: Measured, spec: FigureSpec, _: Path, missing: list[str]
) -> Iterator[tuple[str, Figure]]:
    for number, summary in enumerate(_with_probe(measured, spec, "clusters", missing), 1):
        yield f"clusters-{number}", draw_clusters(summary.records[0])


def _sizes(measured: Measured, spec: FigureSpec, _: Path, missing: list[str]) -> Iterator[tuple[str, Figure]]:
    # the same for every row, so that one record is enough
    absent: list[str] = []
    if summaries := _with_probe(measured, spec, "sizes", absent):
        yield "sizes", draw_sizes(summaries[0].records[0])
    else:
        missing += absent


_Drawing = Callable[[Measured, FigureSpec, Path, list[str]], Iterator[tuple[str, "Figure"]]]
#: Kind of figure → its drawing function.
KINDS: dict[str, _Drawing] = {
    "tsne": _tsne,
    "sweep": _sweep,
    "losses": _losses,
    "purity": _purity,
    "clusters": _clusters,
    "sizes": _sizes,
}
