"""``relscout query``: SPARQL on the facts and triples of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from relscout.cli.options import check_file
from relscout.cli.screen import output, plain_table, say
from relscout.core.errors import InputError, RecordError, SettingError
from relscout.core.wording import counted, visible

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".json": "json", ".ttl": "ttl", ".nt": "nt"}


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'relscout discover'.")],
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help="SELECT, ASK, CONSTRUCT or DESCRIBE, in quotes.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Read the query from this file.")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="table, csv, tsv or json; ttl or nt for a graph.",
            show_default="table, ttl for a graph",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Output file.", show_default="standard output")
    ] = None,
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="Most time for the answer.")] = 60.0,
) -> None:
    """Query the facts of a run by SPARQL (extra 'query').

    The data are those that 'relscout export' writes as RDF: facts in the default graph, and the triples of single
    sentences in the graph graph:triples. The prefixes of these files need no declaration.
    """
    from relscout.io.writers.sparql import check_format, check_installed, checked

    check_installed()
    if (query is None) == (file is None):
        raise SettingError("expected a query, or --file FILE with one")
    text = query if file is None else _read(file)
    named = file or "query"
    if out is not None:
        check_file(out)
    try:
        form = checked(text or "")
        graph = form in ("CONSTRUCT", "DESCRIBE")
        chosen = to or _format_of(out) or ("ttl" if graph else "table")
        if chosen != "table":
            check_format(form, chosen)
        elif out is not None:
            raise SettingError("--out and the format table cannot be combined; use --to csv, for example")
        from relscout.discovery import Discovery

        result = Discovery.load(run).query(text or "", time_limit=time_limit)
    except RecordError as error:
        raise RecordError(named, error.place, error.reason) from error
    if chosen == "table" and result.answer is not None:
        output().print("yes" if result.answer else "no")
    elif chosen == "table":
        _print_table(result.columns, result.rows_for_people())
    elif out is None:
        sys.stdout.buffer.write(result.serialised(chosen))
        sys.stdout.buffer.flush()
    else:
        from relscout.core.files import whole_file

        with whole_file(out) as partial:
            partial.write_bytes(result.serialised(chosen))
        say(f"written to {out}")


def _print_table(columns: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    table = plain_table(*columns)
    for row in rows:
        table.add_row(*(Text("" if value is None else visible(_shown(value))) for value in row))
    output().print(table)
    say(counted(table.row_count, "row"))


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _format_of(out: Path | None) -> str | None:
    if out is None:
        return None
    suffix = out.suffix.lower()
    if suffix not in _SUFFIXES:
        raise SettingError(
            f"{out}: unknown file extension; known are {', '.join(_SUFFIXES)}; otherwise set --to"
        )
    return _SUFFIXES[suffix]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{file} is not a text in UTF-8; save the query as UTF-8") from error
