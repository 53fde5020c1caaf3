"""Tables as Parquet files, Arrow files and folders of Hugging Face datasets, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers.rows import column_names, rows
from relscout.io.readers.source import Source, attempt
from relscout.io.readers.table import columns_of, is_table_of_ours, row_instance, warn_of_unread

DESCRIPTION = (
    "Table: Parquet (or Hugging Face datasets on disk) with the columns text, head and tail, or with head_start … "
    "tail_end (end exclusive)"
)


def sniff(source: Source) -> bool:
    """Return whether the source has rows with the required columns; other rows are records of another format."""
    if not source.has_rows or not is_table_of_ours(column_names(source.local), source.columns):
        return False
    head = source.columns.get("head", "head")
    return not any(
        isinstance(row.get(head), dict) for _, row in rows(source.local, per_batch=1) if isinstance(row, dict)
    )


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per row, counted from 1.

    Raises:
        InputError: The file is not Parquet or Arrow, is packed with gzip, or lacks a required column.
    """
    if not source.has_rows:
        raise InputError(f"{source.path}: the file is not a Parquet file")
    names = column_names(source.local)
    columns = columns_of(source, names)
    warn_of_unread(source, names, columns)
    for place, row in rows(source.local, list(columns.values())):
        record = (
            row if isinstance(row, RecordError) else {field: row[column] for field, column in columns.items()}
        )
        yield attempt(source, place, record, partial(row_instance, offsets=source.offsets))
