"""One input file, opened the way every reader needs it: gzip seen through, UTF-8 checked, errors placed."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Literal, cast

from relscout.errors import InputError, RecordError

_GZIP_MAGIC = b"\x1f\x8b"
_SAMPLE_BYTES = 65_536

#: Which pairs of a fully judged format are read: those with a relation, or also those without.
Pairs = Literal["related", "all"]


@dataclass(frozen=True)
class Source:
    """A file (or, for formats made of several files, a folder) together with what the user said about it.

    Args:
        path: The file or folder.
        labels: File with the labels, for formats that keep them apart (NYT+FB).
        columns: For tables (CSV, Parquet): our field name → the table's column name.
        pairs: For fully judged formats: whether the pairs without a relation are read as well.
    """

    path: Path
    labels: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    pairs: Pairs = "related"

    @cached_property
    def sample(self) -> bytes:
        """First bytes of the content (64 KiB at most, uncompressed); empty for a folder."""
        if self.path.is_dir():
            return b""
        with self.open() as stream:
            return _guarded_read(self.path, stream, _SAMPLE_BYTES)

    @property
    def sample_text(self) -> str:
        """The sample as text, without a byte-order mark; a character cut in two at its end is dropped."""
        return self.sample.decode("utf-8", "ignore").removeprefix("\ufeff")

    def open(self) -> IO[bytes]:
        """Open the content as bytes, unpacking gzip.

        Raises:
            InputError: The file does not exist or cannot be read.
        """
        try:
            with self.path.open("rb") as raw:
                packed = raw.read(2) == _GZIP_MAGIC
            return cast(IO[bytes], gzip.open(self.path, "rb")) if packed else self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error

    def raw_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield ``(line number from 1, line with its line end)``, without a byte-order mark.

        Only line feeds end a line: other Unicode separators stay text.

        Raises:
            InputError: The file cannot be read to its end.
        """
        with self.open() as stream:
            number = 0
            while raw := _guarded_read(self.path, stream, -1, line=True):
                number += 1
                yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw

    def decoded_lines(self) -> Iterator[tuple[int, str | RecordError]]:
        """Yield ``(line number from 1, line without its line end, or its error)``, skipping blank lines.

        Raises:
            InputError: The file cannot be read to its end.
        """
        for number, raw in self.raw_lines():
            try:
                line = raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                reason = f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8; save the file as UTF-8"
                yield number, self.error(f"line {number}", reason)
            else:
                if line.strip():
                    yield number, line

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in pieces of 64 KiB, without a byte-order mark.

        Raises:
            InputError: The file cannot be read to its end.
        """
        with self.open() as stream:
            mark = codecs.BOM_UTF8
            while chunk := _guarded_read(self.path, stream, _SAMPLE_BYTES):
                yield chunk.removeprefix(mark)
                mark = b""

    def text(self) -> str:
        """Return the whole content as text, line ends untouched.

        Raises:
            InputError: The content is not UTF-8 or cannot be read.
        """
        with self.open() as stream:
            raw = _guarded_read(self.path, stream, -1)
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise self.error(
                f"line {line}", f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
            ) from error

    def json_lines(self) -> Iterator[tuple[int, Any | RecordError]]:
        """Yield ``(line number, parsed JSON value or the error of that line)``."""
        for number, line in self.decoded_lines():
            if isinstance(line, RecordError):
                yield number, line
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:  # ValueError also for a number of over 4,300 digits
                reason = (
                    getattr(error, "msg", error) if isinstance(error, ValueError) else "nested too deeply"
                )
                yield number, self.error(f"line {number}", f"not JSON ({reason}): {shorten(line)}")

    def error(self, place: str, reason: object) -> RecordError:
        """Return the error of one record of this file."""
        return RecordError(self.path, place, str(reason))

    def at(self, place: str) -> str:
        """Return the provenance text of an instance read at ``place``."""
        return f"{self.path.name}, {place}"


def shorten(text: object, limit: int = 60) -> str:
    """Quote ``text`` for an error message, cut to ``limit`` characters."""
    quoted = repr(text)
    return quoted if len(quoted) <= limit else f"{quoted[: limit - 1]}…"


def _guarded_read(path: Path, stream: IO[bytes], size: int, *, line: bool = False) -> bytes:
    try:
        return stream.readline() if line else stream.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the gzip file is damaged or cut off ({error}); fetch or pack it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
