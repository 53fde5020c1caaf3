"""Presets as tables on a screen and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from relscout.cli.reproduce_progress import listed
from relscout.wording import visible

if TYPE_CHECKING:
    from relscout.experiments.preset import Preset, Row
    from relscout.experiments.schema import Published


def overview(preset: Preset, data: Path) -> dict[str, Any]:
    """Return everything about a preset as JSON values, with the files that it lacks in a data folder."""
    from relscout.experiments.protocols import protocol

    chosen = [protocol(one.protocol) for one in preset.each()]
    return {
        **dataclasses.asdict(preset),
        "datasets": list(dict.fromkeys(name for one in chosen for name in one.datasets)),
        "missing_files": [str(data / file) for file in _missing(preset, data)],
    }


def presets_table(presets: Sequence[Preset], data: Path) -> Table:
    """Return the presets, each in one row."""
    table = Table("preset", "paper", "protocol", "encoder", box=None, pad_edge=False, header_style="bold")
    table.add_column("rows", justify="right")
    table.add_column("data")
    for one in presets:
        table.add_row(
            Text(one.name, style="bold cyan"),
            Text(_short(one.paper)),
            Text(", ".join(under.protocol for under in one.each())),
            Text(", ".join(_encoders(one))),
            str(len(one.rows)),
            _data_state(one, data),
        )
    return table


def details(preset: Preset, data: Path) -> Iterator[RenderableType]:
    """Yield all of a preset: what it is of, its rows and settings, the published numbers, and its data."""
    from relscout.experiments.protocols import protocol

    described = [f"{one.protocol}: {protocol(one.protocol).description}" for one in preset.each()]
    facts = {
        "paper": preset.paper,
        "protocol": "; ".join(described),
        "relations": "" if preset.n_relations is None else str(preset.n_relations),
        "encoder": listed(preset.encoder) or "the default",
        **{f"{method}": listed(settings) for method, settings in preset.settings.items()},
        "seeds": ", ".join(map(str, preset.seeds)),
        "varied": _sweep(preset),
        "figures": "; ".join(f"{one.kind} {', '.join(one.rows)}".strip() for one in preset.figures),
        "data": _data_told(preset, data),
        "notes": preset.notes,
    }
    yield Text(visible(preset.title), style="bold")
    told = Table.grid(padding=(0, 2, 0, 0))
    for what, text in facts.items():
        if text:
            # a path that is longer than a line is broken, not cut off
            told.add_row(Text(what, style="dim"), Text(visible(text), overflow="fold"))
    yield told
    yield Text()
    yield _rows_table(preset)
    # the two scorings never share a column: their figures cannot be compared
    for scoring in dict.fromkeys(one.scoring for one in preset.published):
        yield Text()
        yield _published_table([one for one in preset.published if one.scoring == scoring], scoring)


def _rows_table(preset: Preset) -> Table:
    table = Table(
        "row", "method", "kind", "relations", "settings", box=None, pad_edge=False, header_style="bold"
    )
    for row in preset.rows:
        table.add_row(
            Text(visible(row.name), style="bold cyan"),
            row.method,
            row.kind,
            str(preset.n_relations_of(row) or "given"),
            Text(visible(_own(row)) or "the defaults"),
        )
    return table


def _published_table(published: Sequence[Published], scoring: str) -> Table:
    from relscout.experiments.quantities import as_printed

    names = list(dict.fromkeys(key for one in published for key in one.scores))
    table = Table(
        f"published, {scoring} clusters" if scoring else "published",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("source")
    for one in published:
        figures = (as_printed(one.scores[name]) if name in one.scores else "" for name in names)
        table.add_row(Text(visible(one.row)), *figures, Text(visible(one.source)))
    return table


def _own(row: Row) -> str:
    return ", ".join(filter(None, (listed(row.settings), listed(row.encoder))))


def _sweep(preset: Preset) -> str:
    if preset.sweep is None:
        return ""
    values = ", ".join(map(str, preset.sweep.values))
    return f"{preset.sweep.setting} = {values} of {', '.join(preset.sweep.rows)}"


def _encoders(preset: Preset) -> list[str]:
    from relscout.encoders import EncoderSettings
    from relscout.experiments.learners import reads_encoder

    found = (
        str(preset.encoder_of(row).get("model", EncoderSettings.model))
        for row in preset.rows
        if reads_encoder(row.method)
    )
    return list(dict.fromkeys(found))


def _short(paper: str) -> str:
    """Return the title of a paper without its authors."""
    return visible(paper.partition(": ")[2] or paper)


def _data_state(preset: Preset, data: Path) -> Text:
    return Text("missing", style="yellow") if _missing(preset, data) else Text("there", style="green")


def _missing(preset: Preset, data: Path) -> list[str]:
    """Return the files of any of its protocols that are not there."""
    from relscout.experiments.protocols import protocol

    files = (file for one in preset.each() for file in protocol(one.protocol).missing(data))
    return list(dict.fromkeys(files))


def _data_told(preset: Preset, data: Path) -> str:
    from relscout.experiments.protocols import dataset_of, protocol

    chosen = [protocol(one.protocol) for one in preset.each()]
    if not any(one.files for one in chosen):
        return "included in relscout"
    if missing := _missing(preset, data):
        sets = " and ".join(
            f"'relscout datasets get {name}'" for name in dict.fromkeys(map(dataset_of, missing))
        )
        return f"{data / missing[0]} is missing; download it with {sets}"
    datasets = dict.fromkeys(name for one in chosen for name in one.datasets)
    return f"{', '.join(datasets)} in {data}: available"
