"""Tables in Excel workbooks: the first sheet, its first row the header."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

from relscout.core.errors import InputError, MissingExtraError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.packing import is_workbook
from relscout.io.readers.source import Source, attempt
from relscout.io.readers.table import columns_of, row_instance

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
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError("reading Excel workbooks", "xlsx") from error
    try:
        # as a stream: of a path, openpyxl judges the end; of a formula, the value that was computed last
        book = load_workbook(io.BytesIO(source.local.read_bytes()), read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets those of zipfile, its XML parser and its own through
        raise InputError(f"{source.path}: the workbook cannot be read ({error}); save it again") from error
    try:
        rows = enumerate(book.worksheets[0].iter_rows(values_only=True) if book.worksheets else (), start=1)
        header = next((row for _, row in rows if any(cell is not None for cell in row)), None)
        if header is None:
            raise InputError(f"{source.path}: the first sheet has no header")
        names = ["" if cell is None else str(cell).strip() for cell in header]
        positions = {field: names.index(column) for field, column in columns_of(source, names).items()}
        for number, row in rows:
            if any(cell is not None for cell in row):
                values = {
                    field: row[place] if place < len(row) else None for field, place in positions.items()
                }
                yield attempt(source, f"row {number}", values, partial(row_instance, offsets=source.offsets))
    finally:
        book.close()
