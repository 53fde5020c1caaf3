"""``relscout lab reproduce``: run published experiments again, and show them as tables and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from relscout.cli import options
from relscout.cli.options import check_file
from relscout.cli.screen import output, plain_table, print_json, say, say_note
from relscout.core.errors import InputError, SettingError
from relscout.core.wording import counted, visible

if TYPE_CHECKING:
    from relscout.lab.records import Record
    from relscout.lab.schema import Preset, Published, Row
    from relscout.lab.summaries import Measured
    from relscout.lab.table_formats import Table as TableLayout


PresetName = Annotated[
    str, typer.Argument(metavar="PRESET", help="A name that 'list' shows, or a YAML file.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Data directory.",
        show_default="$RELSCOUT_DATA, or in ~/.cache/relscout",
    ),
]
Results = Annotated[Path, typer.Option(metavar="FILE", help="Results file, JSON Lines.")]

#: The default results file.
RESULTS = Path("relscout-results.jsonl")


#: Name of a scoring in the records → its heading.
_SCORINGS = {"raw": "raw", "majority_mapped": "mapped", "open_world": "open world"}


def finished_line(record: Record) -> str:
    """Return a finished run as one line with its scores; for discovered relations, those of the raw clusters."""
    varied = f" ({listed(record['variation'])})" if record["variation"] else ""
    seed = "" if record["seed"] is None else f", seed {record['seed']}"
    how = f"{record['seconds']['total']:.0f} s"
    if "raw" in record["scores"]:
        how = f"{counted(record['n_relations'], 'raw cluster')}, {how}"
    shown = [(title, scoring, key) for scoring, title, key in _shown(record) if scoring != "majority_mapped"]
    scores = ", ".join(f"{title} {_decimal(record['scores'][scoring][key])}" for title, scoring, key in shown)
    under = "" if "raw" in record["scores"] else f"{record['protocol']}, "
    return f"{under}{record['row']}{varied}{seed}: {scores}; {how}"


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _shown(record: Record) -> list[tuple[str, str, str]]:
    """Return the scores of a record to show, each as ``(scoring, title, name)``."""
    from relscout.lab.protocols import protocol
    from relscout.lab.tables import shown_scores

    known = protocol(record["protocol"])
    if known.kind == "discovery":
        return [
            (scoring, title, key)
            for scoring in _SCORINGS
            if scoring in record["scores"]
            for key, title in shown_scores(scoring.replace("_", "-")).items()
        ]
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
    from relscout.lab.records import line_of

    table = plain_table("\nrow", numbers=["\nseeds"])
    # trivial rows have fewer scores
    shown = max((_shown(record) for record in records), key=len)
    for scoring, title, _ in shown:
        table.add_column(
            f"{_SCORINGS.get(scoring, records[0]['protocol'])}\n{title}", justify="right", no_wrap=True
        )
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(line_of(record), []).append(record)
    for members in groups.values():
        first = members[0]
        columns: list[list[float | None]] = [
            [record["scores"].get(scoring, {}).get(key) for record in members] for scoring, _, key in shown
        ]
        measured = [[value for value in column if value is not None] for column in columns]
        means = [sum(values) / len(values) if len(values) == len(members) else None for values in measured]
        varied = f" ({listed(first['variation'])})" if first["variation"] else ""
        table.add_row(
            Text(visible(first["row"] + varied)),
            "–" if first["seed"] is None else str(len(members)),
            *map(_decimal, means),
            style="dim" if first["kind"] == "trivial" else "",
        )
    return table


def listed(values: Mapping[str, Any]) -> str:
    """Return settings as they are given on a command line: ``n_init=3, start=k-means++``."""
    return ", ".join(f"{key}={value}" for key, value in values.items())


def overview(preset: Preset, data: Path) -> dict[str, Any]:
    """Return everything about a preset as JSON values, with the files that are missing from a data folder."""
    from relscout.lab.protocols import protocol

    chosen = [protocol(step.protocol) for step in preset.each()]
    return {
        **dataclasses.asdict(preset),
        "datasets": list(dict.fromkeys(name for experiment in chosen for name in experiment.datasets)),
        "missing_files": [str(data / file) for file in _missing(preset, data)],
    }


def presets_table(presets: Sequence[Preset], data: Path) -> Table:
    """Return the presets, each in one row."""
    table = plain_table("preset", "paper", "protocol", "encoder", numbers=["rows"])
    table.columns[0].no_wrap, table.columns[0].min_width = True, max(len(preset.name) for preset in presets)
    table.add_column("data")
    for preset in presets:
        table.add_row(
            Text(preset.name, style="bold cyan"),
            Text(_short(preset.paper)),
            Text(", ".join(under.protocol for under in preset.each())),
            Text(", ".join(_encoders(preset))),
            str(len(preset.rows)),
            _data_state(preset, data),
        )
    return table


def details(preset: Preset, data: Path) -> Iterator[RenderableType]:
    """Yield the parts of a preset to print: its paper, rows, settings, published scores and data."""
    from relscout.lab.protocols import protocol

    described = [f"{step.protocol}: {protocol(step.protocol).description}" for step in preset.each()]
    facts = {
        "paper": preset.paper,
        "protocol": "; ".join(described),
        "relations": "" if preset.n_relations is None else str(preset.n_relations),
        "encoder": listed(preset.encoder) or "the default",
        **{f"{method}": listed(settings) for method, settings in preset.settings.items()},
        "seeds": ", ".join(map(str, preset.seeds)),
        "varied": _sweep(preset),
        "figures": "; ".join(f"{figure.kind} {', '.join(figure.rows)}".strip() for figure in preset.figures),
        "data": _data_line(preset, data),
        "notes": preset.notes,
    }
    yield Text(visible(preset.title), style="bold")
    entry = Table.grid(padding=(0, 2, 0, 0))
    for what, text in facts.items():
        if text:
            # a path that is longer than a line is broken, not cut off
            entry.add_row(Text(what, style="dim"), Text(visible(text), overflow="fold"))
    yield entry
    yield Text()
    yield _rows_table(preset)
    # the two scorings never share a column: their figures cannot be compared
    for scoring in dict.fromkeys(published.scoring for published in preset.published):
        yield Text()
        yield _published_table(
            [published for published in preset.published if published.scoring == scoring], scoring
        )


def _rows_table(preset: Preset) -> Table:
    table = plain_table("row", "method", "kind", "relations", "settings")
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
    from relscout.lab.table_formats import as_printed

    names = list(dict.fromkeys(key for row in published for key in row.scores))
    table = plain_table(f"published, {scoring} clusters" if scoring else "published", numbers=names)
    table.add_column("source")
    for row in published:
        figures = (as_printed(row.scores[name]) if name in row.scores else "" for name in names)
        table.add_row(Text(visible(row.row)), *figures, Text(visible(row.source)))
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
    from relscout.lab.learners import reads_encoder

    models = (
        str(preset.encoder_of(row).get("model", EncoderSettings.model))
        for row in preset.rows
        if reads_encoder(row.method)
    )
    return list(dict.fromkeys(models))


def _short(paper: str) -> str:
    """Return the title of a paper without its authors."""
    return visible(paper.partition(": ")[2] or paper)


def _data_state(preset: Preset, data: Path) -> Text:
    return Text("missing", style="yellow") if _missing(preset, data) else Text("there", style="green")


def _missing(preset: Preset, data: Path) -> list[str]:
    """Return the files of its protocols that are missing from a data folder."""
    from relscout.lab.protocols import protocol

    files = (file for step in preset.each() for file in protocol(step.protocol).missing(data))
    return list(dict.fromkeys(files))


def _data_line(preset: Preset, data: Path) -> str:
    from relscout.lab.protocols import dataset_of, protocol

    chosen = [protocol(step.protocol) for step in preset.each()]
    if not any(experiment.files for experiment in chosen):
        return "included in relscout"
    if missing := _missing(preset, data):
        sets = " and ".join(
            f"'relscout datasets get {name}'" for name in dict.fromkeys(map(dataset_of, missing))
        )
        return f"{data / missing[0]} is missing; download it with {sets}"
    datasets = dict.fromkeys(name for experiment in chosen for name in experiment.datasets)
    return f"{', '.join(datasets)} in {data}: available"


def table(
    name: PresetName,
    results: Results = RESULTS,
    format: Annotated[
        Literal["markdown", "latex"],
        typer.Option(metavar="markdown|latex", help="Output format."),
    ] = "markdown",
    scoring: Annotated[
        Literal["raw", "majority-mapped", "gold-selected", "open-world", "all"],
        typer.Option(
            metavar="NAME",
            help="raw, majority-mapped, gold-selected, open-world or all.",
        ),
    ] = "all",
    all_scores: Annotated[
        bool,
        typer.Option("--all-scores", help="Add B³ precision and recall, homogeneity and completeness."),
    ] = False,
    names: Annotated[bool, typer.Option("--names", help="List the discovered relations instead.")] = False,
    gold_names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON {id: name} of the gold relations in these lists."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output file.", show_default="standard output"),
    ] = None,
) -> None:
    """Compare the results of a preset with the published scores.

    Each scoring and each protocol has its own table, because their scores are not comparable: raw scores the clusters
    as they are, majority-mapped maps each cluster to its majority relation first (as SelfORE's code does), and
    gold-selected shows the last epoch, the one selected without labels, and the one that gold relations select (as
    RoCORE's code does). Where labelled and novel relations are mixed, open-world scores both separately. The values of
    a sweep have a table of their own.
    """
    from relscout.io.readers.source import RelationNames
    from relscout.io.writers.textfile import text_file
    from relscout.lab.table_formats import FORMATS
    from relscout.lab.tables import names_tables, protocols_table, supervised_table

    if out is not None:
        check_file(out)
    known = None if gold_names is None else RelationNames.load(gold_names).names
    measured, *more = _measured(name, results)
    if names:
        tables = _names(measured, known)
    elif _finds_relations(measured):
        scorings: list[str] = _scorings(measured) if scoring == "all" else [scoring]
        tables = _scores(measured, scorings, all_scores=all_scores)
        if scoring == "all" and measured.preset.names:
            tables += names_tables(measured, measured.preset.names, gold_names=known)
    elif scoring == "all":
        tables = [supervised_table(result, all_scores=all_scores) for result in (measured, *more)]
        if more and _is_supervised(measured):
            tables.insert(0, protocols_table([measured, *more]))
    else:
        raise InputError(f"--scoring applies to discovery, but the relations of preset {name!r} are given")
    text = "\n".join(FORMATS[format](table) for table in tables)
    if out is None:
        typer.echo(text, nl=False)
        return
    with text_file(out) as file:
        file.write(text)
    say(f"written to {out}")


def figure(
    name: PresetName,
    results: Results = RESULTS,
    kind: Annotated[
        Literal["tsne", "sweep", "losses", "purity", "clusters", "sizes"] | None,
        typer.Option(metavar="KIND", help="Draw only this kind.", show_default="those of the preset"),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory.")] = Path(),
) -> None:
    """Draw the figures of a preset from its results, as PNG and SVG.

    tsne: representations in two dimensions. sweep: a score over the values of a setting. losses: losses over the
    loops of a method. purity: share of the nearest neighbours with the same gold relation. clusters: gold relations in
    the largest and in the smallest cluster. sizes: instances of each gold relation.
    """
    from relscout.lab.figures import draw_figures

    measured = _measured(name, results)[0]
    if not _finds_relations(measured):
        raise InputError(f"figures are for discovery, but the relations of preset {name!r} are given")
    if kind is None and not measured.preset.figures:
        raise InputError(f"preset {measured.preset.name!r} has no figures; choose one with --kind")
    written, lacking = 0, []
    for drawn in draw_figures(measured, out, points=results.parent, kind=kind):
        written += len(drawn.files)
        if drawn.files:
            say(f"written to {', '.join(map(str, drawn.files))}")
        if drawn.missing:
            lacking.append(f"{drawn.kind}: {drawn.missing}")
    if not written:
        raise InputError(f"there is nothing to draw ({'; '.join(lacking)}); {_what_to_do(name, results)}")
    for line in lacking:
        say_note(line)


def _measured(name: str, results: Path) -> list[Measured]:
    """Return the records of a preset, grouped by protocol.

    Raises:
        InputError: There are no records.
    """
    from relscout.lab.preset import preset
    from relscout.lab.records import read_records
    from relscout.lab.summaries import Measured

    chosen, records = preset(name), read_records(results)
    measured = [result for result in (Measured(under, records) for under in chosen.each()) if result.records]
    if not measured:
        raise InputError(f"no results of preset {chosen.name!r} in {results}; {_what_to_do(name, results)}")
    return measured


def _finds_relations(measured: Measured) -> bool:
    """Return whether the preset is about discovery rather than given relations."""
    from relscout.lab.protocols import protocol

    return protocol(measured.preset.protocol).kind == "discovery"


def _is_supervised(measured: Measured) -> bool:
    """Return whether a preset classifies given relations, rather than new ones in episodes."""
    from relscout.lab.protocols import protocol

    return protocol(measured.preset.protocol).kind == "supervised"


def _what_to_do(name: str, results: Path) -> str:
    where = "" if results == RESULTS else f" --results {results}"
    return f"run what is missing with 'relscout lab reproduce run {name}{where}'"


def _scorings(measured: Measured) -> list[str]:
    """Return the scorings that have results; only a few methods have gold-selected ones."""
    from relscout.lab.schema import SCORINGS

    usual = ["raw", "majority-mapped"]
    return usual + [
        name
        for name, field in SCORINGS.items()
        if name not in usual
        and (
            any(field in record["scores"] for record in measured.records)
            or any(published.scoring == name for published in measured.preset.published)
        )
    ]


def _scores(measured: Measured, scorings: list[str], *, all_scores: bool) -> list[TableLayout]:
    from relscout.lab.tables import probes_table, scores_table, sweep_table

    tables = []
    for scoring in scorings:
        tables.append(scores_table(measured, scoring, all_scores=all_scores))
        if (swept := sweep_table(measured, scoring)) is not None:
            tables.append(swept)
    if (probed := probes_table(measured)) is not None:
        tables.append(probed)
    return tables


def _names(measured: Measured, gold_names: Mapping[str, str] | None) -> list[TableLayout]:
    from relscout.lab.tables import names_tables

    if not (tables := names_tables(measured, gold_names=gold_names)):
        raise InputError(f"no run of preset {measured.preset.name!r} has discovered relations to list")
    return tables


app = typer.Typer(help="Run the experiments of papers and compare with published scores.")


@app.command("list")
def list_command(data: Data = None, as_json: options.AsJson = False) -> None:
    """List the presets, and whether their data is available."""
    from relscout.io.datasets import data_folder
    from relscout.lab.preset import preset, presets

    folder = data_folder(data)
    listed = [preset(name) for name in presets()]
    if as_json:
        print_json([overview(item, folder) for item in listed])
        return
    output().print(presets_table(listed, folder))
    say(f"data folder: {folder}")


@app.command("show")
def show_command(name: PresetName, data: Data = None, as_json: options.AsJson = False) -> None:
    """Show the settings, published scores and data of a preset."""
    from relscout.io.datasets import data_folder
    from relscout.lab.preset import preset

    chosen, folder = preset(name), data_folder(data)
    if as_json:
        print_json(overview(chosen, folder))
        return
    console = output()
    for part in details(chosen, folder):
        console.print(part)


@app.command("run")
@options.grouped
def run_command(
    name: PresetName,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Run the first N seeds.", show_default="all of the preset"),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="NAME", help="Run only this row; repeatable."),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Your encoder, or a copy of the preset's; repeatable.",
            show_default="the rows are left out, or read from the hub",
        ),
    ] = None,
    data: Data = None,
    results: Results = RESULTS,
    as_json: options.AsJson = False,
    *,
    arithmetic: options.Arithmetic,
    caching: options.Caching,
) -> None:
    """Run a preset.

    Each result is appended to the results file. Runs that are in the file already are skipped, so an interrupted
    command resumes when you start it again. Runs with another --backend or --dtype count as different runs.
    """
    from relscout.io.datasets import data_folder
    from relscout.lab.preset import preset
    from relscout.lab.runner import run_preset

    chosen = preset(name).computing_with(**arithmetic.given)
    check_file(results)
    finished: list[Record] = []
    skipped: list[Record] = []
    warnings: list[str] = []
    try:
        with caching.opened() as (vectors, progress):
            for record in run_preset(
                chosen,
                data=data_folder(data),
                results=results,
                seeds=None if seeds is None else first_seeds(chosen.seeds, seeds),
                rows=rows,
                encoder=_given(encoder or []),
                cache=vectors,
                progress=progress,
                on_skip=skipped.append,
            ):
                finished.append(record)
                say(finished_line(record))
                for warning in record["warnings"]:
                    if warning not in warnings:
                        say_note(warning)
                        warnings.append(warning)
    except KeyboardInterrupt:
        kept = f"finished runs are kept in {results}; run the same command again to resume"
        raise KeyboardInterrupt(kept) from None
    if as_json:
        print_json(_as_json(chosen.name, results, finished, skipped))
        return
    for rows_of_protocol in scores_of_rows([*skipped, *finished]):
        output().print(rows_of_protocol)
    say(f"{counted(len(finished), 'run')} done, {len(skipped):,} already in {results}")


def first_seeds(of_preset: Sequence[int], count: int) -> list[int]:
    """Return the first seeds of a preset, and if it has fewer, the numbers that follow its largest."""
    return [*of_preset, *range(max(of_preset) + 1, max(of_preset) + 1 + count)][:count]


def _given(encoders: Sequence[str]) -> dict[str, str]:
    """Return the encoders of ``--encoder`` by the names that rows have for them, empty for the one without a name.

    Raises:
        SettingError: Two encoders have one name.
    """
    given: dict[str, str] = {}
    for text in encoders:
        name, equals, model = text.partition("=")
        # the path of a folder may contain an equals sign
        if not equals or "/" in name:
            name, model = "", text
        if name in given:
            what = f"for rows with given:{name}" if name else "without a name"
            raise SettingError(f"--encoder: {given[name]!r} and {model!r} are both {what}; give one of them")
        given[name] = model
    return given


def _as_json(preset: str, results: Path, finished: list[Record], skipped: list[Record]) -> dict[str, Any]:
    return {"preset": preset, "results": str(results), "finished": finished, "skipped": skipped}


for written in (table, figure):
    app.command()(written)
