"""What a person sees: tables, progress bars, notes and errors. Results go to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from relscout.errors import RecordError
from relscout.instances import RelationInstance
from relscout.progress import Progress

_PIPE_WIDTH = 120
_LISTED = 10


def output() -> Console:
    """Return the console for results; wide enough to read where it is not a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def notes() -> Console:
    """Return the console for everything that is not a result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say_error(message: str) -> None:
    """Print one error as one line."""
    notes().print(Text.assemble(("error: ", "bold red"), visible(message)))


def say_note(message: str) -> None:
    """Print something the user should know as one line."""
    notes().print(Text.assemble(("note: ", "bold yellow"), visible(message)))


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, one document, nothing else."""
    print_plain(json.dumps(value, indent=2))


def print_plain(text: str) -> None:
    """Print a line as it is, without wrapping or styles."""
    Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print(Text(text), soft_wrap=True)


def visible(text: str) -> str:
    """Return ``text`` on one line, with control characters (which could steer a terminal) shown as ``·``."""
    return "".join(
        " "
        if character in "\r\n\t"
        else "·"
        if unicodedata.category(character) in ("Cc", "Cs", "Cf")
        else character
        for character in text
    )


def sentence(instance: RelationInstance, width: int) -> Text:
    """Return about ``width`` characters of an instance around its entities, which are marked by colour and brackets."""
    head, tail = instance.head, instance.tail
    low, high = min(head.start, tail.start), max(head.end, tail.end)
    spare = max(width - (high - low), 0)
    start = max(low - spare // 2, 0)
    end = min(max(high, start + width), len(instance.text))
    start = max(min(start, end - width), 0)
    shown = Text()
    if start > 0:
        shown.append("…")
    for place in range(start, end):
        inside_head, inside_tail = head.start <= place < head.end, tail.start <= place < tail.end
        for mention, role in ((head, "h"), (tail, "t")):
            if place == mention.start:
                shown.append(f"[{role} ", style="dim")
        shown.append(
            visible(instance.text[place]),
            style="bold cyan" if inside_head else "bold green" if inside_tail else "",
        )
        for mention in (head, tail):
            if place == mention.end - 1:
                shown.append("]", style="dim")
    if end < len(instance.text):
        shown.append("…")
    return shown


@contextlib.contextmanager
def progress_bars() -> Iterator[Progress]:
    """Give a progress callback that draws bars on a terminal and nothing elsewhere."""
    console = Console(stderr=True)
    with Bars(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
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

        yield report


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
            say_note(f"{self.count} wrong records were skipped:")
        for error in self.errors:
            notes().print(Text(f"  {visible(str(error))}"))
        if self.count > len(self.errors):
            notes().print(Text(f"  … and {self.count - len(self.errors)} more"))

    def as_json(self) -> dict[str, Any]:
        """Return the count and the first messages as JSON values."""
        return {"count": self.count, "first": [str(error) for error in self.errors]}
