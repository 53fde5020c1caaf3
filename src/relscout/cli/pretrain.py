"""``relscout pretrain``: what an encoder of relations learns from, and how; one small file for each way."""

from __future__ import annotations

from collections.abc import Callable

import typer

from relscout.cli import align, pretrain_contrastive, pretrain_labels
from relscout.cli.help import Command, Group

app = typer.Typer(
    cls=Group, help="Teach an encoder relations: from a knowledge graph, by contrast, or by labels."
)
COMMANDS: dict[str, Callable[..., None]] = {
    "align": align.command,
    **pretrain_contrastive.COMMANDS,
    "labels": pretrain_labels.command,
}
for name, command in COMMANDS.items():
    app.command(name, cls=Command)(command)
