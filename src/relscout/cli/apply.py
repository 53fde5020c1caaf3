"""``relscout apply``: what was decided on the page, carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli.screen import say
from relscout.wording import counted


def command(
    decisions: Annotated[
        Path, typer.Argument(metavar="DECISIONS", help="File that the page of the run has exported.")
    ],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run that they are about.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the new run.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an older run in that folder.")
    ] = False,
) -> None:
    """Change the relations and entities of a run, as was decided on its page.

    Relations are renamed, merged and dropped, entities merged and split. The new run keeps the numbers of the
    relations, says in run.json what was decided, and is used like any other: by 'relscout extract', 'relscout report'
    and Discovery.load.
    """
    from relscout.discovery import Decisions, Discovery
    from relscout.discovery.storage import check_target

    wanted = Decisions.read(decisions)
    check_target(out, overwrite=overwrite)
    found = Discovery.load(run).apply(wanted)
    found.save(out)
    say(
        f"{counted(len(wanted.steps), 'decision')} carried out: {counted(len(found.relations), 'relation')} in {out}; "
        f"'relscout report {out}' shows them"
    )
