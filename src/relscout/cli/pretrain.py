"""``relscout pretrain``: what an encoder of relations learns from, and how."""

from __future__ import annotations

import typer

from relscout.cli import pretrain_contrastive
from relscout.cli.help import Command, Group

app = typer.Typer(cls=Group, help="Teach an encoder relations, from a corpus and a knowledge graph.")
for name, command in pretrain_contrastive.COMMANDS.items():
    app.command(name, cls=Command)(command)
