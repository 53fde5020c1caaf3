"""``relscout inspect``: what is in this file?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from relscout.cli import options
from relscout.cli.reading import Reading
from relscout.cli.screen import Skipped, counts_table, excerpt, output, print_json
from relscout.core.instances import RelationInstance
from relscout.core.wording import counted, visible
from relscout.io.readers import FORMATS
from relscout.io.readers.offsets import OffsetCheck, Offsets

EPILOG = f"Formats: {', '.join(FORMATS)}. A file is recognised from its content, packed or not."


@options.grouped
def command(
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="File (or directory) of marked pairs.")],
    as_json: options.AsJson = False,
    *,
    reading: Annotated[Reading, ("format", "labels", "columns", "relation_names", "encoding", "offsets")],
) -> None:
    """Show the content of a file of marked pairs, and its invalid records.

    Counts instances, gold relations, entity types and lengths, shows some sentences, and lists invalid records.
    """
    from relscout.io.readers import recognise
    from relscout.io.readers.source import Source

    reading = replace(reading, on_error="skip")
    name = reading.format or recognise(Source(path, columns=reading.column_map, encoding=reading.encoding))
    skipped = Skipped()
    summary = _Summary(reading.offsets)
    for instance in reading.instances([path], skipped):
        summary.add(instance)
    if as_json:
        print_json({"path": str(path), "format": name, **summary.as_json(), "problems": skipped.as_json()})
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
    skipped.report()


class _Summary:
    """Counts instances one at a time, so that a file of any size can be looked at."""

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
        details = [
            f"characters in a text: median {self._quantile(0.5):,}, 99 % up to {self._quantile(0.99):,}, "
            f"longest {self._quantile(1):,}",
            f"head before tail: {self._head_first / self.count:.0%}",
        ]
        if self._offsets.cut:
            cut, of = self._offsets.cut, self._offsets.mentions
            details.append(f"mentions that begin or end inside a word or on a blank: {cut:,} of {of:,}")
        if self._repeated:
            details.append(f"repeated ids: {self._repeated:,}")
        if self._nested:
            details.append(f"one entity inside the other: {self._nested:,}")
        if 0 < self.relations.total() < self.count:
            details.append(f"without a gold relation: {self.count - self.relations.total():,}")
        return details

    def _quantile(self, share: float) -> int:
        seen = 0
        for length in sorted(self._lengths):
            seen += self._lengths[length]
            if seen >= share * self.count:
                return length
        return 0
