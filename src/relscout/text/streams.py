"""Files of text opened and read line by line: packing and encoding seen through, errors placed."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from relscout.errors import InputError, RecordError
from relscout.text.paragraphs import LONGEST_PASSAGE, Line, cut_place

#: Bytes by which it is decided what a file holds.
SAMPLE_BYTES = 65_536
#: Half surrogates: a byte that could not be decoded, or half of a character in a JSON escape.
FOREIGN = re.compile("[\ud800-\udfff]")
_PACKINGS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda raw: cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb")),
    b"BZh": lambda raw: cast(IO[bytes], bz2.BZ2File(raw)),
    b"\xfd7zXZ\x00": lambda raw: cast(IO[bytes], lzma.LZMAFile(raw)),  # noqa: SIM115
}

PACKED_ENDINGS = (".gz", ".bz2", ".xz")

_UNPACKED_BY_HAND = {
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it first (zstd -d)",
    b"PK\x03\x04": "a ZIP archive or an office document; unpack it, or save it as .txt, .html or .pdf",
    b"\xd0\xcf\x11\xe0": "an office document; save it as .txt, .html or .pdf",
}

_READ_AT_ONCE = 65_536

STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class File:
    """A file to read.

    Args:
        path: The file; ``Path("-")`` is standard input.
        name: Name of its document.
    """

    path: Path
    name: str


@contextmanager
def opened(file: File) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked; standard input and pipes are copied to a temporary file first.

    Raises:
        InputError: The file does not exist, cannot be read, or is packed and damaged; inside the ``with`` block too.
    """
    try:
        if file.path == Path("-"):
            raw: IO[bytes] = _copied(sys.stdin.buffer)
        else:
            raw = file.path.open("rb")
            if not raw.seekable():
                with raw as pipe:
                    raw = _copied(pipe)
    except OSError as error:
        raise InputError(f"{file.path}: {error.strerror or error}") from error
    try:
        with raw:
            beginning = raw.read(6)
            raw.seek(0)
            packing = next(
                (unpack for magic, unpack in _PACKINGS.items() if beginning.startswith(magic)), None
            )
            if packing is None:
                yield raw
            else:
                with packing(raw) as stream:
                    yield stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(
            f"{file.path}: the packed file is damaged or cut off ({error}); fetch or pack it again"
        ) from error
    except OSError as error:
        raise InputError(f"{file.path}: {error.strerror or error}") from error


def _copied(stream: IO[bytes]) -> IO[bytes]:
    copy = tempfile.SpooledTemporaryFile(max_size=16 * 2**20)  # noqa: SIM115 - closed by the caller
    while chunk := stream.read(SAMPLE_BYTES):
        copy.write(chunk)
    copy.seek(0)
    return cast(IO[bytes], copy)


def problem_of(sample: bytes) -> str | None:
    """Return why bytes are no text that can be read, where they are not."""
    for magic, what in _UNPACKED_BY_HAND.items():
        if sample.startswith(magic):
            return f"the file is {what}"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    control = sum(sample[:4096].count(bytes([code])) for code in (*range(9), *range(14, 27), *range(28, 32)))
    if b"\x00" in sample[:4096] or 20 * control > len(sample[:4096]):
        if sample[1:2000:2].count(0) * 2.5 > len(sample[:2000]) * 0.5:
            return "the file seems to be UTF-16 without a byte-order mark; save it as UTF-8"
        return "the file is binary; expected text, HTML, PDF or a table"
    return None


def stream_lines(file: File, text: io.TextIOWrapper) -> Iterator[Line]:
    """Yield the lines of a file, long ones in pieces; never more of it than some pieces is in memory.

    Args:
        file: The file, for errors.
        text: Its content, decoded with ``errors="surrogateescape"`` and ``newline=""``.

    Raises:
        RecordError: A line has a byte that could not be decoded, or a zero byte.
    """
    start, number, continues = 0, 1, False
    rest = ""
    while chunk := text.readline(_READ_AT_ONCE):
        if chunk.endswith("\r") and len(chunk) == _READ_AT_ONCE:
            # the limit may part a carriage return from its line feed
            following = text.readline(1)
            chunk, rest_after = (chunk + following, "") if following == "\n" else (chunk, following)
        else:
            rest_after = ""
        _check(file, chunk + rest_after, number)
        rest += chunk
        ended = chunk.endswith(("\n", "\r"))
        while len(rest) > LONGEST_PASSAGE:
            end = cut_place(rest)
            yield Line(rest[:end], start, number, continues=continues)
            rest, start, continues = rest[end:], start + end, True
        if ended:
            yield Line(rest, start, number, continues=continues)
            start, number, continues, rest = start + len(rest), number + 1, False, ""
        rest += rest_after
    if rest:
        yield Line(rest, start, number, continues=continues)


def _check(file: File, text: str, number: int) -> None:
    if "\x00" in text:
        raise RecordError(
            file.path,
            f"line {number}",
            "a zero byte, which no text has; is the file binary, or UTF-16 without a mark?",
        )
    if found := FOREIGN.search(text):
        byte = ord(found[0]) - 0xDC00
        if not 0x80 <= byte <= 0xFF:
            raise RecordError(file.path, f"line {number}", "half a surrogate pair, which is no Unicode text")
        meant = bytes([byte]).decode("cp1252", "ignore")
        hint = f" (it would be {meant!r} in Windows-1252)" if meant else ""
        raise RecordError(
            file.path,
            f"line {number}",
            f"byte 0x{byte:02x} is not UTF-8{hint}; save the file as UTF-8, for example with iconv -t UTF-8",
        )
