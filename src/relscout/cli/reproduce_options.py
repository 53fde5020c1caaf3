"""Options shared by the commands of ``relscout reproduce``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PresetName = Annotated[
    str, typer.Argument(metavar="PRESET", help="Name from 'relscout reproduce list', or a YAML file.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Data directory.",
        show_default="$RELSCOUT_DATA, or in ~/.cache/relscout",
    ),
]
Results = Annotated[Path, typer.Option(metavar="FILE", help="Results file, JSON Lines.")]

#: Where results go unless the user says otherwise.
RESULTS = Path("relscout-results.jsonl")
