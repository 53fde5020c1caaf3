"""Progress bars, notes and errors. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from relscout.errors import RecordError
from relscout.progress import Progress
from relscout.wording import counted, visible

_PIPE_WIDTH = 120
_LISTED = 10
#: An error of more characters has its long quotations cut, then its middle; both ends say what is wrong and what to do.
_LONGEST_ERROR = 600
_LONG_QUOTATION = re.compile(r"(['\"])(?:(?!\1).){100,}\1")


def output() -> Console:
    """Return the console for results; wide enough to read where it is not a terminal."""
    console = Console(highlight=False)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(highlight=False, width=_PIPE_WIDTH)


def _notes() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Print a line that is not a result."""
    _notes().print(Text(visible(message)))


def say_note(message: str) -> None:
    """Print something the user should know as one line."""
    _notes().print(Text.assemble(("note: ", "bold yellow"), visible(message)))


def say_error(message: str) -> None:
    """Print one error as one line."""
    _notes().print(Text.assemble(("error: ", "bold red"), _shortened(visible(message))))


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, one document, nothing else."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


class _RateColumn(ProgressColumn):
    """Steps per second, such as sentences, passages or pairs; empty before it is known."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(
            "" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s", style="dim"
        )


@contextlib.contextmanager
def progress_bars(*, resumable: bool) -> Iterator[Progress]:
    """Give a progress callback that draws bars on a terminal and nothing elsewhere.

    Args:
        resumable: Whether a message may say, after an interruption, that finished steps are kept.
    """
    console = Console(stderr=True)
    with Bars(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        try:
            yield report
        except KeyboardInterrupt:
            kept = ["finished steps are kept; run the same command again to resume"] if resumable else []
            raise KeyboardInterrupt(*kept) from None


class Skipped:
    """Counts the records that were skipped, and lists the first of them at the end."""

    def __init__(self) -> None:
        self.errors: list[RecordError] = []
        self.count = 0

    def __call__(self, error: RecordError) -> None:
        """Note one skipped record."""
        self.count += 1
        if len(self.errors) < _LISTED:
            self.errors.append(error)

    def tell(self) -> None:
        """Print how many records were skipped, and the first of them."""
        if self.count:
            say_note(f"{counted(self.count, 'invalid record')} skipped:")
        for error in self.errors:
            say(f"  {_shortened(str(error))}")
        if self.count > len(self.errors):
            say(f"  … and {self.count - len(self.errors):,} more")

    def as_json(self) -> dict[str, Any]:
        """Return the count and the first messages as JSON values."""
        return {"count": self.count, "first": [str(error) for error in self.errors]}


def _shortened(message: str) -> str:
    if len(message) <= _LONGEST_ERROR:
        return message
    message = _LONG_QUOTATION.sub(lambda found: f"{found[0][:60]}…{found[1]}", message)
    if len(message) <= _LONGEST_ERROR:
        return message
    half = _LONGEST_ERROR // 2
    return f"{message[:half]} … {message[-half:]}"
