"""The results of experiments: one JSON object a line, appended as soon as a run is finished."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from relscout.errors import InputError, OutputError
from relscout.experiments.record import Record

__all__ = ["Record", "ResultsFile", "current_records", "line_of", "read_records"]

#: What a record may lack.
_OPTIONAL = ("setup", "method", "settings")


def read_records(path: Path) -> list[Record]:
    """Return all records of a results file, in its order; no file is no record.

    A last line that an interruption tore is ignored.

    Raises:
        InputError: The file cannot be read, or a line is no whole record.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    lines = content.split(b"\n")
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_record(line))
        except ValueError as error:
            if number == len(lines):
                break
            raise InputError(
                f"{path}, line {number}: is no whole record ({error}); remove the line, and its run is done again"
            ) from error
    return found


def current_records(records: list[Record], preset: str | None = None) -> list[Record]:
    """Return the records that hold: of each row and variation under a protocol, those of the setup that was run last.

    Args:
        records: Records in the order of their file.
        preset: Only those of the preset of this name.
    """
    last = {line_of(record): record.get("setup") for record in records}
    kept = {
        (*line_of(record), record["seed"]): record
        for record in records
        if record.get("setup") == last[line_of(record)] and preset in (None, record["preset"])
    }
    return list(kept.values())


def line_of(record: Record) -> tuple[str, str, str, str]:
    """Return which line of which table a record is of: preset, protocol, row and variation."""
    varied = json.dumps(record["variation"], sort_keys=True)
    return record["preset"], record["protocol"], record["row"], varied


class ResultsFile:
    """A results file that is read and appended to; other processes may append to it at the same time.

    Args:
        path: The file; it is created where it is not there.

    Raises:
        InputError: It cannot be read, or a line of it is no whole record.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size, self._records = 0, read_records(path)
        with self._appending():
            pass

    def records(self) -> list[Record]:
        """Return all records, those included that other processes have appended since."""
        if (size := self.path.stat().st_size) != self._size:
            self._size, self._records = size, read_records(self.path)
        return self._records

    def holding(self, identity: Mapping[str, Any]) -> Record | None:
        """Return the record of a preset, protocol, row, variation and seed that holds, see :func:`current_records`."""
        keys = ("protocol", "row", "variation", "seed")
        wanted = {key: identity[key] for key in keys}
        for record in current_records(self.records(), identity["preset"]):
            if {key: dict(record)[key] for key in keys} == wanted:
                return record
        return None

    def append(self, values: Mapping[str, Any]) -> Record:
        """Append a record as one line, whole or not at all, and return it.

        Raises:
            OutputError: The file cannot be written.
        """
        record = _plain(values)
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        with self._appending() as file:
            end = _end_of_lines(file)
            try:
                _write(file, line.encode("utf-8", "backslashreplace"))
            except BaseException:
                os.ftruncate(file, end)
                raise
        return record  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def _appending(self) -> Iterator[int]:
        """Open the file, with a lock where the system has one."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        try:
            with contextlib.suppress(ImportError):
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        finally:
            os.close(file)  # gives the lock back


def _record(line: bytes) -> Record:
    values = json.loads(line.decode("utf-8"))
    if not isinstance(values, dict):
        raise ValueError("no JSON object")
    if missing := [key for key in Record.__annotations__ if key not in (*values, *_OPTIONAL)]:
        raise ValueError(f"{missing[0]!r} is missing")
    return values  # type: ignore[return-value]


def _plain(value: Any) -> Any:
    """Return JSON values only: NumPy's as Python's, and what is no number as ``None``."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _end_of_lines(file: int) -> int:
    """Cut a torn last line off, end a whole one, and return the length of the file."""
    size = os.lseek(file, 0, os.SEEK_END)
    os.lseek(file, 0, os.SEEK_SET)
    content = b"".join(iter(lambda: os.read(file, 1 << 20), b""))
    torn = content.rpartition(b"\n")[2]
    if not torn:
        return size
    try:
        _record(torn)
    except ValueError:
        os.ftruncate(file, size - len(torn))
        return size - len(torn)
    _write(file, b"\n")
    return size + 1


def _write(file: int, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += os.write(file, content[written:])
    os.fsync(file)
