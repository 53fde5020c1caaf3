"""``relscout convert``: any format (or plain text) into the exchange format, or that of an annotation tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relscout.cli import options
from relscout.cli.options import check_exchange_file
from relscout.cli.reading import NOTHING_PAIRED, TextReading
from relscout.cli.screen import Skipped, say, say_note
from relscout.core.errors import UnknownNameError
from relscout.core.wording import counted


@options.grouped
def command(
    inputs: options.Inputs,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Output: .jsonl or .jsonl.gz; with --to, the tool's file.")
    ],
    to: Annotated[
        str | None, typer.Option(metavar="TOOL", help="Write pre-annotations for an annotation tool.")
    ] = None,
    *,
    reading: TextReading,
) -> None:
    """Convert any input to relscout's own format, or to that of an annotation tool.

    INPUT is in any format that 'relscout inspect' recognises, or plain text, whose entities are recognised and
    paired. Gold relations are kept. TOOL is label-studio, doccano, prodigy, pubannotation or brat (a directory).
    """
    from relscout.io.writers.jsonl import write_instances
    from relscout.io.writers.tools import TOOLS

    if to is not None and to not in TOOLS:
        raise UnknownNameError("annotation tool", to, TOOLS)
    if to is None:
        check_exchange_file(out)
    skipped = Skipped()
    write = write_instances if to is None else TOOLS[to].write_instances
    count = write(reading.instances(inputs, skipped), out)
    skipped.report()
    if not count and not skipped.count and reading.is_plain_text(inputs):
        say_note(NOTHING_PAIRED)
    say(f"{counted(count, 'instance')} written to {out}")
