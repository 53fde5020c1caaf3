"""``relscout inspect``: what is in this file?"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from relscout.cli import options
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, counts_table, excerpt, output, print_json, say_note
from relscout.core.errors import ArtifactError, InputError
from relscout.core.instances import RelationInstance
from relscout.core.wording import counted, visible
from relscout.io.packing import exists
from relscout.io.readers import FORMATS
from relscout.io.readers.offsets import OffsetCheck, Offsets
from relscout.io.readers.unknown import quoted

EPILOG = f"Formats: {', '.join(FORMATS)}. A file is recognised from its content, packed or not."

#: Kind of text → its name.
_KINDS = {
    "text": "plain text",
    "markdown": "Markdown",
    "html": "HTML",
    "pdf": "PDF",
    "jsonl": "JSON Lines of texts",
    "csv": "table of texts",
    "parquet": "Parquet table of texts",
}
#: File extensions that are not used for web pages.
_OF_RECORDS = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".xml", ".ann")
#: Characters of the first passage to show, if the screen is wide enough.
_BEGINNING = 200


@options.grouped
def command(
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="Any file or directory.")],
    as_json: options.AsJson = False,
    *,
    reading: Annotated[Reading, ("format", "labels", "columns", "relation_names", "encoding", "offsets")],
) -> None:
    """Show what a file holds, what is wrong with it, and what to do next.

    For marked pairs, it counts instances, gold relations, entity types and lengths, shows some sentences, and lists
    invalid records. For plain text, it counts passages. For any other file, it says what the file is and what to do.
    """
    from relscout.discovery.storage import RUN
    from relscout.io.readers import recognise
    from relscout.io.readers.source import Source
    from relscout.text.documents import is_plain_text

    reading = replace(reading, on_error="skip")
    if (path / RUN).is_file():
        _show_run(path, as_json)
        return
    try:
        name = reading.format or recognise(
            Source(path, columns=reading.column_map, encoding=reading.encoding)
        )
    except InputError:
        if not exists(path) or not is_plain_text(path, encoding=reading.encoding):
            raise
        _show_text(path, reading.encoding, as_json)
        return
    skipped = Skipped()
    summary = _Summary(reading.offsets)
    for instance in reading.instances([path], skipped):
        summary.add(instance)
    following = f"relscout discover {quoted(path)}" if summary.count else None
    if as_json:
        content = {"path": str(path), "format": name, **summary.as_json(), "problems": skipped.as_json()}
        print_json({**content, "next": following})
        return
    console = output()
    console.print(
        Text.assemble((visible(str(path)), "bold"), f": {name}, {counted(summary.count, 'instance')}"),
        soft_wrap=True,
    )
    for line in summary.lines():
        console.print(Text(line))
    if summary.relations:
        console.print(counts_table("gold relation", dict(summary.relations.most_common())))
    if summary.type_pairs:
        console.print(counts_table("entity types", dict(summary.type_pairs.most_common())))
    for example in summary.examples:
        console.print(
            Text("  ").append_text(excerpt(example, console.width - 2)), no_wrap=True, overflow="ellipsis"
        )
    if following is not None:
        _say_next(console, following)
    elif not skipped.count:
        say_note(
            "no record relates two marked entities; annotate relations, or give a text to 'relscout discover'"
        )
    skipped.report()


def _say_next(console: Console, command: str) -> None:
    console.print(Text.assemble(("Next: ", "bold"), visible(command)), soft_wrap=True)


def _show_text(path: Path, encoding: str | None, as_json: bool) -> None:
    """Show a file or folder of plain text."""
    from relscout.text.documents import kind_of, read_passages

    kind = "folder of texts" if path.is_dir() else _KINDS[kind_of(path, encoding=encoding)]
    if kind == "HTML" and path.suffix.lower() in _OF_RECORDS:
        say_note(
            f"{path} is a web page, which some servers send in place of a file; is it the file that you meant?"
        )
    skipped = Skipped()
    passages = characters = 0
    beginning = ""
    for passage in read_passages([path], on_skip=skipped, encoding=encoding):
        beginning = beginning or passage.text[:_BEGINNING]
        passages += 1
        characters += len(passage.text)
    following = f"relscout discover {quoted(path)}" + (f" --encoding {encoding}" if encoding else "")
    if as_json:
        counts = {"passages": passages, "characters": characters, "problems": skipped.as_json()}
        print_json({"path": str(path), "format": kind, **counts, "next": following})
        return
    console = output()
    sizes = f"{counted(passages, 'passage')}, {counted(characters, 'character')}"
    console.print(Text.assemble((visible(str(path)), "bold"), f": {kind}, {sizes}"), soft_wrap=True)
    console.print(Text(f"  {visible(beginning)}"), no_wrap=True, overflow="ellipsis")
    _say_next(console, following)
    skipped.report()


def _show_run(folder: Path, as_json: bool) -> None:
    """Show the folder that ``relscout discover --out`` wrote."""
    from relscout.discovery.storage import RELATIONS, RUN

    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        relations = len((folder / RELATIONS).read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"{folder}: the folder of a run is damaged ({error}); run 'relscout discover' again with --overwrite"
        ) from error
    version = run.get("version") if isinstance(run, dict) else None
    following = f"relscout report {quoted(folder)}"
    if as_json:
        print_json({"path": str(folder), "format": "run", "relations": relations, "next": following})
        return
    console = output()
    written = f" of relscout {version}" if isinstance(version, str) else ""
    console.print(
        Text.assemble(
            (visible(str(folder)), "bold"), f": run{visible(written)}, {counted(relations, 'relation')}"
        ),
        soft_wrap=True,
    )
    _say_next(console, following)


class _Summary:
    """Counts instances one at a time, so that a file of any size can be inspected."""

    def __init__(self, offsets: Offsets) -> None:
        self.count = 0
        self.relations: Counter[str] = Counter()
        self.type_pairs: Counter[str] = Counter()
        self.examples: list[RelationInstance] = []
        self._lengths: Counter[int] = Counter()
        self._ids: set[str] = set()
        self._repeated = self._head_first = self._nested = 0
        self._offsets = OffsetCheck(offsets)

    def add(self, instance: RelationInstance) -> None:
        self.count += 1
        self._offsets.add(instance)
        self._lengths[len(instance.text)] += 1
        self._repeated += instance.id in self._ids
        self._ids.add(instance.id)
        self._head_first += instance.head.start < instance.tail.start
        low, high = sorted((instance.head, instance.tail), key=lambda mention: mention.start)
        self._nested += high.start < low.end
        if instance.relation is not None:
            self.relations[instance.relation] += 1
        if instance.type_pair != (None, None):
            self.type_pairs[" → ".join(kind or "?" for kind in instance.type_pair)] += 1
        if len(self.examples) < 3:
            self.examples.append(instance)

    def as_json(self) -> dict[str, Any]:
        return {
            "instances": self.count,
            "repeated_ids": self._repeated,
            "head_first": self._head_first,
            "nested_mentions": self._nested,
            "offsets": self._offsets.as_json(),
            "characters": {
                "median": self._quantile(0.5),
                "p99": self._quantile(0.99),
                "longest": self._quantile(1),
            },
            "relations": dict(self.relations.most_common()),
            "type_pairs": dict(self.type_pairs.most_common()),
        }

    def lines(self) -> list[str]:
        if not self.count:
            return []
        rows = [
            f"characters in a text: median {self._quantile(0.5):,}, 99 % up to {self._quantile(0.99):,}, "
            f"longest {self._quantile(1):,}",
            f"head before tail: {self._head_first / self.count:.0%}",
        ]
        if self._offsets.cut:
            cut, of = self._offsets.cut, self._offsets.mentions
            rows.append(f"mentions that begin or end inside a word or on a blank: {cut:,} of {of:,}")
        if self._repeated:
            rows.append(f"repeated ids: {self._repeated:,}")
        if self._nested:
            rows.append(f"one entity inside the other: {self._nested:,}")
        if 0 < self.relations.total() < self.count:
            rows.append(f"without a gold relation: {self.count - self.relations.total():,}")
        return rows

    def _quantile(self, share: float) -> int:
        seen = 0
        for length in sorted(self._lengths):
            seen += self._lengths[length]
            if seen >= share * self.count:
                return length
        return 0
