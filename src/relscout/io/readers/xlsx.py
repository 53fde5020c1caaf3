"""Tables in Excel workbooks: the first sheet, its first row the header."""

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
from relscout.io.readers.table import columns_of, row_instance

#: Excel's escape of an underscore that would begin an escaped character.
_ESCAPED = re.compile("_x005F_(?=x[0-9A-Fa-f]{4}_)")

DESCRIPTION = "Excel workbook: the columns of a CSV table in its first sheet"


def sniff(source: Source) -> bool:
    """Return whether the file is an Excel workbook."""
    return source.sample.startswith(b"PK\x03\x04") and is_workbook(source.local)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per row; empty rows are skipped.

    Raises:
        MissingExtraError: openpyxl is not installed.
        InputError: The workbook is damaged or has no header.
    """
    with sheet_rows(source) as rows:
        header = next((row for _, row in rows), None)
        if header is None:
            raise InputError(f"{source.path}: the first sheet has no header")
        names = ["" if cell is None else str(cell).strip() for cell in header]
        positions = {name: names.index(column) for name, column in columns_of(source, names).items()}
        for number, row in rows:
            values = {name: row[place] if place < len(row) else None for name, place in positions.items()}
            yield attempt(source, f"row {number}", values, partial(row_instance, offsets=source.offsets))


@contextmanager
def sheet_rows(source: Source) -> Iterator[Iterator[tuple[int, tuple[Any, ...]]]]:
    """Open the first sheet of a workbook as its rows with their numbers from 1; empty rows are skipped.

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
        rows = book.worksheets[0].iter_rows(values_only=True) if book.worksheets else iter(())
        try:
            yield (
                (number, tuple(map(_unescaped, row)))
                for number, row in enumerate(rows, start=1)
                if any(cell is not None for cell in row)
            )
        finally:
            book.close()


def _unescaped(cell: Any) -> Any:
    return _ESCAPED.sub("_", cell) if isinstance(cell, str) else cell
