"""The table of a discovery, as a newcomer first sees it."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relscout.cli.excerpt import excerpt
from relscout.cli.screen import visible
from relscout.discovery import Discovery, Relation

_EXAMPLES = 2


def relations_table(discovery: Discovery, *, width: int, limit: int | None = None) -> RenderableType:
    """Return the relations with size, types, confidence and examples.

    Args:
        discovery: What was found.
        width: Width of the screen in characters.
        limit: Most relations to show.
    """
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("id", justify="right", style="dim", no_wrap=True)
    table.add_column("relation", ratio=3)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    table.add_column("examples", ratio=7)
    shown = discovery.relations[:limit]
    room = (width - 24) * 7 // 10
    for relation in shown:
        examples = [excerpt(one, room) for one in discovery.examples(relation.id, _EXAMPLES)]
        for line in examples:
            line.no_wrap, line.overflow = True, "ellipsis"
        table.add_row(
            str(relation.id),
            _named(relation, discovery),
            f"{relation.size:,}",
            f"{relation.confidence:.0%}",
            Group(*examples, Text()),
        )
    left_out = len(discovery.relations) - len(shown)
    return Group(table, Text(f"… and {left_out} more relations", style="dim")) if left_out else table


def _named(relation: Relation, discovery: Discovery) -> Text:
    text = Text()
    for word in relation.pattern.split(" "):
        style = {"HEAD": "cyan", "TAIL": "green", "…": "dim"}.get(word, "bold")
        text.append(visible(word) + " ", style=style)
    if relation.types is not None:
        head, tail = (visible(kind or "?") for kind in relation.types)
        text.append(f"\n{head} → {tail}", style="dim")
    if relation.inverse is not None:
        text.append(
            f"\ninverse of {relation.inverse} ({visible(discovery.relation(relation.inverse).name)})",
            style="dim",
        )
    return text
