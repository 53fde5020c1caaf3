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
    """Return a finished run as one line, with its scores: those of the raw clusters where relations were found."""
    varied = f" ({listed(record['variation'])})" if record["variation"] else ""
    seed = "" if record["seed"] is None else f", seed {record['seed']}"
    how = f"{record['seconds']['total']:.0f} s"
    if "raw" in record["scores"]:
        how = f"{counted(record['n_relations'], 'raw cluster')}, {how}"
    shown = [(title, scoring, key) for scoring, title, key in _shown(record) if scoring != "majority_mapped"]
    scores = ", ".join(f"{title} {record['scores'][scoring][key]:.3f}" for title, scoring, key in shown)
    under = "" if "raw" in record["scores"] else f"{record['protocol']}, "
    return f"{under}{record['row']}{varied}{seed}: {scores}; {how}"


def _shown(record: Record) -> list[tuple[str, str, str]]:
    """Return the scores of a record that are shown, each as scoring, title and name."""
    from relscout.experiments.protocols import protocol
    from relscout.experiments.row_cells import BALANCED, TITLES

    known = protocol(record["protocol"])
    if known.kind == "discovery":
        return [(scoring, TITLES[key], key) for scoring in _SCORINGS for key in BALANCED]
    if known.kind == "supervised":
        return [(scoring, known.score.replace("_", "-"), known.score) for scoring in record["scores"]]
    return [(scoring, scoring.replace("-way-", "-way "), "accuracy") for scoring in record["scores"]]


def scores_of_rows(records: Sequence[Record]) -> list[Table]:
    """Return the mean scores of each row and variation: a table for each protocol, columns for each scoring."""
    of_protocol: dict[str, list[Record]] = {}
    for record in records:
        of_protocol.setdefault(record["protocol"], []).append(record)
    return [_table(members) for members in of_protocol.values()]


def _table(records: Sequence[Record]) -> Table:
    from relscout.experiments.results import line_of

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nrow")
    table.add_column("\nseeds", justify="right")
    shown = _shown(records[0])
    for scoring, title, _ in shown:
        table.add_column(
            f"{_SCORINGS.get(scoring, records[0]['protocol'])}\n{title}", justify="right", no_wrap=True
        )
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(line_of(record), []).append(record)
    for members in groups.values():
        first = members[0]
        means = (
            sum(one["scores"][scoring][key] for one in members) / len(members) for scoring, _, key in shown
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
