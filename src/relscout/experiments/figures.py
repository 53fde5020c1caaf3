"""The figures of an experiment: which ones there are, what they need, and the files that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from relscout.drawing import figure_style, save
from relscout.errors import InputError, OutputError, UnknownNameError
from relscout.experiments.losses_figure import draw_losses, has_curves
from relscout.experiments.schema import SCORINGS
from relscout.experiments.schema import Figure as Asked
from relscout.experiments.summaries import Measured
from relscout.experiments.sweep_figure import draw_sweep
from relscout.experiments.tsne_figure import draw_tsne, read_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """A figure that was asked for: the files that it became, or why there is none."""

    kind: str
    """Its kind."""
    files: Sequence[Path] = ()
    """A PNG and an SVG of it each."""
    lacking: str = ""
    """What it, or a part of it, could not be drawn for."""


def draw_figures(
    measured: Measured, folder: Path, *, points: Path, kind: str | None = None
) -> Iterator[Drawn]:
    """Draw the figures of a preset and write them as PNG and SVG, yielding each when it is done.

    Args:
        measured: The preset and its records.
        folder: Where the files go; made where it is missing. They are called after preset and figure.
        points: Folder of the results file, beside which runs keep their points.
        kind: Only figures of that kind; one that the preset does not declare is drawn as it is by default.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UnknownNameError: There is no such kind.
        InputError: A file with points is damaged.
        OutputError: A file cannot be written.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of figure", kind, KINDS)
    asked = [one for one in measured.preset.figures if kind in (None, one.kind)]
    if kind is not None and not asked:
        asked = [Asked(kind)]
    for place, one in enumerate(asked):
        same = [other.kind for other in asked[:place]].count(one.kind)
        number = f"-{same + 1}" if same else ""
        with figure_style():
            lacking: list[str] = []
            files: list[Path] = []
            for name, figure in KINDS[one.kind](measured, one, points, lacking):
                _make(folder)
                files += save(figure, folder / f"{measured.preset.name}-{name}{number}")
        yield Drawn(one.kind, files, "; ".join(lacking))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error


def _tsne(measured: Measured, asked: Asked, points: Path, lacking: list[str]) -> Iterator[tuple[str, Figure]]:
    panels = []
    for name in asked.rows or [row.name for row in measured.preset.rows]:
        kept = [one["points"] for one in measured.row(measured.preset.row(name)).records if one["points"]]
        if kept:
            panels.extend(read_points(points / str(kept[0]), name))
        else:
            lacking.append(f"no points of {name!r}")
    if panels:
        yield "tsne", draw_tsne(panels)


def _sweep(measured: Measured, asked: Asked, _: Path, lacking: list[str]) -> Iterator[tuple[str, Figure]]:
    sweep, swept = measured.preset.sweep, measured.swept()
    if sweep is None:
        raise InputError(f"preset {measured.preset.name!r} has no sweep that could be drawn")
    lacking += [
        f"no record of {one.row!r} with {sweep.setting} {one.variation[sweep.setting]}"
        for one in swept
        if not one.records
    ]
    for scoring in SCORINGS:
        if any(one.score(asked.score, scoring) for one in swept):
            name = f"sweep-{asked.score.replace('_', '-')}-{scoring}"
            yield name, draw_sweep(swept, sweep.setting, asked.score, scoring, measured.preset.published)


def _losses(measured: Measured, asked: Asked, _: Path, lacking: list[str]) -> Iterator[tuple[str, Figure]]:
    wanted = asked.rows or [row.name for row in measured.preset.rows]
    summaries = [one for one in map(measured.row, map(measured.preset.row, wanted)) if has_curves(one)]
    if summaries:
        yield "losses", draw_losses(summaries)
    else:
        lacking.append("no report holds curves")


_Drawing = Callable[[Measured, Asked, Path, list[str]], Iterator[tuple[str, "Figure"]]]
#: Kind of figure → what draws it.
KINDS: dict[str, _Drawing] = {"tsne": _tsne, "sweep": _sweep, "losses": _losses}
