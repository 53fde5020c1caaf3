"""Help pages: one line for every option, grouped in panels."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from relscout.cli.screen import output

#: A row of a panel: what is typed, and what it does.
_Row = tuple[Text, Text]


class Command(TyperCommand):
    """A command with our help page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        formatter.write(_page(self, ctx, _panels(self, ctx)))


class Group(TyperGroup):
    """The program itself: its help page lists the commands, in the order of their declaration."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        commands = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        rows = [
            (Text(command.name or "", "bold cyan"), Text(_paragraphs(command)[0]))
            for command in commands
            if command is not None
        ]
        formatter.write(_page(self, ctx, {"Commands": rows, **_panels(self, ctx)}))


def _page(command: Any, ctx: Any, panels: dict[str, list[_Row]]) -> str:
    console = output()
    with console.capture() as captured:
        for part in _parts(command, ctx, panels, console):
            console.print(part)
    return captured.get().rstrip("\n")


def _parts(
    command: Any, ctx: Any, panels: dict[str, list[_Row]], console: Console
) -> Iterator[RenderableType]:
    arguments = [_argument(param) for param in command.params if param.param_type_name == "argument"]
    if isinstance(command, TyperGroup):
        arguments = ["COMMAND"]
    yield Text.assemble(("Usage: ", "bold"), " ".join([ctx.command_path, *arguments, "[OPTIONS]"]), "\n")
    for paragraph in _paragraphs(command):
        yield Text(paragraph + "\n")
    # one width for the left column of all panels, so that the page has one edge to read along
    widest = max(cell_len(typed.plain) for rows in panels.values() for typed, _ in rows)
    for title, rows in panels.items():
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(width=min(widest, console.width // 2))
        table.add_column(ratio=1)
        for row in rows:
            table.add_row(*row)
        yield Panel(table, title=title, title_align="left", border_style="dim")
    if command.epilog:
        yield Text("\n" + command.epilog)


def _panels(command: Any, ctx: Any) -> dict[str, list[_Row]]:
    panels: dict[str, list[_Row]] = {"Arguments": [], "Options": []}
    for param in command.get_params(ctx):
        if param.param_type_name == "argument":
            panels["Arguments"].append((Text(_argument(param), "bold cyan"), _explained(param)))
        else:
            title = getattr(param, "rich_help_panel", None) or "Options"
            panels.setdefault(title, []).append((_option(param), _explained(param)))
    return {title: rows for title, rows in panels.items() if rows}


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    return name if param.required else f"[{name}]"


def _option(param: Any) -> Text:
    typed = Text(", ".join(sorted(param.opts, key=len, reverse=True)), "bold cyan")
    if not param.is_flag:
        typed.append(f" {param.metavar or 'TEXT'}", "yellow")
    return typed


def _explained(param: Any) -> Text:
    explained = Text(param.help or "")
    default = param.show_default if isinstance(param.show_default, str) else param.default
    if param.required:
        explained.append(" [required]", "red")
    elif default is not None and not getattr(param, "is_flag", False):
        explained.append(f" [default: {default}]", "dim")
    return explained


def _paragraphs(command: Any) -> list[str]:
    return [" ".join(text.split()) for text in inspect.cleandoc(command.help or "").split("\n\n")]
