"""Table 1 on a screen, and what classifiers of different formats share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from relscout.analysis.table_one import TableOne
from relscout.wording import counted, visible


def table_parts(table: TableOne, *, width: int) -> Iterator[RenderableType]:
    """Yield the table, and the shares of section 2.4 below it.

    Args:
        table: What was trained and tested.
        width: Width of the screen in characters.
    """
    yield Text(f"Table 1: {table.score} of classifiers trained and tested in each format", style="bold")
    yield _grid(table, lambda *place: f"{table.median(*place):.3f}", spread=len(table.seeds) > 1)
    several = f"median of {len(table.seeds)} seeds, standard deviation below"
    yield _dim(
        f"({counted(table.n_train, 'instance')} to train on, {len(table.gold):,} to test on; "
        f"{several if len(table.seeds) > 1 else 'one seed'}; always predicting the most frequent relation scores "
        f"{table.nothing:.3f})",
        width,
    )
    for row in table.predicted:
        yield Text(textwrap.fill(visible(table.order(row)), width))
    yield Text()
    yield Text("of the answers that are right in C+M, the share that is right here", style="bold")
    yield _grid(table, lambda *place: _share(table.right_shared(*place)))
    yield Text("of the answers that are wrong in C+M, the share with the same error here", style="bold")
    yield _grid(table, lambda *place: _share(table.wrong_same(*place)))
    yield _dim("(BERT on TACRED in the paper: C+T is right in 95.7% and has the same error in 68.1%)", width)


def _grid(table: TableOne, cell: Callable[[str, str], str], *, spread: bool = False) -> Table:
    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("model", min_width=12, overflow="ellipsis", no_wrap=True)
    for format in table.formats:
        grid.add_column(format, justify="right", no_wrap=True, min_width=7)
    for row in table.predicted:
        grid.add_row(Text(visible(row)), *(cell(row, format) for format in table.formats))
        if spread:
            deviations = [table.spread(row, format).std or 0.0 for format in table.formats]
            grid.add_row("", *(f"± {one:.3f}" for one in deviations), style="dim")
    return grid


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _dim(text: str, width: int) -> Text:
    return Text(textwrap.fill(text, width), style="dim")
