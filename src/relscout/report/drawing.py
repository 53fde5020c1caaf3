"""How all figures look, and how they get into files; matplotlib is loaded here when the first one is drawn."""

from __future__ import annotations

import contextlib
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from relscout.core.errors import MissingExtraError
from relscout.core.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito 2008, "Color Universal Design": distinguishable with any colour vision. Their yellow is too pale for
#: white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: A shape for each colour and one more, so that a pair of both comes again after 56 only.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
INK = "#333333"
GRID = "#E4E4E4"

FORMATS = ("png", "svg")
#: Inches that a character and a line of a legend take.
_LEGEND_CHARACTER, _LEGEND_LINE = 0.066, 0.19
_PNG_DPI = 200
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so figures look the same everywhere
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
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "relscout",  # ids in the file are the same every time
    "path.simplify": False,
}


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save with our style inside the block; matplotlib's own settings are as before after it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context, rcParams, rcParamsDefault
    except ImportError as error:
        raise MissingExtraError("drawing figures", "figures") from error
    # whatever the user has set for pictures of their own does not matter, but what shows them on a screen stays
    plain = {key: value for key, value in rcParamsDefault.items() if "backend" not in key}
    with warnings.catch_warnings(), rc_context():
        # a script that the font lacks shows as boxes in the PNG; in the SVG it is text
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        rcParams.update(cast(Any, {**plain, **_STYLE}))
        yield


def new_figure(width: float, height: float, *, square: bool = False) -> Figure:
    """Return an empty figure of some inches whose parts keep out of each other's way.

    Args:
        width: Its width.
        height: Its height, without that of a legend.
        square: Whether its panels will be as high as they are wide.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="compressed" if square else "constrained")


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG (200 dpi) and SVG, the same bytes every time, and return the files.

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


def legend_below(figure: Figure, handles: Mapping[str, Any], **look: Any) -> None:
    """Put one legend below all panels, and make the figure as much larger as it takes.

    Args:
        figure: The figure, whose panels are there already.
        handles: Label → what stands for it. Long labels are cut; there are as many columns as fit.
        look: Further arguments of the legend.
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
        handles.values(), labels, loc="outside lower center", ncols=columns, columnspacing=1.6, **look
    )


def wrapped(text: str, width: int) -> str:
    """Return a text on at most two lines of some characters."""
    return "\n".join(textwrap.wrap(shortened(text, 2 * width - 8), width)) or text


def shortened(text: str, length: int) -> str:
    """Return a text of at most some characters, cut in the middle: names differ at their ends."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


def only_horizontal_grid(axes: Axes) -> None:
    """Leave the lines that help to read a height."""
    axes.grid(visible=False, axis="x")
