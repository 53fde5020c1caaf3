"""``relscout datasets``: public data sets, and how to get them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from relscout.cli import options
from relscout.cli.screen import output, plain_table, print_json, progress_bars, say, say_error, say_note
from relscout.core.wording import counted
from relscout.io.datasets import DATASETS, DataSet, available, data_folder, dataset, get

app = typer.Typer(help="List and download public data sets.")

_Dir = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="Data directory.",
        show_default="$RELSCOUT_DATA, else ~/.cache/relscout/datasets",
    ),
]


@app.command("list")
def list_command(folder: _Dir = None, as_json: options.AsJson = False) -> None:
    """List the data sets with licence and size, and whether they are downloaded."""
    place = data_folder(folder)
    if as_json:
        print_json([_as_json(known, place) for known in DATASETS.values()])
        return
    table = plain_table("name", "what", "licence", numbers=["size"])
    table.add_column("here", no_wrap=True)
    for known in DATASETS.values():
        table.add_row(
            Text(known.name, style="bold cyan"),
            known.title,
            known.licence,
            "?" if known.size is None else _amount(known.size),
            _where(known, place),
        )
    output().print(table)
    say(f"data folder: {place}")


@app.command("get")
def get_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name from 'relscout datasets list'.")],
    folder: _Dir = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="PLACE", help="URL or directory to get the files from instead."),
    ] = None,
) -> None:
    """Download a data set and verify it.

    Resumes an interrupted download, keeps existing files, and prints the paths of the files. If a set cannot be
    downloaded, explains how to obtain it.
    """
    chosen, place = dataset(name), data_folder(folder)
    if source is None and not chosen.downloadable and not available(name, place):
        _say_how(chosen, place / name)
        raise typer.Exit(2)
    try:
        with progress_bars(resumable=False) as bars:
            paths = get(name, place, source=source, progress=lambda *details: bars(*_in_kilobytes(*details)))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "the partial download is kept; run the same command again to resume"
        ) from None
    for path in paths:
        typer.echo(path)
    size = sum(path.stat().st_size for path in paths)
    say(f"{name}: {counted(len(paths), 'file')}, {_amount(size)}, licence: {chosen.licence}")
    say(f"read it with: {chosen.reads.format(folder=place / name)}")
    for part in chosen.parts:
        say(part.format(folder=place / name))
    if unsure := [file for file in chosen.files if file.sha256 is None]:
        checked = "size checked only" if all(file.size for file in unsure) else "not verified"
        say_note(f"no published checksum for {', '.join(file.name for file in unsure)}; {checked}")


def _say_how(chosen: DataSet, place: Path) -> None:
    say_error(f"{chosen.name} cannot be downloaded; licence: {chosen.licence}. How to obtain it:")
    for number, step in enumerate((*chosen.steps, *chosen.parts), 1):
        say(f"  {number}. {step.format(folder=place)}")
    say(f"Then read it with: {chosen.reads.format(folder=place)}")


def _where(known: DataSet, folder: Path) -> Text:
    if available(known.name, folder):
        return Text("yes", style="green")
    return Text("no" if known.downloadable else "no (by hand)", style="dim")


def _as_json(known: DataSet, folder: Path) -> dict[str, Any]:
    place = folder / known.name
    return {
        "name": known.name,
        "title": known.title,
        "licence": known.licence,
        "page": known.page,
        "citation": known.citation,
        "bytes": known.size,
        "downloadable": known.downloadable,
        "folder": str(place),
        "here": available(known.name, folder),
        "files": [
            {"name": file.name, "address": file.address, "bytes": file.size, "sha256": file.sha256}
            for file in known.files
        ],
        "steps": [step.format(folder=place) for step in (*known.steps, *known.parts)],
        "reads": known.reads.format(folder=place),
    }


def _amount(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else counted(size, "byte")


def _in_kilobytes(stage: str, done: int, total: int | None) -> tuple[str, int, int | None]:
    return f"{stage} (kB)", done // 1000, None if total is None else total // 1000
