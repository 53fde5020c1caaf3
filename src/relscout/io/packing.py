"""Opening an input: packed files, members of ZIP archives, pipes and standard input, text in any encoding."""

from __future__ import annotations

import atexit
import bz2
import codecs
import gzip
import io
import lzma
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from relscout.core.errors import InputError, SettingError

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")
#: What reading a file may raise.
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
#: A line is no longer than this many bytes: a packed file of a few MB can hold a line that fills any memory.
LONGEST_LINE = 1 << 28

_ZIP = b"PK\x03\x04"
_COPIED_AT_ONCE = 1 << 20


class _Rewindable(io.RawIOBase):
    """A stream that is made from another one, and can go back to its beginning but nowhere else."""

    _stream: Any

    def __init__(self) -> None:
        self._place = 0
        self._begin()

    def _begin(self) -> None:
        """Prepare to read from the beginning of ``_stream``."""
        raise NotImplementedError

    def _next(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; none at the end."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._next(len(buffer))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset or whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only the beginning can be sought")
        self._place = 0
        self._begin()
        return 0

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Zstandard(_Rewindable):
    """The content of a Zstandard file; Python has no module for it before 3.14, and Arrow's stream has no lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__()

    def _begin(self) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.OSFile(str(self._path)), "zstd")

    def _next(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except OSError as error:  # what Arrow raises for damaged content
            raise EOFError(str(error)) from error


_PACKINGS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": lambda path: io.BufferedReader(_Zstandard(path)),
}

#: Ends of the names of packed files.
PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")

#: Pipes and streams → when they were last written to, and the file that holds a copy of what they gave.
_copies: dict[Any, tuple[int, Path]] = {}


def exists(path: Path) -> bool:
    """Return whether there is something to read: a file, folder, pipe, standard input or a member of an archive."""
    return path == STANDARD_INPUT or path.exists() or _archive_of(path) is not None


def local(path: Path) -> Path:
    """Return a file that can be read several times: the path itself, or a copy of what a pipe or standard input gives.

    A pipe is read to its end, once.

    Raises:
        InputError: It cannot be read.
    """
    try:
        if path == STANDARD_INPUT:
            stream = sys.stdin.buffer
            if stream not in _copies:
                _copies[stream] = (0, _copied(stream))
            return _copies[stream][1]
        # /dev/stdin and /dev/fd/N are links, whose target says what they are
        if path.exists() and not (path.is_file() or path.is_dir()):
            state = path.stat()
            if not (stat.S_ISFIFO(state.st_mode) or stat.S_ISSOCK(state.st_mode)):
                raise InputError(f"{path}: expected a file, a folder or a pipe, got a device")
            key = (state.st_dev, state.st_ino)
            if key not in _copies or _copies[key][0] != state.st_mtime_ns:
                with path.open("rb") as pipe:
                    copy = _copied(pipe)
                _copies[key] = (path.stat().st_mtime_ns, copy)
            return _copies[key][1]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return path


def _copied(stream: IO[bytes]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="relscout-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / "input"
    with copy.open("wb") as file:
        shutil.copyfileobj(stream, file, _COPIED_AT_ONCE)
    return copy


def unpacked(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked: gzip, bzip2, xz, Zstandard and ZIP, recognised by the first bytes.

    ``archive.zip/member`` is a member; it may be left out where there is only one.

    Raises:
        InputError: It does not exist, cannot be read, or is an archive of several files.
    """
    try:
        if not path.exists() and (archive := _archive_of(path)) is not None:
            return _member(archive, path.relative_to(archive).as_posix())
        file = local(path)
        with file.open("rb") as raw:
            beginning = raw.read(6)
        if beginning.startswith(_ZIP) and not is_workbook(file):
            return _member(file, None, shown=path)
        opening = next((opening for magic, opening in _PACKINGS.items() if beginning.startswith(magic)), None)
        return cast(IO[bytes], file.open("rb") if opening is None else opening(file))
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def is_workbook(path: Path) -> bool:
    """Return whether a ZIP archive is an Excel workbook."""
    with zipfile.ZipFile(path) as archive:
        return "xl/workbook.xml" in archive.namelist()


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error of a file that the system cannot read, or that cannot be unpacked to its end."""
    # bzip2 and gzip have system errors of their own, without a number
    if isinstance(error, OSError) and error.errno is not None:
        return InputError(f"{path}: {error.strerror or error}")
    return InputError(f"{path}: the packed file is damaged or cut off ({error}); fetch or pack it again")


def _archive_of(path: Path) -> Path | None:
    """Return the ZIP archive that a path leads into; ``None`` where it leads into none."""
    return next((one for one in path.parents if one.suffix.lower() == ".zip" and one.is_file()), None)


def _member(archive: Path, name: str | None, *, shown: Path | None = None) -> IO[bytes]:
    shown = shown or archive
    opened = zipfile.ZipFile(archive)
    names = [
        info.filename
        for info in opened.infolist()
        if not info.is_dir() and not info.filename.startswith(("__MACOSX/", "."))
    ]
    if "[Content_Types].xml" in names:
        raise InputError(f"{shown}: the file is an office document; save it as text or CSV")
    if name is None and len(names) != 1:
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        hint = f"; name the one to read, such as {shown}/{names[0]}" if names else ""
        raise InputError(f"{shown}: the archive holds {len(names)} files ({listed or 'none'}){hint}")
    wanted = names[0] if name is None else name
    if wanted not in names:
        raise InputError(f"{shown}: the archive has no file {wanted!r}; it holds {', '.join(names[:5])}")
    try:
        return opened.open(wanted)
    except RuntimeError as error:  # a password is needed
        raise InputError(f"{shown}: {wanted!r} cannot be unpacked ({error}); unpack it first") from error


#: Byte-order marks of encodings that are recognised by them.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def as_utf8(stream: IO[bytes], path: Path, encoding: str | None) -> IO[bytes]:
    """Return a stream as UTF-8: of the given encoding, else of UTF-16 or UTF-32 where a byte-order mark says so.

    Args:
        stream: The content.
        path: Its file, for errors.
        encoding: Name of the encoding; ``None`` for UTF-8 unless the first bytes say otherwise.

    Raises:
        SettingError: There is no such encoding.
    """
    if encoding is None:
        beginning = cast(io.BufferedReader, stream).peek(4)
        encoding = next((name for mark, name in _MARKS.items() if beginning.startswith(mark)), None)
        if encoding is None:
            return stream
    try:
        name = codecs.lookup(encoding).name
        new_decoder = codecs.getincrementaldecoder(name)
    except LookupError:
        stream.close()
        raise SettingError(
            f"encoding is {encoding!r}, which is no encoding of text that Python knows; expected one such as 'cp1252'"
        ) from None
    if name in ("utf-8", "utf-8-sig"):
        return stream
    return cast(IO[bytes], io.BufferedReader(_Recoded(stream, path, name, new_decoder)))


class _Recoded(_Rewindable):
    """Text of another encoding as UTF-8."""

    def __init__(
        self, stream: IO[bytes], path: Path, encoding: str, decoder: Callable[[], codecs.IncrementalDecoder]
    ) -> None:
        self._stream, self._path, self._encoding, self._new_decoder = stream, path, encoding, decoder
        super().__init__()

    def _begin(self) -> None:
        self._stream.seek(0)
        self._decoder = self._new_decoder()
        self._waiting = b""
        self._line = 1

    def _next(self, size: int) -> bytes:
        while not self._waiting:
            chunk = self._stream.read(65_536)
            try:
                text = self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = self._line + error.object[: error.start].decode(self._encoding, "replace").count("\n")
                raise InputError(
                    f"{self._path}, line {line}: byte 0x{error.object[error.start]:02x} is not {self._encoding}; name "
                    "the encoding of the file, such as --encoding cp1252 (in Python encoding='cp1252')"
                ) from error
            except UnicodeError as error:  # a byte-order mark is missing
                raise InputError(f"{self._path}: {error}; name the encoding of the file") from error
            self._line += text.count("\n")
            self._waiting = text.encode("utf-8", "surrogatepass")
            if not chunk:
                break
        content, self._waiting = self._waiting[:size], self._waiting[size:]
        return content
