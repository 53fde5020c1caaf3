"""Files of text in, passages out: text, Markdown, HTML, PDF, tables and JSON Lines with a column of text, folders."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast

from relscout.errors import InputError, RecordError, UnknownNameError
from relscout.text.paragraphs import paragraphs
from relscout.text.records import (
    ENTITY_FIELDS,
    column_of,
    csv_rows,
    first_fields,
    json_rows,
    parquet_columns,
    parquet_rows,
    row_passages,
)
from relscout.text.sentences import Passage
from relscout.text.streams import (
    PACKED_ENDINGS,
    SAMPLE_BYTES,
    STANDARD_INPUT,
    File,
    opened,
    problem_of,
    stream_lines,
)

Kind = Literal["text", "markdown", "html", "pdf", "jsonl", "csv", "parquet"]

#: Ending of a file's name → what it holds. Of a folder, only files with such an ending are read.
ENDINGS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
OnSkip = Callable[[RecordError], None]


def read_passages(
    paths: Sequence[Path],
    *,
    columns: Mapping[str, str] | None = None,
    names: Mapping[Path, str] | None = None,
    on_skip: OnSkip | None = None,
) -> Iterator[Passage]:
    """Yield the passages of files and folders of text, in order; gzip, bzip2 and xz are seen through.

    Text and Markdown, JSON Lines, CSV and Parquet are read as they are needed, and may be of any size; HTML and PDF are
    read whole. Offsets of passages count the characters of their document: the file as it is decoded, line ends
    included, for text and Markdown; the text that is extracted from HTML and PDF; the cells of a document's rows, with
    two line breaks between them, for tables. Rows in which the document has the same name are one document.

    Args:
        paths: Files, folders (read with all folders in them, in the order of the names; hidden files and files with an
            unknown ending are left out) and ``Path("-")``, which is standard input.
        columns: For tables: ``"text"`` and ``"document"`` → names of the columns with the text and with the name of its
            document; where left out, those of ``TEXT_COLUMNS`` and ``NAME_COLUMNS`` of :mod:`relscout.text.records`
            that are there.
        names: Names of documents that are not to be called as their file, such as of temporary files.
        on_skip: Called with the error of each record that is wrong; without it, the first error is raised.

    Raises:
        InputError: A file is missing, empty, binary, twice among the paths, or cannot be read; a folder holds no text.
        RecordError: A line is in no known encoding, or a record is wrong.
        UnknownNameError: ``columns`` has another key.
        MissingExtraError: A file is HTML or PDF, and the extra for it is not installed.
    """
    for field in columns or {}:
        if field not in ("text", "document"):
            raise UnknownNameError("column field", field, ("text", "document"))
    lengths: dict[str, int] = {}
    for file in _files(paths, names or {}):
        with opened(file) as stream:
            for item in _read(file, stream, columns or {}, lengths):
                if isinstance(item, Passage):
                    yield item
                elif on_skip is None:
                    raise item
                else:
                    on_skip(item)


def is_plain_text(path: Path, *, columns: Mapping[str, str] | None = None) -> bool:
    """Return whether :func:`read_passages` can read a path, judged by the ending of its name and its first 64 KiB.

    It is meant for what no reader of marked pairs recognises. Records count where they have a column of text and no
    field that marks entities (:data:`~relscout.text.records.ENTITY_FIELDS`). Binary and empty files do not.

    Args:
        path: A file or folder.
        columns: As for :func:`read_passages`.
    """
    if path == Path("-"):
        return True
    if path.is_dir():
        return any(True for _ in _text_files(path))
    try:
        with opened(File(path, path.name)) as stream:
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


def _files(paths: Sequence[Path], names: Mapping[Path, str]) -> list[File]:
    """Return the files that paths stand for, each with a name that no other one has."""
    found: list[tuple[Path, str, str]] = []
    for path in paths:
        if path == Path("-"):
            found.append((path, names.get(path, STANDARD_INPUT), STANDARD_INPUT))
        elif path.is_dir():
            inside = [(one, one.relative_to(path).as_posix(), one.as_posix()) for one in _text_files(path)]
            if not inside:
                raise InputError(
                    f"{path}: the folder holds no text; expected files that end in {', '.join(ENDINGS)}"
                )
            found += inside
        elif path.exists():
            found.append((path, names.get(path, path.name), path.as_posix()))
        else:
            raise InputError(f"{path}: no such file or folder")
    for path, count in Counter(path for path, _, _ in found).items():
        if count > 1:
            raise InputError(f"{path}: given {count} times; give each file once")
    times = Counter(name for _, name, _ in found)
    return [File(path, name if times[name] == 1 else longer) for path, name, longer in found]


def _text_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place) / name
            kind = ENDINGS.get(_ending(name))
            if name.startswith(".") or kind is None or not path.is_file() or not path.stat().st_size:
                continue
            if kind in ("text", "markdown", "html", "pdf") or is_plain_text(path):
                yield path


def _ending(name: str) -> str:
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in PACKED_ENDINGS else path.suffix


def _kind(name: str, sample: bytes) -> Kind:
    """Return what a file holds, by the ending of its name; where that says nothing, by its first bytes."""
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
    """Return whether something is JSON, a table of marked pairs or the like, in a file that is not called so."""
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
        found = False
        for passage in _whole(file, stream, kind):
            found = True
            yield passage
        if not found:
            raise InputError(f"{file.path}: the page holds no text")
        return
    if kind in ("text", "markdown"):
        yield from _running_text(file, stream, sample, kind)
        return
    rows = {"jsonl": json_rows, "csv": csv_rows, "parquet": parquet_rows}[kind]
    yield from row_passages(file, rows(file, stream), columns, lengths)


def _whole(file: File, stream: IO[bytes], kind: Kind) -> Iterator[Passage]:
    if kind == "pdf":
        from relscout.text.pdf_files import pdf_passages

        return pdf_passages(io.BytesIO(stream.read()), document=file.name, path=file.path)
    from relscout.text.web_pages import web_page_passages

    return web_page_passages(stream.read(), document=file.name, path=file.path)


def _running_text(file: File, stream: IO[bytes], sample: bytes, kind: Kind) -> Iterator[Passage]:
    wide = sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # bytes that cannot be decoded become half surrogates, which are reported with their line
    encoding, errors = ("utf-16", "surrogatepass") if wide else ("utf-8-sig", "surrogateescape")
    text = io.TextIOWrapper(cast(Any, stream), encoding=encoding, errors=errors, newline="")
    try:
        lines = stream_lines(file, text)
        place = f"{file.name}, line"
        if kind == "markdown":
            from relscout.text.markdown import markdown_paragraphs

            yield from markdown_paragraphs(lines, document=file.name, place=place)
        else:
            yield from paragraphs(lines, document=file.name, place=place)
    except UnicodeDecodeError as error:
        raise InputError(f"{file.path}: damaged or cut off ({error.reason}); save it as UTF-8") from error
    finally:
        text.detach()  # the stream is closed by who opened it
