"""``relscout reproduce``: run the experiments of papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relscout.cli import options
from relscout.cli.encoding import check_cache, open_cache
from relscout.cli.help import Command, Group
from relscout.cli.reproduce_options import RESULTS, Data, PresetName, Results
from relscout.cli.reproduce_output import figure, table
from relscout.cli.screen import output, print_json, progress_bars, say, say_note
from relscout.cli.target import check_file
from relscout.wording import counted

if TYPE_CHECKING:
    from relscout.experiments.results import Record

app = typer.Typer(cls=Group, help="Run the experiments of papers and compare with published scores.")


@app.command("list", cls=Command)
def list_command(data: Data = None, as_json: options.AsJson = False) -> None:
    """List the presets, and whether their data is available."""
    from relscout.cli.reproduce_screen import overview, presets_table
    from relscout.datasets import data_folder
    from relscout.experiments.preset import preset, presets

    folder = data_folder(data)
    found = [preset(name) for name in presets()]
    if as_json:
        print_json([overview(one, folder) for one in found])
        return
    output().print(presets_table(found, folder))
    say(f"data folder: {folder}")


@app.command("show", cls=Command)
def show_command(name: PresetName, data: Data = None, as_json: options.AsJson = False) -> None:
    """Show the settings, published scores and data of a preset."""
    from relscout.cli.reproduce_screen import details, overview
    from relscout.datasets import data_folder
    from relscout.experiments.preset import preset

    chosen, folder = preset(name), data_folder(data)
    if as_json:
        print_json(overview(chosen, folder))
        return
    console = output()
    for part in details(chosen, folder):
        console.print(part)


@app.command("run", cls=Command)
def run_command(
    name: PresetName,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Run the seeds 0 to N - 1.", show_default="the preset's"),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="NAME", help="Run only this row; repeatable."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="Encoder for rows with 'model: given'.",
            show_default="these rows are left out",
        ),
    ] = None,
    data: Data = None,
    results: Results = RESULTS,
    as_json: options.AsJson = False,
    cache: options.Cache = None,
    no_cache: options.NoCache = False,
) -> None:
    """Run a preset.

    Each result is appended to the results file. Runs that are in the file already are skipped, so an interrupted
    command resumes when you start it again.
    """
    from relscout.cli.reproduce_progress import finished_line, scores_of_rows
    from relscout.datasets import data_folder
    from relscout.experiments.preset import preset
    from relscout.experiments.runner import run_preset

    chosen = preset(name)
    check_cache(cache, no_cache=no_cache)
    check_file(results)
    finished: list[Record] = []
    skipped: list[Record] = []
    warnings: list[str] = []
    try:
        with open_cache(cache, no_cache=no_cache) as vectors, progress_bars(resumable=False) as progress:
            for record in run_preset(
                chosen,
                data=data_folder(data),
                results=results,
                seeds=None if seeds is None else range(seeds),
                rows=rows,
                encoder=encoder,
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


def _as_json(preset: str, results: Path, finished: list[Record], skipped: list[Record]) -> dict[str, Any]:
    return {"preset": preset, "results": str(results), "finished": finished, "skipped": skipped}


for written in (table, figure):
    app.command(cls=Command)(written)
