"""``relscout methods``: the methods and their settings."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from relscout.cli import options
from relscout.cli.screen import output, plain_table, print_json, say_note
from relscout.core.errors import PluginError


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="METHOD", help="Show the settings of this method.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the methods, or the settings of one for 'relscout discover --set'."""
    from relscout.core.settings import documentation, schema
    from relscout.methods import method, method_names

    if name is None:
        citations = {}
        for method_name in method_names():
            try:
                citations[method_name] = method(method_name).CITATION
            except PluginError as error:
                say_note(str(error))
        if as_json:
            print_json(citations)
            return
        table = plain_table("method", "paper")
        for method_name, citation in citations.items():
            table.add_row(Text(method_name, style="bold cyan"), Text(citation))
        output().print(table)
        return
    chosen = method(name)
    if as_json:
        print_json(
            {
                "method": name,
                "citation": chosen.CITATION,
                "settings": schema(chosen.SETTINGS)["properties"],
            }
        )
        return
    table = plain_table("setting", "default", "")
    for key, (_, default, text) in documentation(chosen.SETTINGS).items():
        table.add_row(Text(key, style="bold cyan"), Text(str(default)), Text(text.replace("``", "")))
    console = output()
    console.print(Text(chosen.CITATION, style="dim"))
    console.print(table)
