"""How the runs of a preset look on a screen: each when it is finished, and all of them at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from relscout.wording import counted, visible

if TYPE_CHECKING:
    from relscout.experiments.results import Record

#: How records say it is scored → the heading.
_SCORINGS = {"raw": "raw", "majority_mapped": "mapped"}


def finished_line(record: Record) -> str:
    """Return a finished run as one line, with the scores of the raw clusters."""
    from relscout.experiments.row_cells import BALANCED, TITLES

    varied = f" ({listed(record['variation'])})" if record["variation"] else ""
    seed = "" if record["seed"] is None else f", seed {record['seed']}"
    raw = record["scores"]["raw"]
    scores = ", ".join(f"{TITLES[key]} {raw[key]:.3f}" for key in BALANCED)
    how = f"{counted(record['n_relations'], 'raw cluster')}, {record['seconds']['total']:.0f} s"
    return f"{record['row']}{varied}{seed}: {scores}; {how}"


def scores_of_rows(records: Sequence[Record]) -> Table:
    """Return the mean scores of each row and variation, the two scorings in columns of their own."""
    from relscout.experiments.results import line_of
    from relscout.experiments.row_cells import BALANCED, TITLES

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nrow")
    table.add_column("\nseeds", justify="right")
    for scoring in _SCORINGS.values():
        for key in BALANCED:
            table.add_column(f"{scoring}\n{TITLES[key]}", justify="right", no_wrap=True)
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        groups.setdefault(line_of(record), []).append(record)
    for members in groups.values():
        first = members[0]
        means = (
            sum(one["scores"][scoring][key] for one in members) / len(members)
            for scoring in _SCORINGS
            for key in BALANCED
        )
        varied = f" ({listed(first['variation'])})" if first["variation"] else ""
        table.add_row(
            Text(visible(first["row"] + varied)),
            "–" if first["seed"] is None else str(len(members)),
            *(f"{mean:.3f}" for mean in means),
            style="dim" if first["kind"] == "trivial" else "",
        )
    return table


def listed(values: Mapping[str, Any]) -> str:
    """Return settings as they are given on a command line: ``n_init=3, start=k-means++``."""
    return ", ".join(f"{key}={value}" for key, value in values.items())
