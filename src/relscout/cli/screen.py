"""Output for people: progress bars, notes, errors, excerpts. Only results go to standard output."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
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
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from relscout.core.errors import RecordError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.core.wording import counted, pieces_of, stretches, visible

#: Characters taken by the marks around both entities and the dots at the ends of an excerpt.
_MARKS = len("[h ]") + len("[t ]") + len("… … …")


def excerpt(instance: RelationInstance, width: int) -> Text:
    """Return at most about ``width`` characters of a sentence; the entities are marked by brackets and colour.

    If the text between them is too long, its middle is left out; an entity that is too long is cut.
    """
    pieces = pieces_of(instance, max(width - _MARKS, 20))
    shown = Text()
    for start, end in pieces:
        if start > 0:
            shown.append(" … " if shown else "…")
        _append(shown, instance, start, end)
    if pieces[-1][1] < len(instance.text):
        shown.append("…")
    return shown


def _append(shown: Text, instance: RelationInstance, start: int, end: int) -> None:
    mentions = {"h": instance.head, "t": instance.tail}
    for here, there in stretches(instance, start, end):
        for role, mention in mentions.items():
            if mention.start == here:
                shown.append(f"[{role} ", style="dim")
        shown.append(visible(instance.text[here:there]), style=_style(here, instance))
        for mention in mentions.values():
            if mention.start < start:
                continue  # the previous stretch has already opened and closed it
            if mention.end == there:
                shown.append("]", style="dim")
            elif mention.start <= here and there == end < mention.end:
                shown.append("…]", style="dim")


def _style(place: int, instance: RelationInstance) -> str:
    if instance.head.start <= place < instance.head.end:
        return "bold cyan"
    return "bold green" if instance.tail.start <= place < instance.tail.end else ""


_PIPE_WIDTH = 120
_LISTED = 10
_COUNTS = 12
#: Maximum length of an error. A longer one has its quotations cut, then its middle: its ends say what is wrong and what
#: to do.
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


def plain_table(*columns: str, numbers: Iterable[str] = (), gap: int = 2) -> Table:
    """Return an empty table without lines.

    Args:
        columns: Titles of columns of text.
        numbers: Titles of columns of numbers, which follow and are never wrapped.
        gap: Characters between two columns.
    """
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, gap, 0, 0))
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def counts_table(title: str, counts: Mapping[str, int]) -> Table:
    """Return a table of the largest counts, and how many more there are."""
    table = plain_table(title, numbers=["instances"])
    for name, count in list(counts.items())[:_COUNTS]:
        table.add_row(Text(visible(name)), f"{count:,}")
    if len(counts) > _COUNTS:
        table.add_row(Text(f"… and {len(counts) - _COUNTS:,} more", style="dim"), "")
    return table


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
    """Yield a progress callback that draws bars on a terminal and does nothing elsewhere.

    Args:
        resumable: Whether finished steps are kept after an interruption, which a message then reports.
    """
    console = Console(stderr=True)
    with RichProgress(
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

    def report(self) -> None:
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
    message = _LONG_QUOTATION.sub(lambda match: f"{match[0][:60]}…{match[1]}", message)
    if len(message) <= _LONGEST_ERROR:
        return message
    half = _LONGEST_ERROR // 2
    return f"{message[:half]} … {message[-half:]}"
