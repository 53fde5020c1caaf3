"""Reads passages from files and folders: text, Markdown, HTML, PDF, tables and JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

from relscout.core.errors import InputError, RecordError, UnknownNameError
from relscout.core.files import files_in
from relscout.io.packing import PACKED_ENDINGS, exists
from relscout.text import Passage
from relscout.text.paragraphs import (
    FOREIGN,
    SAMPLE_BYTES,
    STANDARD_INPUT,
    File,
    lines_of,
    opened,
    paragraphs,
    problem_of,
    stream_lines,
)

#: Names of the text column, in order of preference; case is ignored.
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
#: Names of the column with the name of the document.
NAME_COLUMNS = ("document", "doc_id", "document_id", "id", "title", "url")
_MARKED = (
    "head tail h t subj obj e1 e2 entity1 entity2 entities entity_mentions relation relations "
    "relationmentions triples triple_list spo_list vertexset ner tokens sents entity1_start subj_start "
    "head_start tail_start obj_start head_offset tail_offset senttext label_id"
)
#: Fields of records with marked entities: such a file is not plain text, even if it is invalid.
ENTITY_FIELDS = frozenset(_MARKED.split())
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 2**31 - 1
_ROWS_AT_ONCE = 1024
Row = tuple[str, dict[str, Any] | RecordError]


def row_passages(
    file: File, rows: Iterable[Row], columns: Mapping[str, str], lengths: dict[str, int]
) -> Iterator[Passage | RecordError]:
    """Yield the paragraphs of the texts of rows, and the errors of invalid rows.

    Args:
        file: The file of the rows.
        rows: The rows with their places; rows without a text are skipped.
        columns: The user's names for ``"text"`` and ``"document"``.
        lengths: Current length of each named document; updated.

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
    if foreign := FOREIGN.search(text):
        byte = ord(foreign[0]) - 0xDC00
        if 0x80 <= byte <= 0xFF:
            raise InputError(
                f"byte 0x{byte:02x} in the field {column!r} is not UTF-8; name its encoding, such as --encoding cp1252"
            )
        raise InputError(
            f"the field {column!r} has half a surrogate pair at character {foreign.start()}, which is not Unicode "
            "text; was an emoji cut in two?"
        )


def column_of(field: str, present: Sequence[str], columns: Mapping[str, str]) -> str | None:
    """Return the column of a field (``"text"`` or ``"document"``), or ``None``."""
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
    # numbers are unique only within a file
    return f"{file.name}, {column} {name}" if name.isdigit() else name


def json_rows(file: File, stream: IO[bytes]) -> Iterator[Row]:
    """Yield the objects of JSON Lines, or the errors of invalid lines, with their places."""
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
            byte = f"byte {error.start} (0x{raw[error.start]:02x})"
            reason = f"{byte} is not UTF-8; name its encoding, such as --encoding cp1252"
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
    """Yield the rows of a table with a header, or the errors of invalid rows, with their places."""
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
    """Yield the rows of a Parquet file with their places.

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
    """Return the field names of the first record, if there is one."""
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


Kind = Literal["text", "markdown", "html", "pdf", "jsonl", "csv", "parquet"]

#: File extension → kind of content. Folders are searched for these extensions.
ENDINGS: dict[str, Kind] = {
    **dict.fromkeys((".txt", ".text", ".rst"), "text"),
    **dict.fromkeys((".md", ".markdown"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".parquet": "parquet",
}
OnSkip = Callable[[RecordError], None]


def read_passages(
    paths: Sequence[Path],
    *,
    columns: Mapping[str, str] | None = None,
    names: Mapping[Path, str] | None = None,
    on_skip: OnSkip | None = None,
    encoding: str | None = None,
) -> Iterator[Passage]:
    """Yield the passages of files and folders of text in order; packed files are decompressed.

    Text, Markdown, JSON Lines, CSV and Parquet are streamed and may be of any size; HTML and PDF are loaded whole.
    Offsets of passages count the characters of their document: of the decoded file, line ends included, for text and
    Markdown; of the extracted text for HTML and PDF; of the cells of the document's rows, separated by two line breaks,
    for tables. Rows with the same document name form one document.

    Args:
        paths: Files, folders (searched recursively, sorted by name, without hidden files and unknown extensions) and
            ``Path("-")`` for standard input. Results of relscout in a folder are not read.
        columns: For tables: ``"text"`` and ``"document"`` → column names; by default the first of ``TEXT_COLUMNS`` and
            ``NAME_COLUMNS`` of :mod:`relscout.text.documents` that exists.
        names: Document names that differ from the file name, such as for temporary files.
        on_skip: Called with the error of each invalid record; without it, the first error is raised.
        encoding: Encoding of the text; UTF-8 when left out, unless the file says otherwise.

    Raises:
        InputError: A file is missing, empty, binary, given twice, or cannot be read; a folder holds no text.
        RecordError: A line has an unknown encoding, or a record is invalid.
        UnknownNameError: ``columns`` has another key.
        MissingExtraError: A file is HTML or PDF, and the extra for it is not installed.
    """
    for field in columns or {}:
        if field not in ("text", "document"):
            raise UnknownNameError("column field", field, ("text", "document"))
    lengths: dict[str, int] = {}
    for file in _files(paths, names or {}):
        with opened(file, encoding=encoding) as stream:
            for item in _read(file, stream, columns or {}, lengths):
                if isinstance(item, Passage):
                    yield item
                elif on_skip is None:
                    raise item
                else:
                    on_skip(item)


def passages_of(text: str, *, document: str = "") -> Iterator[Passage]:
    """Yield the passages of a text, as :func:`read_passages` does for a file of plain text with this content.

    Args:
        text: The text; it may have several paragraphs.
        document: Name of the document, or empty.

    Raises:
        RecordError: The text has a zero byte.
    """
    name = document or "text"
    lines = stream_lines(File(Path(name), name), io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return paragraphs(lines, document=document, place=f"{name}, line")


def is_plain_text(
    path: Path, *, columns: Mapping[str, str] | None = None, encoding: str | None = None
) -> bool:
    """Return whether :func:`read_passages` can read a path, by its extension and its first 64 KiB.

    It is meant for files that no reader of marked pairs recognises. Records need a text column and no field of
    :data:`~relscout.text.documents.ENTITY_FIELDS`. Binary and empty files are refused.

    Args:
        path: A file or folder.
        columns: As for :func:`read_passages`.
        encoding: As for :func:`read_passages`.
    """
    if path.is_dir():
        return any(True for _ in _text_files(path))
    try:
        with opened(File(path, path.name), encoding=encoding) as stream:
            sample = stream.read(SAMPLE_BYTES)
            kind = _kind(path.name, sample)
            if kind in ("html", "pdf"):
                return True
            if kind == "parquet":
                stream.seek(0)
                fields: Sequence[str] = parquet_columns(stream, path)
            elif not sample.strip() or problem_of(sample) is not None:
                return False
            elif kind == "text":
                return not _looks_like_records(sample)
            elif kind == "markdown":
                return True
            else:
                fields = first_fields(sample, table=kind == "csv")
    except InputError:
        return False
    return (
        not ENTITY_FIELDS.intersection(map(str.lower, fields))
        and column_of("text", fields, columns or {}) is not None
    )


def kind_of(path: Path, *, encoding: str | None = None) -> Kind:
    """Return the kind of content of a file of text, by its extension or else by its first bytes.

    Raises:
        InputError: It cannot be read.
    """
    with opened(File(path, path.name), encoding=encoding) as stream:
        return _kind(path.name, stream.read(SAMPLE_BYTES))


def _files(paths: Sequence[Path], names: Mapping[Path, str]) -> list[File]:
    """Return the files of paths and folders, each with a unique name."""
    files: list[tuple[Path, str, str]] = []
    for path in paths:
        if path == Path("-"):
            files.append((path, names.get(path, STANDARD_INPUT), STANDARD_INPUT))
        elif path.is_dir():
            inside = [
                (file, file.relative_to(path).as_posix(), file.as_posix()) for file in _text_files(path)
            ]
            if not inside:
                raise InputError(
                    f"{path}: the folder holds no text; expected files that end in {', '.join(ENDINGS)}"
                )
            files += inside
        elif exists(path):
            files.append((path, names.get(path, path.name), path.as_posix()))
        else:
            raise InputError(f"{path}: no such file or folder")
    for path, count in Counter(path for path, _, _ in files).items():
        if count > 1:
            raise InputError(f"{path}: given {count} times; give each file once")
    times = Counter(name for _, name, _ in files)
    return [File(path, name if times[name] == 1 else longer) for path, name, longer in files]


def _text_files(folder: Path) -> Iterator[Path]:
    for path in files_in(folder):
        kind = ENDINGS.get(_ending(path.name))
        if kind is None or not path.is_file() or not path.stat().st_size:
            continue
        if kind in ("text", "markdown", "html", "pdf") or is_plain_text(path):
            yield path


def _ending(name: str) -> str:
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in PACKED_ENDINGS else path.suffix


def _kind(name: str, sample: bytes) -> Kind:
    """Return the kind of content of a file, by its extension or else by its first bytes."""
    if sample.startswith(b"%PDF-"):
        return "pdf"
    if sample.startswith(b"PAR1"):
        return "parquet"
    ending = _ending(name)
    if ending in ENDINGS and ending != ".txt":
        return ENDINGS[ending]
    beginning = sample.removeprefix(codecs.BOM_UTF8).lstrip()[:64].lower()
    if beginning.startswith((b"<!doctype html", b"<html")):
        return "html"
    if beginning.startswith(b"{") and first_fields(sample, table=False):
        return "jsonl"
    fields = [] if ending else first_fields(sample, table=True)
    if (
        len(fields) > 1
        and all(re.fullmatch(r"\w+", field) for field in fields)
        and column_of("text", fields, {})
    ):
        return "csv"
    return "text"


def _looks_like_records(sample: bytes) -> bool:
    """Return whether the content is JSON, a table of marked pairs or similar, despite the extension."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        sample = sample.decode("utf-16", "ignore").encode()
    beginning = sample.removeprefix(codecs.BOM_UTF8).lstrip()
    if b"<e1>" in sample and b"</e2>" in sample:
        return True
    if beginning.startswith((b"{", b"[{", b"[\n", b"[ {", b"[[")):
        return True
    fields = {field.strip().lower() for field in first_fields(sample, table=True)}
    return len(fields) > 1 and bool(fields & ENTITY_FIELDS)


def _read(
    file: File, stream: IO[bytes], columns: Mapping[str, str], lengths: dict[str, int]
) -> Iterator[Passage | RecordError]:
    sample = stream.read(SAMPLE_BYTES)
    if not sample.strip():
        raise InputError(f"{file.path}: the file is empty")
    kind = _kind(file.name, sample)
    stream.seek(0)
    if kind not in ("html", "pdf", "parquet") and (problem := problem_of(sample)):
        raise InputError(f"{file.path}: {problem}")
    if kind in ("html", "pdf"):
        empty = True
        for passage in _whole(file, stream, kind):
            empty = False
            yield passage
        if empty:
            scanned = "; if it is scanned, recognise its text with an OCR program" if kind == "pdf" else ""
            raise InputError(f"{file.path}: the page holds no text{scanned}")
        return
    if kind in ("text", "markdown"):
        yield from _running_text(file, stream, sample, kind)
        return
    rows = {"jsonl": json_rows, "csv": csv_rows, "parquet": parquet_rows}[kind]
    yield from row_passages(file, rows(file, stream), columns, lengths)


def _whole(file: File, stream: IO[bytes], kind: Kind) -> Iterator[Passage]:
    if kind == "pdf":
        from relscout.text.markup import pdf_passages

        return pdf_passages(io.BytesIO(stream.read()), document=file.name, path=file.path)
    from relscout.text.markup import web_page_passages

    return web_page_passages(stream.read(), document=file.name, path=file.path)


def _running_text(file: File, stream: IO[bytes], sample: bytes, kind: Kind) -> Iterator[Passage]:
    wide = sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # undecodable bytes become half surrogates, which are reported with their line
    encoding, errors = ("utf-16", "surrogatepass") if wide else ("utf-8-sig", "surrogateescape")
    text = io.TextIOWrapper(cast(Any, stream), encoding=encoding, errors=errors, newline="")
    try:
        lines = stream_lines(file, text)
        place = f"{file.name}, line"
        if kind == "markdown":
            from relscout.text.markup import markdown_paragraphs

            yield from markdown_paragraphs(lines, document=file.name, place=place)
        else:
            yield from paragraphs(lines, document=file.name, place=place)
    except UnicodeDecodeError as error:
        raise InputError(f"{file.path}: damaged or cut off ({error.reason}); save it as UTF-8") from error
    finally:
        text.detach()  # the caller closes the stream
