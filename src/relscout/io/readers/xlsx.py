"""Tables in Excel workbooks: the first sheet with the columns of a table, its first row the header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from relscout.core.errors import InputError, MissingExtraError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.packing import is_workbook
from relscout.io.readers.source import Source, attempt
from relscout.io.readers.table import columns_of, is_table_of_ours, row_instance, warn_of_unread

#: Excel's escape of an underscore that would begin an escaped character.
_ESCAPED = re.compile("_x005F_(?=x[0-9A-Fa-f]{4}_)")

DESCRIPTION = "Excel workbook: the columns of a CSV table in its first sheet"


def sniff(source: Source) -> bool:
    """Return whether the file is an Excel workbook."""
    return source.sample.startswith(b"PK\x03\x04") and is_workbook(source.local)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per row of the first sheet that has the required columns; empty rows are skipped.

    Other sheets that are not empty are announced.

    Raises:
        MissingExtraError: openpyxl is not installed.
        InputError: The workbook is damaged or has no header.
    """
    with sheet_rows(source) as rows:
        header = next((row for _, row in rows), None)
        if header is None:
            raise InputError(f"{source.path}: the first sheet has no header")
        names = _names(header)
        positions = {name: names.index(column) for name, column in columns_of(source, names).items()}
        warn_of_unread(source, names, positions)
        for number, row in rows:
            values = {name: row[place] if place < len(row) else None for name, place in positions.items()}
            yield attempt(source, f"row {number}", values, partial(row_instance, offsets=source.offsets))


@contextmanager
def sheet_rows(source: Source) -> Iterator[Iterator[tuple[int, tuple[Any, ...]]]]:
    """Open a sheet of a workbook as its rows with their numbers from 1; empty rows are skipped.

    It is the first sheet that has the required columns, or else the first one. Other sheets that are not empty are
    announced.

    Raises:
        MissingExtraError: openpyxl is not installed.
        InputError: The workbook is damaged.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError("reading Excel workbooks", "xlsx") from error
    # openpyxl would judge a path by its extension
    with source.local.open("rb") as stream:
        try:
            # the last computed value of a formula
            book = load_workbook(stream, read_only=True, data_only=True)
        except Exception as error:  # openpyxl passes on errors of zipfile and its XML parser
            raise InputError(
                f"{source.path}: the workbook cannot be read ({error}); save it again"
            ) from error
        rows = _sheet(source, book.worksheets).iter_rows(values_only=True) if book.worksheets else iter(())
        try:
            yield (
                (number, tuple(map(_unescaped, row)))
                for number, row in enumerate(rows, start=1)
                if any(cell is not None for cell in row)
            )
        finally:
            book.close()


def _sheet(source: Source, sheets: list[Any]) -> Any:
    """Return the sheet that is read, and announce the others."""
    if len(sheets) == 1:
        return sheets[0]
    headers = {
        sheet.title: next((row for row in sheet.iter_rows(values_only=True) if any(row)), None)
        for sheet in sheets
    }
    fitting = (
        sheet for sheet in sheets if is_table_of_ours(_names(headers[sheet.title] or ()), source.columns)
    )
    chosen = next(fitting, sheets[0])
    others = [
        repr(title) for title, header in headers.items() if header is not None and title != chosen.title
    ]
    if others:
        source.warn(
            f"only the sheet {chosen.title!r} is read, and not {', '.join(others)}; save each sheet that you mean as a "
            "file"
        )
    return chosen


def _names(header: tuple[Any, ...]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in header]


def _unescaped(cell: Any) -> Any:
    return _ESCAPED.sub("_", cell) if isinstance(cell, str) else cell
