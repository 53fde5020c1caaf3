"""``relscout lab judge``: the shares of a judging sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from relscout.cli import options
from relscout.cli.screen import output, plain_table, print_json, say_note
from relscout.core.wording import counted


def command(
    sheet: Annotated[Path, typer.Argument(metavar="SHEET", help="Filled output of 'lab analyze --sheet'.")],
    as_json: options.AsJson = False,
) -> None:
    """Summarise why a model errs without names, from a sheet that people have judged.

    Fill the first column with wrong (the context is clear), no pattern (people cannot tell either), confusing (the
    context is ambiguous) or mislabelled (the gold relation is wrong; such sentences count in no share).
    """
    from relscout.lab.analysis.judging import JUDGEMENTS, read_sheet

    judged = read_sheet(sheet)
    if judged.unjudged:
        say_note(f"{counted(judged.unjudged, 'sentence')} without a judgement left out")
    if as_json:
        print_json(judged.as_dict())
        return
    table = plain_table("judgement", numbers=["sentences", "share"])
    table.add_column("meaning")
    for name, meaning in JUDGEMENTS.items():
        share = f"{judged.shares[name]:.0%}" if name in judged.shares else "–"
        table.add_row(Text(name, style="bold"), f"{judged.counts[name]:,}", share, meaning)
    output().print(table)
