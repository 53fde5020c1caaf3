"""``relscout convert``: any format (or plain text) into the exchange format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.options import check_exchange_file
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, say
from relscout.core.wording import counted


@options.grouped
def command(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file: .jsonl or .jsonl.gz.")],
    format: options.Format = None,
    on_error: options.OnError = "raise",
    labels: options.Labels = None,
    columns: options.Columns = None,
    relation_names: options.RelationNames = None,
    entity_types: options.EntityTypes = None,
    pairs: options.Pairs = "related",
    *,
    text: options.PlainText,
) -> None:
    """Convert any input to relscout's own format.

    INPUT is in any format that 'relscout inspect' recognises, or plain text, whose entities are recognised and
    paired. Gold relations are kept.
    """
    from relscout.io.writers.jsonl import write_instances

    reading = Reading(
        format=format,
        on_error=on_error,
        labels=labels,
        columns=columns,
        relation_names=relation_names,
        entity_types=entity_types,
        pairs=pairs,
        text=text,
    )
    check_exchange_file(out)
    skipped = Skipped()
    count = write_instances(reading.instances(inputs, skipped), out)
    skipped.tell()
    say(f"{counted(count, 'instance')} written to {out}")
