"""``relscout reproduce table`` and ``relscout reproduce figure``: compare results with published scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relscout.cli.reproduce_options import RESULTS, PresetName, Results
from relscout.cli.screen import say, say_note
from relscout.cli.target import check_file
from relscout.errors import InputError

if TYPE_CHECKING:
    from relscout.experiments.layout import Table
    from relscout.experiments.summaries import Measured


def table(
    name: PresetName,
    results: Results = RESULTS,
    format: Annotated[
        Literal["markdown", "latex"],
        typer.Option(metavar="markdown|latex", help="Output format."),
    ] = "markdown",
    scoring: Annotated[
        Literal["raw", "majority-mapped", "gold-selected", "all"],
        typer.Option(
            metavar="raw|majority-mapped|gold-selected|all",
            help="Raw clusters, clusters mapped to their majority relation (SelfORE), the epoch selected by gold "
            "relations (RoCORE's code), or a table for each.",
        ),
    ] = "all",
    all_scores: Annotated[
        bool,
        typer.Option("--all-scores", help="Add B³ precision and recall, homogeneity and completeness."),
    ] = False,
    names: Annotated[bool, typer.Option("--names", help="List the discovered relations instead.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Output file.", show_default="standard output"),
    ] = None,
) -> None:
    """Compare the results of a preset with the published scores.

    Each scoring and each protocol has its own table, because their scores are not comparable. The values of a sweep
    have a table of their own.
    """
    from relscout.experiments.lesson_tables import lesson_table
    from relscout.experiments.table_formats import FORMATS
    from relscout.writers.textfile import text_file

    if out is not None:
        check_file(out)
    measured, *more = _measured(name, results)
    if names:
        tables = _names(measured)
    elif _finds_relations(measured):
        scorings: list[str] = _scorings(measured) if scoring == "all" else [scoring]
        tables = _scores(measured, scorings, all_scores=all_scores)
    elif scoring == "all":
        tables = [lesson_table(one, all_scores=all_scores) for one in (measured, *more)]
    else:
        raise InputError(f"--scoring applies to discovery, but the relations of preset {name!r} are given")
    text = "\n".join(FORMATS[format](one) for one in tables)
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
        Literal["tsne", "sweep", "losses"] | None,
        typer.Option(
            metavar="tsne|sweep|losses", help="Draw only this kind.", show_default="those of the preset"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory.")] = Path(),
) -> None:
    """Draw the figures of a preset from its results, as PNG and SVG.

    tsne: representations in two dimensions. sweep: a score over the values of a setting. losses: losses over the
    loops of a method.
    """
    from relscout.experiments.figures import draw_figures

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
        if drawn.lacking:
            lacking.append(f"{drawn.kind}: {drawn.lacking}")
    if not written:
        raise InputError(f"there is nothing to draw ({'; '.join(lacking)}); {_what_to_do(name, results)}")
    for line in lacking:
        say_note(line)


def _measured(name: str, results: Path) -> list[Measured]:
    """Return the records of a preset, apart for each of its protocols of which there are some.

    Raises:
        InputError: There are none.
    """
    from relscout.experiments.preset import preset
    from relscout.experiments.results import read_records
    from relscout.experiments.summaries import Measured

    chosen, records = preset(name), read_records(results)
    found = [one for one in (Measured(under, records) for under in chosen.each()) if one.records]
    if not found:
        raise InputError(f"no results of preset {chosen.name!r} in {results}; {_what_to_do(name, results)}")
    return found


def _finds_relations(measured: Measured) -> bool:
    """Return whether the preset is about discovery rather than given relations."""
    from relscout.experiments.protocols import protocol

    return protocol(measured.preset.protocol).kind == "discovery"


def _what_to_do(name: str, results: Path) -> str:
    where = "" if results == RESULTS else f" --results {results}"
    return f"run what is missing with 'relscout reproduce run {name}{where}'"


def _scorings(measured: Measured) -> list[str]:
    """Return the scorings of which there are figures: few methods can let gold relations choose an epoch."""
    from relscout.experiments.schema import SCORINGS

    usual = ["raw", "majority-mapped"]
    return usual + [
        name
        for name, field in SCORINGS.items()
        if name not in usual
        and (
            any(field in record["scores"] for record in measured.records)
            or any(one.scoring == name for one in measured.preset.published)
        )
    ]


def _scores(measured: Measured, scorings: list[str], *, all_scores: bool) -> list[Table]:
    from relscout.experiments.small_tables import sweep_table
    from relscout.experiments.tables import scores_table

    tables = []
    for scoring in scorings:
        tables.append(scores_table(measured, scoring, all_scores=all_scores))
        if (swept := sweep_table(measured, scoring)) is not None:
            tables.append(swept)
    return tables


def _names(measured: Measured) -> list[Table]:
    from relscout.experiments.small_tables import names_tables

    if not (tables := names_tables(measured)):
        raise InputError(f"no run of preset {measured.preset.name!r} has discovered relations to list")
    return tables
