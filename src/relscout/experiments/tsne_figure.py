"""Relation representations in the plane: SelfORE's figure 2."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.drawing import COLOURS, MARKERS, legend_below, new_figure, wrapped
from relscout.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SEED = 0
_PERPLEXITY = 30.0
_ACROSS = 3
_SIDE = 2.75


@dataclass(frozen=True)
class Points:
    """The representations of some instances, as a row of the table has them."""

    row: str
    """Name of the row."""
    vectors: NDArray[np.float32]
    """(n, D) relation representations."""
    gold: NDArray[np.str_]
    """(n,) gold relations."""


def read_points(path: Path, row: str) -> list[Points]:
    """Read the points that a run has kept: those of an earlier moment before them, where there are some.

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

    t-SNE (van der Maaten and Hinton 2008) on each row's own vectors, started from their principal components with
    a fixed seed. Distances between groups, and the sizes of panels, mean nothing.

    Args:
        panels: The points of each row, at least one row.

    Raises:
        InputError: A row has fewer than four points.
    """
    relations = sorted({str(one) for points in panels for one in points.gold})
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
    """Return the points in the plane, (n, 2) float32."""
    from sklearn.manifold import TSNE

    n = len(points.vectors)
    if n < 4:
        raise InputError(f"{points.row!r} has {n} points; expected at least 4")
    if (
        np.ptp(points.vectors, axis=0).max(initial=0.0) == 0.0
    ):  # a method that has collapsed gives one vector to all
        return np.zeros((n, 2), dtype=np.float32)
    # the exact gradient costs no more for a few hundred points
    fitted = TSNE(
        perplexity=min(_PERPLEXITY, (n - 1) / 3), init="pca", method="exact", random_state=_SEED
    ).fit_transform(points.vectors)
    plane: NDArray[np.float32] = np.asarray(fitted, dtype=np.float32)
    return plane
