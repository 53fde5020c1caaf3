"""All commands in one application, and the exit code and message of every failure."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import typer.main
from typer.core import TyperGroup

from relscout.cli.command_files import check_outputs, fetch_runs
from relscout.cli.screen import say_error, say_note
from relscout.core.errors import InputWarning, PluginWarning, RelscoutError, SettingError

#: Base class of all errors about options and arguments; typer exports only one of its subclasses.
_UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])

#: Commands in the order of the help page. Each is a module of this package that defines a function ``command`` or, for
#: a group, an ``app``; ``lab`` is the group below.
COMMANDS = (
    "demo",
    "discover",
    "extract",
    "serve",
    "report",
    "apply",
    "name",
    "export",
    "query",
    "evaluate",
    "inspect",
    "convert",
    "methods",
    "datasets",
    "lab",
)
#: Commands of ``relscout lab``, in the same form.
LAB = ("reproduce", "pretrain", "analyze", "judge", "fewshot", "finetune", "plan")


class _Commands(Mapping[str, Any]):
    """Commands by name. The module of a command is imported when that command is looked up."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        module = None if name == "lab" else import_module(f"relscout.cli.{name}")
        if module is None:
            command: Any = typer.main.get_group(_lab)
        elif hasattr(module, "app"):
            command = typer.main.get_group(module.app)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(name, epilog=getattr(module, "EPILOG", None))(module.command)
            command = typer.main.get_command(alone)
        command.name = name
        return _without_python(command)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _without_python(command: Any) -> Any:
    """Return a command whose help page wraps paragraphs at the width of the screen and shows no Python types."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for param in command.params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
        elif param.param_type_name == "argument":
            param.display_type_rich = lambda **_: None
    command.get_help_option = partial(_without_type, command.get_help_option)
    if not isinstance(command.commands if isinstance(command, TyperGroup) else None, _Commands):
        for inner in getattr(command, "commands", {}).values():
            _without_python(inner)
    if not isinstance(command, TyperGroup):
        command.invoke = partial(_invoke, command.invoke)
    return command


def _without_type(usual: Callable[[typer.Context], Any], context: typer.Context) -> Any:
    """Return the option --help of a command, which takes no value."""
    option = usual(context)
    option.metavar = ""
    return option


def _hidden(usual: Callable[[typer.Context], Any], context: typer.Context) -> Any:
    """Return the option --help of the first page, which does not list it, so that it fits on a screen of 24 lines."""
    option = usual(context)
    option.hidden = True
    return option


def _invoke(usual: Callable[[typer.Context], Any], context: typer.Context) -> Any:
    """Run a command with its runs of the hub downloaded, unless its output would replace one of its inputs."""
    fetch_runs(context)
    check_outputs(context)
    return usual(context)


class Program(TyperGroup):
    """All commands. Running one of them does not load the others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast(Any, _Commands(COMMANDS))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name.

        Raises:
            SettingError: The command is one of ``relscout lab``.
        """
        if args and args[0] in LAB:
            raise SettingError(f"no such command {args[0]!r}; use 'relscout lab {args[0]}'")
        return super().resolve_command(ctx, args)


class Lab(TyperGroup):
    """The commands of ``relscout lab``. Running one of them does not load the others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast(Any, _Commands(LAB))


app = typer.Typer(
    cls=Program,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Open relation extraction: find the relations of a text, name them, and return facts.",
)
_lab = typer.Typer(
    cls=Lab,
    add_completion=False,
    help="Research: reproduce papers, pretrain, analyse, few-shot and fine-tuning experiments.",
)


@_lab.callback()
def _no_options() -> None: ...


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"relscout {version('relscout')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None: ...


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Expected errors are printed as one line on standard error.

    Args:
        arguments: Arguments after ``relscout``; those of this process when left out. An empty list shows the help page.

    Returns:
        0 on success, 1 after an interruption, 2 after an error of the user or the system (such as a full disk).
    """
    command: Any = typer.main.get_command(app)
    command.get_help_option = partial(_hidden, command.get_help_option)
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)  # shown whatever the filters are
        warnings.showwarning = partial(_show_warning, warnings.showwarning, set())
        return _run(command, given)


def _run(command: Any, given: Sequence[str]) -> int:
    """Run a command with its arguments and return the exit code; see :func:`run`."""
    try:
        # not command.main(), which ends an interruption without a message
        with command.make_context("relscout", given) as context:
            command.invoke(context)
        sys.stdout.flush()
        return 0
    except typer.Exit as end:
        return end.exit_code
    except _UsageError as error:
        say_error(_complaint(error))
    except RelscoutError as error:
        say_error(str(error))
    except KeyboardInterrupt as stop:
        say_error("; ".join(["interrupted", *map(str, stop.args)]))
        return 1
    except BrokenPipeError:
        # the reader of our output has closed the pipe
        _discard_output()
        return 1
    except OSError as error:
        say_error(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        _discard_output()
    return 2


def _show_warning(
    usual: Any,
    shown: set[str],
    message: Warning | str,
    category: type[Warning],
    *place: Any,
    **more: Any,
) -> None:
    """Show a warning about a plug-in or an input as a note, once; show other warnings the usual way."""
    if issubclass(category, PluginWarning | InputWarning):
        if str(message) not in shown:
            shown.add(str(message))
            say_note(str(message))
    else:
        usual(message, category, *place, **more)


def _complaint(error: Exception) -> str:
    """Return an error of typer in the style of ours: one line that ends with what to do."""
    what = getattr(error, "format_message", error.__str__)().rstrip(".").replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    asked = context.command_path if context is not None else "relscout"
    return f"{what[:1].lower()}{what[1:]}{'' if what.endswith('?') else ';'} see '{asked} --help'"


def _discard_output() -> None:
    """Discard buffered output, so that closing the stream at exit does not fail again."""
    with contextlib.suppress(io.UnsupportedOperation), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
