"""``relscout convert``: any format (or plain text) into the exchange format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.options import check_exchange_file
from relscout.cli.reading import TextReading
from relscout.cli.screen import Skipped, say
from relscout.core.wording import counted


@options.grouped
def command(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Output file: .jsonl or .jsonl.gz.")],
    *,
    reading: TextReading,
) -> None:
    """Convert any input to relscout's own format.

    INPUT is in any format that 'relscout inspect' recognises, or plain text, whose entities are recognised and
    paired. Gold relations are kept.
    """
    from relscout.io.writers.jsonl import write_instances

    check_exchange_file(out)
    skipped = Skipped()
    count = write_instances(reading.instances(inputs, skipped), out)
    skipped.report()
    say(f"{counted(count, 'instance')} written to {out}")
