"""All commands in one application, and how its failures end."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from relscout.cli import convert, demo, discover, evaluate, extract, inspect, methods
from relscout.cli.screen import say_error
from relscout.errors import RelscoutError

app = typer.Typer(
    name="relscout",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Open relation extraction: find the relations in a corpus, name them, and give back triples.",
)
for name, module in (
    ("demo", demo),
    ("discover", discover),
    ("extract", extract),
    ("evaluate", evaluate),
    ("inspect", inspect),
    ("convert", convert),
    ("methods", methods),
):
    app.command(name)(module.command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"relscout {version('relscout')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


def run() -> None:
    """Run the command line; errors of ours end in one line on standard error, not in a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        app()
    except RelscoutError as error:
        say_error(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        say_error("interrupted; what was encoded is kept, so the same command goes on from there")
        sys.exit(1)
    except BrokenPipeError:
        # whoever read our output has stopped reading; what is still buffered has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
