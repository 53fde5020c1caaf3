"""Cells of CSV that spreadsheets do not compute: text that looks like a formula begins with an apostrophe.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-``, ``@`` (or their full-width forms), a tab or a line
break. :func:`neutral` writes an apostrophe before such a text, and before one that has apostrophes before such a
character; :func:`restored` removes it again. All other texts stay as they are, so every text can be restored.
"""

from __future__ import annotations

import re

_FORMULA = re.compile("'*[=+\\-@＝＋－＠\t\r\n]")


def neutral(text: str) -> str:
    """Return a text as a cell that spreadsheets do not compute."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """Return the text of a cell that :func:`neutral` returned."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
