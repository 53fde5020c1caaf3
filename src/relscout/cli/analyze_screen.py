"""An analysis on a screen: formats, reliance, verdict, relations, and sentences whose answer changes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relscout.analysis import FORMATS, Analysis
from relscout.analysis.estimates import Estimate
from relscout.analysis.figures import FormatFigures
from relscout.analysis.relations import Flip, Kind, RelationReliance, examples
from relscout.cli.excerpt import excerpt
from relscout.wording import counted, visible

#: Relations that are shown: those that lean on names most, and least.
_MOST, _LEAST = 8, 3
#: Instances that a relation needs to be shown, where enough relations have them.
_ENOUGH = 10
#: Sentences of each kind.
_SENTENCES = 4
_NARROWEST_BAR, _WIDEST_BAR = 8, 24
#: Width of the table of formats without its bar.
_BESIDE_BAR = 74
_TITLES: dict[Kind, str] = {
    "lost": "right with names, wrong without",
    "gained": "right without names, wrong with them",
    "changed": "answer changes without names",
}


def parts(analysis: Analysis, *, width: int) -> Iterator[RenderableType]:
    """Yield what is shown of an analysis, from top to bottom.

    Args:
        analysis: The analysis.
        width: Width of the screen in characters.
    """
    bar = max(min(width - _BESIDE_BAR, _WIDEST_BAR), _NARROWEST_BAR)
    yield _formats(analysis, bar)
    yield Text()
    yield _reliance(analysis, bar)
    yield Text()
    yield from _verdict(analysis, width)
    yield Text()
    yield _relations(analysis, width)
    for kind, title in _TITLES.items():
        found = [one for one in analysis.flips if one.kind == kind]
        if found:
            yield Text()
            yield _sentences(analysis, found, kind, f"{title}: {counted(len(found), 'instance')}", width)


def _formats(analysis: Analysis, bar: int) -> Table:
    figures = analysis.figures
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("shown", no_wrap=True, style="bold")
    table.add_column("", no_wrap=True)
    if figures.score is not None:
        table.add_column(figures.score, justify="right", no_wrap=True)
        table.add_column("95%", style="dim", no_wrap=True)
    table.add_column("keeps", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    extra = _extra_columns(analysis)
    for title in extra:
        table.add_column(title, justify="right", no_wrap=True)
    for format, one in figures.formats.items():
        table.add_row(*_row(format, FORMATS[format], one, figures.score, bar), *_extras(one, extra))
    nothing = _row("–", "nothing (majority)", figures.nothing, figures.score, bar)
    table.add_row(*nothing, *_extras(figures.nothing, extra), style="dim")
    return table


def _row(format: str, what: str, one: FormatFigures, score: str | None, bar: int) -> list[str | Text]:
    cells: list[str | Text] = [format, what]
    if score is not None:
        cells += ["–", ""] if one.score is None else [f"{one.score.value:.3f}", _interval(one.score)]
    return [*cells, f"{one.kept.value:.0%}", _bar(one.kept.value, bar)]


def _extra_columns(analysis: Analysis) -> list[str]:
    if analysis.kind == "run":
        return ["ARI", "NMI"]
    return ["still\nright", "same\nerror"] if analysis.judged else []


def _extras(one: FormatFigures, titles: list[str]) -> list[str]:
    if not titles:
        return []
    if titles[0] == "ARI":
        return [_number(one.ari), _number(one.nmi)]
    return ["–" if share is None else f"{share.value:.0%}" for share in (one.right_shared, one.wrong_same)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(one: Estimate) -> str:
    return f"{one.low:.3f}–{one.high:.3f}"


def _bar(share: float, width: int) -> Text:
    filled = round(max(min(share, 1.0), 0.0) * width)
    return Text.assemble(("█" * filled, "cyan"), ("░" * (width - filled), "dim"))


def _reliance(analysis: Analysis, bar: int) -> RenderableType:
    told = analysis.figures.reliance
    rows: list[tuple[str, Estimate | None, str]] = [
        ("context", told.context, "OnlyM"),
        ("names and types", told.mentions, "OnlyC"),
        ("  types", told.types, "regained in C+T"),
        ("  names themselves", told.names, "C+T"),
    ]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("answers that change without", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("95%", style="dim", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("seen in", style="dim", no_wrap=True)
    for what, share, where in rows:
        if share is not None:
            between = f"{share.low:.0%} to {share.high:.0%}"
            table.add_row(what, f"{share.value:.0%}", between, _bar(share.value, bar), where)
    return table


def _verdict(analysis: Analysis, width: int) -> Iterator[Text]:
    said = analysis.verdict
    # textwrap keeps what a no-break space joins together, which rich does not
    for number, sentence in enumerate(said.says):
        yield Text(_filled(sentence, width), style="bold" if number == 0 else "")
    for sentence in said.beware:
        yield _marked("beware: ", sentence, "bold yellow", width)
    for sentence in said.notes:
        text = _marked("note: ", sentence, "bold", width)
        text.stylize("dim")
        yield text


def _marked(mark: str, sentence: str, style: str, width: int) -> Text:
    text = Text(_filled(sentence, width, mark))
    text.stylize(style, 0, len(mark))
    return text


def _filled(sentence: str, width: int, mark: str = "") -> str:
    return textwrap.fill(
        visible(sentence),
        width,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_on_hyphens=False,
    )


def _relations(analysis: Analysis, width: int) -> RenderableType:
    formats = list(analysis.figures.formats)
    enough = [one for one in analysis.relations if one.count >= _ENOUGH]
    listed = enough if len(enough) > 1 else list(analysis.relations)
    cut = len(listed) > _MOST + _LEAST
    shown: list[RelationReliance | None] = [*listed[:_MOST], None, *listed[-_LEAST:]] if cut else [*listed]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    widths = [6, *(len(format) for format in formats), 4]
    table.add_column(
        "relation" if analysis.judged else "relation in C+M",
        overflow="ellipsis",
        no_wrap=True,
        max_width=width - sum(widths) - len(widths),
    )
    for title, least in zip(("size", *formats, "lost"), widths, strict=True):
        table.add_column(title, justify="right", no_wrap=True, min_width=least)
    for one in shown:
        if one is None:
            table.add_row(Text(f"… {len(listed) - _MOST - _LEAST} more", style="dim"))
            continue
        cells = [f"{one.shares[format]:.0%}" for format in formats]
        table.add_row(Text(visible(one.relation)), f"{one.count:,}", *cells, f"{one.lost:.0%}")
    what = "right" if analysis.judged else "kept"
    told = f"(shares of answers that are {what}; lost: C+M minus OnlyC"
    if len(listed) < len(analysis.relations):
        told += f"; relations with fewer than {_ENOUGH} instances are left out"
    heading = Text("relations that depend most on names first", style="bold")
    return Group(heading, table, Text(textwrap.fill(f"{told})", width), style="dim"))


def _sentences(analysis: Analysis, found: list[Flip], kind: Kind, title: str, width: int) -> RenderableType:
    lines = [Text(title, style="bold")]
    for flip in examples(found, kind, _SENTENCES):
        sentence = Text("  ").append_text(excerpt(analysis.answers.instances[flip.row], width - 2))
        sentence.truncate(width, overflow="ellipsis")
        lines += [sentence, _told(analysis, flip, width)]
    return Group(*lines)


def _told(analysis: Analysis, flip: Flip, width: int) -> Text:
    given = analysis.answers.given
    usual, bare = (visible(given[format][flip.row]) for format in ("C+M", "OnlyC"))
    line = Text.assemble(
        "    ", (usual, "red" if flip.kind == "gained" else "green"), (" → without names ", "dim")
    )
    line.append(bare, style="green" if flip.kind == "gained" else "red")
    line.truncate(width, overflow="ellipsis")
    return line
