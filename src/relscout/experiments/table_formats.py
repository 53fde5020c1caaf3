"""Tables as Markdown and as LaTeX (booktabs), with everything escaped that would mean something there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from relscout.experiments.layout import Cell, Table

#: More columns than that are shrunk to the width of the page.
_FITS = 8
#: Not printable by themselves, but part of how a text is spelled: a space that does not break, joiners.
_KEPT = "\N{NO-BREAK SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
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
    """Return a table as GitHub-flavoured Markdown: title and caption, the table, its notes.

    The columns are as wide as their content, so that it can be read as it is.
    """
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


#: Name of a format → what writes it.
FORMATS: dict[str, Callable[[Table], str]] = {"markdown": markdown, "latex": latex}


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    plain = _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN_SPECIAL.sub(r"\\\1", plain)


def escape_latex(text: str) -> str:
    """Return text that LaTeX sets as it is; characters that it has no command for need an engine that knows them."""
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
    """Keep LaTeX from taking a bracket or a star at the start of a line for an option of the line's end before it."""
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() or one in _KEPT else " " for one in text).strip()
