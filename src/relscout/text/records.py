"""Records with a column of text in, passages out: rows of CSV, TSV and Parquet, and lines of JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from relscout.errors import InputError, RecordError
from relscout.text.paragraphs import lines_of, paragraphs
from relscout.text.sentences import Passage
from relscout.text.streams import FOREIGN, SAMPLE_BYTES, File

#: Names under which the column of text is looked for, the first one that is there; the case makes no difference.
TEXT_COLUMNS = (
    "text",
    "sentence",
    "content",
    "body",
    "abstract",
    "paragraph",
    "passage",
    "article",
    "document_text",
)
#: Names under which the name of a document is looked for.
NAME_COLUMNS = ("document", "doc_id", "document_id", "id", "title", "url")
_MARKED = (
    "head tail h t subj obj e1 e2 entity1 entity2 entities entity_mentions relation relations "
    "relationmentions triples triple_list spo_list vertexset ner tokens sents entity1_start subj_start "
    "head_start tail_start obj_start head_offset tail_offset senttext label_id"
)
#: Fields of records in which entities are marked already: such a file is no plain text, even if it is wrong.
ENTITY_FIELDS = frozenset(_MARKED.split())
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 2**31 - 1
_ROWS_AT_ONCE = 1024
Row = tuple[str, dict[str, Any] | RecordError]


def row_passages(
    file: File, rows: Iterable[Row], columns: Mapping[str, str], lengths: dict[str, int]
) -> Iterator[Passage | RecordError]:
    """Yield the paragraphs of the texts of rows, and the errors of rows that are wrong.

    Args:
        file: The file that the rows are from.
        rows: The rows, with their places; a row without a text is left out.
        columns: The user's names for ``"text"`` and ``"document"``.
        lengths: How long each named document is so far; brought up to date.

    Raises:
        InputError: No row has a text.
    """
    empty = True
    for place, row in rows:
        if not isinstance(row, RecordError):
            try:
                text = _text(row, columns)
                name = _document(file, row, columns)
            except InputError as error:
                row = RecordError(file.path, place, str(error))
        if isinstance(row, RecordError):
            empty = False
            yield row
            continue
        if not text.strip():
            continue
        empty = False
        source = f"{file.name}, {place}"
        start = 0
        if name is not None:
            start = lengths.get(name, 0)
            lengths[name] = start + len(text) + 2
        for passage in paragraphs(lines_of(text, start=start), document=name or source, place=source):
            yield Passage(passage.text, passage.document, passage.start, source, passage.removed)
    if empty:
        raise InputError(f"{file.path}: no row with a text")


def _text(row: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    column = column_of("text", list(row), columns)
    if column is None:
        wanted = f"no column {columns['text']!r}" if "text" in columns else "no column of text"
        raise InputError(
            f"{wanted}; there are {', '.join(map(repr, row)) or 'none'}; say which holds the text, for example "
            "--columns text=summary (as an argument: columns={'text': 'summary'})"
        )
    text = row[column]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InputError(f"the field {column!r} is of the type {type(text).__name__}; expected a string")
    _check(column, text)
    return text


def _check(column: str, text: str) -> None:
    if found := FOREIGN.search(text):
        byte = ord(found[0]) - 0xDC00
        if 0x80 <= byte <= 0xFF:
            raise InputError(
                f"byte 0x{byte:02x} in the field {column!r} is not UTF-8; save the file as UTF-8"
            )
        raise InputError(
            f"the field {column!r} has half a surrogate pair at character {found.start()}, which is no Unicode text; "
            "was an emoji cut in two?"
        )


def column_of(field: str, present: Sequence[str], columns: Mapping[str, str]) -> str | None:
    """Return the column that holds a field; ``None`` where there is none.

    Args:
        field: ``"text"`` or ``"document"``.
        present: Names of the columns.
        columns: The user's names for fields.
    """
    if field in columns:
        return columns[field] if columns[field] in present else None
    by_name = {name.strip().lower(): name for name in reversed(present)}
    wanted = TEXT_COLUMNS if field == "text" else NAME_COLUMNS
    return next((by_name[name] for name in wanted if name in by_name), None)


def _document(file: File, row: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    column = column_of("document", list(row), columns)
    value = row[column] if column else None
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        return None
    name = " ".join(str(value).split())
    _check(str(column), name)
    # numbers are counted anew in each file, so they say which document only together with it
    return f"{file.name}, {column} {name}" if name.isdigit() else name


def json_rows(file: File, stream: IO[bytes]) -> Iterator[Row]:
    """Yield the objects of JSON Lines with their place; a line that is none as its error."""
    number = 0
    while raw := stream.readline():
        number += 1
        place = f"line {number}"
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            if not line.strip():
                continue
            record = json.loads(line)
        except UnicodeDecodeError as error:
            reason = f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8; save the file as UTF-8"
            yield place, RecordError(file.path, place, reason)
        except (ValueError, RecursionError) as error:
            yield (
                place,
                RecordError(file.path, place, f"not JSON ({getattr(error, 'msg', error)}): {line[:60]!r}"),
            )
        else:
            if isinstance(record, dict):
                yield place, record
            else:
                yield (
                    place,
                    RecordError(file.path, place, f"expected an object with a text, got {line[:60]!r}"),
                )


def csv_rows(file: File, stream: IO[bytes]) -> Iterator[Row]:
    """Yield the rows of a table with a header, with their place; a row that is none as its error."""
    text = io.TextIOWrapper(cast(Any, stream), encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        csv.field_size_limit(_LONGEST_CELL)
        first = text.readline()
        delimiter = _delimiter(first)
        header = [cell.strip() for cell in _cells(first, delimiter)]
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            place = f"line {rows.line_num + 2}"
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield place, RecordError(file.path, place, f"not a row of a table ({error})")
                continue
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                reason = f"the row has {len(row)} cells, the header has {len(header)}: {str(row)[:60]}"
                yield place, RecordError(file.path, place, f"{reason}; are quotation marks missing?")
                continue
            yield place, dict(zip(header, row, strict=True))
    finally:
        text.detach()


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=lambda delimiter: len(_cells(header, delimiter)))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return []


def parquet_columns(stream: IO[bytes], path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file.

    Raises:
        InputError: The file is damaged.
    """
    return [str(name) for name in _parquet(stream, path).schema_arrow.names]


def _parquet(stream: IO[bytes], path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(stream)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"{path}: the Parquet file is damaged or cut off ({reason})") from error


def parquet_rows(file: File, stream: IO[bytes]) -> Iterator[Row]:
    """Yield the rows of a Parquet file with their place.

    Raises:
        InputError: The file is damaged.
    """
    import pyarrow as pa

    table = _parquet(stream, file.path)
    number = 0
    try:
        for batch in table.iter_batches(_ROWS_AT_ONCE):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise RecordError(file.path, f"after row {number}", f"damaged, or no text ({reason})") from error


def first_fields(sample: bytes, *, table: bool) -> list[str]:
    """Return the names of the fields of the first record; none where there is no record."""
    lines = sample.decode("utf-8-sig", "replace").strip().splitlines()
    if not lines:
        return []
    if table:
        return [cell.strip() for cell in _cells(lines[0], _delimiter(lines[0]))]
    try:
        record = json.loads(lines[0])
    except (ValueError, RecursionError):
        # the first line may be longer than the sample
        keys = re.findall(r'[{,]\s*"(\w+)"\s*:', lines[0]) if len(lines) == 1 and lines[0][:1] == "{" else []
        return [*keys] if len(sample) == SAMPLE_BYTES else []
    return [str(key) for key in record] if isinstance(record, dict) else []
