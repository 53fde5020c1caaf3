"""What the commands of ``relscout reproduce`` share: declared and documented once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PresetName = Annotated[
    str, typer.Argument(metavar="PRESET", help="A name that 'relscout reproduce list' shows, or a YAML file.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of all data sets.",
        show_default="$RELSCOUT_DATA, or in ~/.cache/relscout",
    ),
]
Results = Annotated[Path, typer.Option(metavar="FILE", help="Results, one JSON object a line.")]

#: Where results go unless the user says otherwise.
RESULTS = Path("relscout-results.jsonl")
