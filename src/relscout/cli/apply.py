"""``relscout apply``: apply the decisions made in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.command_files import asked_for
from relscout.cli.screen import say, say_note
from relscout.core.wording import counted


def command(
    decisions: Annotated[Path, typer.Argument(metavar="DECISIONS", help="File exported from the report.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory that they belong to.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output directory for the new run.")],
    overwrite: options.Overwrite = False,
    shard_above: options.ShardAbove = None,
    *,
    context: typer.Context,
) -> None:
    """Apply the decisions that were exported from the report of a run.

    Relations are renamed, merged and dropped; entities are merged and split. The new run keeps the numbers of the
    relations, lists the decisions in run.json, and can be used like any other run.
    """
    from relscout.discovery import Discovery
    from relscout.discovery.decisions import Decisions
    from relscout.discovery.storage import COMMAND, check_target, earlier_run

    wanted, asked = Decisions.read(decisions), asked_for(context)
    if not overwrite and earlier_run(out, asked):
        say_note(f"{out} holds the finished run of this command; add --overwrite to repeat it")
        return
    check_target(out, overwrite=overwrite)
    changed = Discovery.load(run).apply(wanted).with_run({COMMAND: asked})
    changed.save(out, shard_above=shard_above)
    say(
        f"{counted(len(wanted.steps), 'decision')} applied: {counted(len(changed.relations), 'relation')} in {out}; "
        f"'relscout report {out}' shows them"
    )
