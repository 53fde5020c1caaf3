"""Opens inputs: packed files, members of ZIP archives, pipes and standard input, text in any encoding."""

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
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from relscout.core.errors import InputError, SettingError

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")
#: Errors that reading a file may raise.
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
#: Longest line in bytes: a packed file of a few MB can hold a line that exhausts the memory.
LONGEST_LINE = 1 << 28

#: First bytes of Parquet, of an Arrow file, and of an Arrow stream, the format of Hugging Face datasets.
ROWS_MAGIC = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")

_ZIP = b"PK\x03\x04"
#: The file in a ZIP archive that identifies an office document.
_OFFICE = "[Content_Types].xml"
_COPIED_AT_ONCE = 1 << 20


class _Rewindable(io.RawIOBase):
    """A stream that is computed from another one; it can only be rewound to its beginning."""

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
    """The content of a Zstandard file; Python has no module for it before 3.14, and Arrow's stream reads no lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__()

    def _begin(self) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.OSFile(str(self._path)), "zstd")

    def _next(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except OSError as error:  # the error of Arrow for damaged content
            raise EOFError(str(error)) from error


_PACKINGS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": lambda path: io.BufferedReader(_Zstandard(path)),
}

#: File extensions of packed files.
PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")

#: Pipes and streams → the time of their last change, and a file with a copy of their content.
_copies: dict[Any, tuple[int, Path]] = {}


def exists(path: Path) -> bool:
    """Return whether a path can be read: a file, folder, pipe, standard input or a member of an archive."""
    return path == STANDARD_INPUT or path.exists() or _archive_of(path) is not None


def is_file(path: Path) -> bool:
    """Return whether a path is a file, or a member of a ZIP archive."""
    archive = None if path.exists() else _archive_of(path)
    return path.is_file() if archive is None else path in _members(archive)


def members(archive: Path) -> list[Path]:
    """Return the files in a ZIP archive, each as a path that leads into it; none where it is no archive.

    Excel workbooks and other office documents do not count as archives, and files that macOS adds are left out.

    Raises:
        InputError: The archive is damaged.
    """
    return list(_members(archive))


def _members(archive: Path) -> Mapping[Path, str]:
    """Return the path of each file in a ZIP archive, and its name there; see :func:`members`."""
    if archive.suffix.lower() != ".zip" or not archive.is_file():
        return {}
    try:
        with archive.open("rb") as raw:
            if raw.read(4) != _ZIP:
                return {}
        return _content(archive)[2]
    except UNREADABLE as error:
        raise unreadable(archive, error) from error


_Content: TypeAlias = tuple[zipfile.ZipFile, list[str], Mapping[Path, str]]


def _content(archive: Path) -> _Content:
    """Return an opened ZIP archive, the names of its files, and their paths; none of an office document."""
    state = archive.stat()
    return _unchanged_content(archive, state.st_mtime_ns, state.st_size)


# the list of files is read once: reading it again for each of thousands of members would take hours
@lru_cache(maxsize=2)
def _unchanged_content(
    archive: Path,
    changed: int,  # noqa: ARG001 - part of the key
    size: int,  # noqa: ARG001
) -> _Content:
    opened = zipfile.ZipFile(archive)
    names = _names(opened)
    return opened, names, {} if _OFFICE in names else {archive / name: name for name in names}


def siblings(path: Path) -> list[Path]:
    """Return the files in the same folder as a file, or in the same folder of an archive, itself included, sorted."""
    archive = None if path.exists() else _archive_of(path)
    if archive is None:
        return sorted(file for file in path.parent.iterdir() if file.is_file())
    return sorted(member for member in members(archive) if member.parent == path.parent)


def local(path: Path) -> Path:
    """Return a file that can be read several times: the path itself, or a copy of a pipe or of standard input.

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
        # /dev/stdin and /dev/fd/N are links; their targets have the type
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
    """Return the ZIP archive that contains a path, if there is one."""
    return next((above for above in path.parents if above.suffix.lower() == ".zip" and above.is_file()), None)


def _member(archive: Path, name: str | None, *, shown: Path | None = None) -> IO[bytes]:
    shown = shown or archive
    opened, names, paths = _content(archive)
    if not paths and _OFFICE in names:
        raise InputError(
            f"{shown}: the file is {_office_document(names)}; save it as text (.txt) or PDF, and run "
            "'relscout discover' on that"
        )
    if name is None and len(names) != 1:
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        hint = f"; name the one to read, such as {shown}/{names[0]}" if names else ""
        raise InputError(f"{shown}: the archive holds {len(names)} files ({listed or 'none'}){hint}")
    wanted = names[0] if name is None else name
    if archive / wanted not in paths:
        raise InputError(f"{shown}: the archive has no file {wanted!r}; it holds {', '.join(names[:5])}")
    try:
        return opened.open(wanted)
    except RuntimeError as error:  # a password is needed
        raise InputError(f"{shown}: {wanted!r} cannot be unpacked ({error}); unpack it first") from error


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [
        info.filename
        for info in archive.infolist()
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX/")
        and Path(info.filename).name[:1] != "."
    ]


def _office_document(names: list[str]) -> str:
    kinds = {
        "word": "a Word document",
        "ppt": "a PowerPoint file",
        "xl": "an Excel workbook of an unusual kind",
    }
    return next(
        (kind for folder, kind in kinds.items() if any(name.startswith(f"{folder}/") for name in names)),
        "an office document",
    )


#: Byte-order marks, and the encodings that they identify.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def marked_encoding(beginning: bytes) -> str | None:
    """Return ``"utf-16"`` or ``"utf-32"`` where a byte-order mark says so, else ``None``."""
    return next((name for mark, name in _MARKS.items() if beginning.startswith(mark)), None)


def as_utf8(stream: IO[bytes], path: Path, encoding: str | None) -> IO[bytes]:
    """Return a stream converted to UTF-8, from the given encoding or that of a byte-order mark.

    Args:
        stream: The content.
        path: Its file, for errors.
        encoding: Name of the encoding; ``None`` for UTF-8 unless the first bytes say otherwise.

    Raises:
        SettingError: There is no such encoding.
    """
    if encoding is None:
        encoding = marked_encoding(cast(io.BufferedReader, stream).peek(4))
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
