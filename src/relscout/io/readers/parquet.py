"""Tables as Parquet files, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers.source import Source, attempt
from relscout.io.readers.table import columns_of, row_instance

if TYPE_CHECKING:
    import pyarrow as pa

DESCRIPTION = (
    "Table: Parquet with the columns text, head and tail, or with head_start … tail_end (end exclusive)"
)

_MAGIC = b"PAR1"
_ROWS_PER_BATCH = 1024


def sniff(source: Source) -> bool:
    """Return whether the file begins as every Parquet file does."""
    return source.sample.startswith(_MAGIC)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per row, counted from 1.

    Raises:
        InputError: The file is not Parquet, is packed with gzip, or lacks a required column.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not sniff(source):
        raise InputError(f"{source.path}: the file is not a Parquet file")
    with source.path.open("rb") as raw:
        if raw.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{source.path}: the Parquet file is packed with gzip; unpack it first")
    failures = (pa.ArrowException, OSError, ValueError)
    try:
        table = parquet.ParquetFile(source.path)
    except failures as error:
        raise InputError(f"{source.path}: the Parquet file is damaged or cut off ({_line(error)})") from error
    with table:
        columns = columns_of(source, table.schema_arrow.names)
        batches = table.iter_batches(_ROWS_PER_BATCH, columns=sorted(set(columns.values())))
        number = 0
        while True:
            try:
                batch = next(batches, None)
            except failures as error:
                place = f"after row {number}"
                yield source.error(place, f"the Parquet file is damaged or cut off ({_line(error)})")
                return
            if batch is None:
                return
            for row in _rows(batch):
                number += 1
                place = f"row {number}"
                if isinstance(row, UnicodeDecodeError):
                    yield source.error(place, "a text in this row is not UTF-8; write the file again")
                    continue
                values = {field: row[column] for field, column in columns.items()}
                yield attempt(source, place, values, row_instance)


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | UnicodeDecodeError]:
    """Yield the rows of a batch; one with a text that is not UTF-8 as the error that it gives."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for index in range(batch.num_rows):
            try:
                yield batch.slice(index, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield error


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
