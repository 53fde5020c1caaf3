"""``relscout convert``: any format (or plain text) into the exchange format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.screen import Skipped, notes
from relscout.errors import SettingError


def command(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl or .jsonl.gz.")],
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    spacy: options.SpacyPipeline = None,
    gazetteer: options.Gazetteer = None,
    max_distance: options.MaxDistance = None,
    directions: options.Directions = "both",
    types: options.TypePairs = None,
) -> None:
    """Read relation instances of any format, or mark entities in plain text, and write relscout's exchange format.

    Gold relations are kept. Nothing is written unless everything was read.
    """
    from relscout.writers.exchange import write_instances

    if not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise SettingError(
            f"--out is {str(out)!r}; the exchange format is written to a .jsonl or .jsonl.gz file"
        )
    skipped = Skipped()
    instances = options.read_inputs(
        inputs,
        skipped,
        format=format,
        on_error=on_error,
        labels=labels,
        columns=columns,
        relation_names=relation_names,
        spacy=spacy,
        gazetteer=gazetteer,
        max_distance=max_distance,
        directions=directions,
        types=types,
    )
    count = write_instances(instances, out)
    skipped.tell()
    notes().print(f"{count:,} instances written to {out}")
