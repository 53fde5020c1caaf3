"""``relscout pretrain``: what an encoder of relations learns from, one small file for each command."""

from __future__ import annotations

import typer

from relscout.cli import align
from relscout.cli.help import Command, Group

app = typer.Typer(cls=Group, help="Teach an encoder relations, from a corpus and a knowledge graph.")
for name, module in (("align", align),):
    app.command(name, cls=Command, epilog=getattr(module, "EPILOG", None))(module.command)
