"""Text files, line by line: gzip seen through, UTF-8 checked."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from relscout.errors import InputError, RecordError

_GZIP_MAGIC = b"\x1f\x8b"


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield ``(line number from 1, line without its line end)``, skipping blank lines; gzip is seen through.

    Raises:
        RecordError: A line is not UTF-8.
        InputError: The file does not exist or cannot be read to its end.
    """
    for number, line in lines_or_errors(path):
        if isinstance(line, RecordError):
            raise line
        yield number, line


def lines_or_errors(path: Path) -> Iterator[tuple[int, str | RecordError]]:
    """Yield lines as :func:`lines` does, and one that is not UTF-8 as its error.

    Raises:
        InputError: The file does not exist or cannot be read to its end.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
        with gzip.open(path) if packed else path.open("rb") as stream:
            for number, raw_line in enumerate(stream, 1):
                line = _decoded(path, number, raw_line)
                if isinstance(line, RecordError) or line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the gzip file is damaged or cut off ({error}); fetch or pack it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _decoded(path: Path, number: int, raw_line: bytes) -> str | RecordError:
    try:
        return raw_line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} (0x{raw_line[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        return RecordError(path, f"line {number}", reason)
