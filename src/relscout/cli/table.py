"""The relations of a discovery on a screen, as a newcomer first sees them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from relscout.cli.excerpt import excerpt
from relscout.discovery import Discovery, Relation
from relscout.triples import Fact
from relscout.wording import visible

_EXAMPLES = 2
#: Characters before the examples, and the widths of the columns of size and confidence.
_INDENT, _SIZE, _SURE = 5, 9, 7


def relations_table(discovery: Discovery, *, width: int, limit: int | None = None) -> RenderableType:
    """Return the relations, each in one line, with two of its sentences below.

    Args:
        discovery: What was found.
        width: Width of the screen in characters.
        limit: Most relations to show.
    """
    named = max(width - _INDENT - _SIZE - _SURE, 20)
    head = Text(
        "  id relation".ljust(_INDENT + named) + "size".rjust(_SIZE) + "sure".rjust(_SURE), style="bold"
    )
    lines = [head, Text("─" * width, style="dim")]
    facts = _facts_by_relation(discovery) if discovery.run.get("relatedness") else {}
    # what is named by its sentences comes first, and what is of mixed content last
    shown = sorted(discovery.relations, key=lambda one: one.mixed)[:limit]
    for relation in shown:
        line = Text(f"{relation.id:>{_INDENT - 1}} ", style="dim")
        title = _title(relation, discovery)
        title.truncate(named, overflow="ellipsis", pad=True)
        line.append_text(title)
        line.append(f"{relation.size:>{_SIZE},}{f'{relation.confidence:.0%}':>{_SURE}}")
        lines.append(line)
        if relation.id in facts:
            lines.append(_facts_line(facts[relation.id], width, mixed=relation.mixed))
        for example in discovery.examples(relation.id, 1 if facts else _EXAMPLES):
            sentence = Text(" " * _INDENT).append_text(excerpt(example, width - _INDENT))
            sentence.truncate(width, overflow="ellipsis")
            lines.append(sentence)
        lines.append(Text())
    left_out = len(discovery.relations) - len(shown)
    if left_out:
        lines.append(Text(f"… and {left_out} more relations", style="dim"))
    return Group(*lines)


def _facts_by_relation(discovery: Discovery) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = {}
    for fact in discovery.facts():
        found.setdefault(fact.relation_id, []).append(fact)
    return found


def _facts_line(facts: list[Fact], width: int, *, mixed: bool) -> Text:
    """Return the surest facts of a relation on one line, as many as fit, and how many there are."""
    total = f"  {len(facts):,} fact{'' if len(facts) == 1 else 's'}"
    line = Text(" " * _INDENT)
    if mixed:
        facts = sorted(facts, key=lambda one: not one.phrase)
    for number, fact in enumerate(facts):
        piece = Text(" · " if number else "", style="dim")
        piece.append(visible(fact.head.name), style="cyan")
        # under a relation of mixed content, what the sentence says is what the reader wants to know
        says = f" {visible(fact.phrase)} " if mixed and fact.phrase else " → "
        piece.append(says, style="" if mixed and fact.phrase else "dim")
        piece.append(visible(fact.tail.name), style="green")
        if number and len(line) + len(piece) + len(total) > width:
            break
        line.append_text(piece)
    line.truncate(width - len(total), overflow="ellipsis")
    return line.append(total, style="dim")


def _title(relation: Relation, discovery: Discovery) -> Text:
    text = Text(style="not dim")
    for word in relation.pattern.split(" "):
        style = {"HEAD": "cyan", "TAIL": "green", "…": "dim"}.get(word, "bold")
        text.append(visible(word) + " ", style=style)
    if relation.types is not None:
        head, tail = (visible(kind or "?") for kind in relation.types)
        text.append(f"  {head} → {tail}", style="dim")
    if relation.inverse is not None:
        name = visible(discovery.relation(relation.inverse).name)
        text.append(f"  inverse of {relation.inverse} ({name})", style="dim")
    return text


def relations_tree(discovery: Discovery) -> RenderableType:
    """Return the relations as the leaves of a tree, in which those that are alike share a parent."""
    parents = {one.id: one for one in discovery.parents}
    names = {one.id: one.pattern for one in discovery.relations}

    def grow(branch: Tree, id: int) -> None:
        if id not in parents:
            branch.add(Text(f"{id}  {visible(names[id])}"))
            return
        parent = parents[id]
        below = branch.add(Text(f"{parent.distance:.2f} apart, {parent.size:,} instances", style="dim"))
        for child in parent.children:
            grow(below, child)

    root = Tree(Text("similar relations", style="bold"), guide_style="dim")
    if discovery.parents:
        grow(root, discovery.parents[-1].id)
    return root
