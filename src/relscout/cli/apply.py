"""``relscout apply``: apply the decisions made in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.screen import say
from relscout.core.wording import counted


def command(
    decisions: Annotated[Path, typer.Argument(metavar="DECISIONS", help="File exported from the report.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory that they are about.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory for the new run.")],
    overwrite: options.Overwrite = False,
) -> None:
    """Apply the decisions that were exported from the report of a run.

    Relations are renamed, merged and dropped; entities are merged and split. The new run keeps the numbers of the
    relations, lists the decisions in run.json, and can be used like any other run.
    """
    from relscout.discovery import Discovery
    from relscout.discovery.decisions import Decisions
    from relscout.discovery.storage import check_target

    wanted = Decisions.read(decisions)
    check_target(out, overwrite=overwrite)
    found = Discovery.load(run).apply(wanted)
    found.save(out)
    say(
        f"{counted(len(wanted.steps), 'decision')} applied: {counted(len(found.relations), 'relation')} in {out}; "
        f"'relscout report {out}' shows them"
    )
