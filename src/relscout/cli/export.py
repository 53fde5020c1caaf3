"""``relscout export``: the facts of a run in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli.options import check_file
from relscout.cli.screen import say
from relscout.core.wording import counted


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output of 'relscout discover'.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Output: .jsonl, .csv, .xlsx, .nt, .ttl, .graphml; with --triples .parquet."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Output format: csv-excel, neo4j (a directory), an annotation tool, …"
        ),
    ] = None,
    triples: Annotated[
        bool, typer.Option("--triples", help="Write triples, one per sentence, instead of facts.")
    ] = False,
) -> None:
    """Write the facts of a run in a format that other programs read.

    A fact is a head entity, a relation and a tail entity, with the number of sentences and documents that support it.
    """
    from relscout.discovery import Discovery
    from relscout.io.writers import FOLDERS, check_fact_format, recognise, write, write_facts

    chosen = to or recognise(out)
    if not triples:
        check_fact_format(chosen)
    if chosen not in FOLDERS:
        check_file(out)
    found = Discovery.load(run)
    if triples:
        say(f"{counted(write(found.triples(), out, format=to), 'triple')} written to {out}")
    else:
        count = write_facts(found.facts(), out, format=to, triples=found.triples())
        say(f"{counted(count, 'fact')} written to {out}")
