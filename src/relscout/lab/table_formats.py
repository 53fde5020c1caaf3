"""Tables as Markdown and LaTeX: cells, numbers with units, and escaping."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relscout.metrics import MeanStd

_MINUS = "\N{MINUS SIGN}"


def percent(value: MeanStd) -> str:
    """Format a score of 0 to 1 in percent: ``49.1 ± 0.4``, or ``49.1`` without a standard deviation."""
    mean = _plain(value.mean * 100)
    return mean if value.std is None else f"{mean} ± {value.std * 100:.1f}"


def rounded(score: float) -> float:
    """Return a score of 0 to 1 in percent, rounded as it is printed."""
    return float(f"{score * 100:.1f}")


def difference(ours: MeanStd, published: float) -> str:
    """Format ours minus published in points: ``+0.8``, ``−1.2``, ``0.0``.

    Args:
        ours: A score of 0 to 1.
        published: The published score in percent.
    """
    points = _plain(ours.mean * 100 - published)
    return points if points.startswith(_MINUS) or points == "0.0" else f"+{points}"


def as_printed(value: float) -> str:
    """Format a published figure in percent with its printed decimals, at least one."""
    text = f"{value:.10g}".replace("-", _MINUS)
    return text if "." in text else f"{text}.0"


def between(values: list[int]) -> str:
    """Format the range of some counts: ``16``, or ``14–17`` if they differ."""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit: ``< 0.1 s``, ``3.2 s``, ``45 s``, ``12.3 min``, ``3.4 h``."""
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 7197:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def memory(mebibytes: float) -> str:
    """Format a size in memory: ``640 MiB``, ``1.8 GiB``."""
    return f"{mebibytes:.0f} MiB" if mebibytes < 1023.5 else f"{mebibytes / 1024:.1f} GiB"


def parameters(count: int) -> str:
    """Format a number of parameters: ``22.6 M``, ``110 M``, ``1.3 B``, ``950``."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count}"


def _plain(value: float) -> str:
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", _MINUS)


#: Text of an empty cell.
NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """A cell of a table; plain text on one line, which a format escapes."""

    text: str = NOTHING
    bold: bool = False
    mark: str = ""
    """Letters of its notes, joined by commas."""


@dataclass(frozen=True)
class Column:
    """A column: its title and alignment."""

    title: str
    numeric: bool = True
    """Numbers are aligned to the right, texts to the left."""


@dataclass(frozen=True)
class Note:
    """A line below a table."""

    text: str
    mark: str = ""
    """Letter in the cells; empty for a note about the whole table."""


Row = Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """A table with a title, a caption, columns, and rows in blocks."""

    name: str
    """A short name without spaces, for references."""
    title: str
    caption: str
    """What a reader has to know to read the figures."""
    columns: Sequence[Column]
    blocks: Sequence[Sequence[Row]]
    """The rows; each has a cell for every column."""
    notes: Sequence[Note] = ()

    @property
    def rows(self) -> list[Row]:
        """All rows in order."""
        return [row for block in self.blocks for row in block]


#: Wider tables are shrunk to the width of the page.
_FITS = 8
#: Unprintable characters that are part of the spelling.
_SPELLING = "\N{NO-BREAK SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_NOT_IN_LABELS = re.compile("[^A-Za-z0-9.-]+")
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "²": "$^2$",
    "³": "$^3$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "Δ": r"$\Delta$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
}


def markdown(table: Table) -> str:
    """Return a table as GitHub-flavoured Markdown with aligned columns: title and caption, the table, its notes."""
    rows = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    head = [escape_markdown(column.title) for column in table.columns]
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]
    rules = [
        "-" * (width - 1) + ":" if column.numeric else "-" * width
        for width, column in zip(widths, table.columns, strict=True)
    ]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(cells, widths, table.columns, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    notes = [
        " ".join(filter(None, ("-", _markdown_mark(note.mark), escape_markdown(note.text))))
        for note in table.notes
    ]
    parts = [
        f"**{escape_markdown(table.title)}.** {escape_markdown(table.caption)}".rstrip(),
        "\n".join(map(line, (head, rules, *rows))),
        *(["\n".join(notes)] if notes else []),
    ]
    return "\n\n".join(parts) + "\n"


def latex(table: Table) -> str:
    """Return a table as a LaTeX ``table*``; it needs the packages booktabs and graphicx."""
    wide = len(table.columns) > _FITS
    columns = "".join("r" if column.numeric else "l" for column in table.columns)
    head = _latex_line([escape_latex(column.title) for column in table.columns])
    blocks = [
        "\n".join(_latex_line([_latex_cell(cell) for cell in row]) for row in block) for block in table.blocks
    ]
    notes = [_protected(_latex_mark(note.mark) + escape_latex(note.text)) for note in table.notes]
    lines = [
        r"\begin{table*}[t]",
        r"\centering",
        rf"\caption{{\textbf{{{escape_latex(table.title)}.}} {escape_latex(table.caption)}}}",
        rf"\label{{tab:{_NOT_IN_LABELS.sub('-', table.name)}}}",
        *([r"\resizebox{\textwidth}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        head,
        *(f"\\midrule\n{block}" for block in blocks if block),
        r"\bottomrule",
        r"\end{tabular}" + ("}" if wide else ""),
        *([r"\par\smallskip\raggedright\footnotesize", " \\\\\n".join(notes)] if notes else []),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


#: Name of a format → its writer.
FORMATS: dict[str, Callable[[Table], str]] = {"markdown": markdown, "latex": latex}


def escape_markdown(text: str) -> str:
    """Escape text for Markdown, on one line."""
    plain = _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN_SPECIAL.sub(r"\\\1", plain)


def escape_latex(text: str) -> str:
    """Escape text for LaTeX; characters without a command need an engine for Unicode."""
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


def _markdown_cell(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    text = f"**{text}**" if cell.bold else text
    return text + _markdown_mark(cell.mark)


def _markdown_mark(mark: str) -> str:
    return f"<sup>{mark}</sup>" if mark else ""


def _latex_cell(cell: Cell) -> str:
    text = escape_latex(cell.text)
    text = rf"\textbf{{{text}}}" if cell.bold else text
    return text + _latex_mark(cell.mark)


def _latex_mark(mark: str) -> str:
    return rf"\textsuperscript{{{mark}}}" if mark else ""


def _latex_line(cells: Sequence[str]) -> str:
    return _protected(" & ".join(cells)) + r" \\"


def _protected(line: str) -> str:
    """Keep LaTeX from reading a bracket or a star at the start of a line as an option of the previous line's end."""
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


def _one_line(text: str) -> str:
    return "".join(
        character if character.isprintable() or character in _SPELLING else " " for character in text
    ).strip()
