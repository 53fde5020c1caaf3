"""``relscout pretrain``: pre-training of encoders, one file per command."""

from __future__ import annotations

from collections.abc import Callable

import typer

from relscout.cli import align, pretrain_contrastive, pretrain_labels
from relscout.cli.help import Command, Group

app = typer.Typer(cls=Group, help="Pre-train an encoder: align with a knowledge graph, contrast, or labels.")
COMMANDS: dict[str, Callable[..., None]] = {
    "align": align.command,
    **pretrain_contrastive.COMMANDS,
    "labels": pretrain_labels.command,
}
for name, command in COMMANDS.items():
    app.command(name, cls=Command)(command)
