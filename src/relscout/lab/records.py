"""Records of finished runs, the results file, and the origin of a measurement."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from relscout.core.errors import InputError, OutputError


class RelationRow(TypedDict):
    """A discovered relation."""

    name: str
    size: int
    gold: str | None
    share: float
    ngram: NotRequired[str | None]
    """Most frequent n-gram between the mentions, the name by SelfORE's rule; ``None`` if there are no words."""


class Record(TypedDict):
    """One finished run: a line of the results file."""

    key: str
    """Hash of everything that determines the result: a run with the same key is not repeated."""
    setup: NotRequired[str]
    """The same hash without the seed: runs of one setup may be averaged."""
    preset: str
    row: str
    kind: str
    """``method``, ``frozen`` or ``trivial``."""
    method: NotRequired[str | None]
    """Name of the method; ``None`` for trivial rows."""
    settings: NotRequired[dict[str, Any]]
    """All settings of the method."""
    variation: dict[str, Any]
    """The setting that the sweep changed, or nothing."""
    seed: int | None
    """``None`` for trivial rows, which are deterministic."""
    protocol: str
    scores: dict[str, dict[str, Any]]
    """Scoring → fields of ``ClusteringScores``; ``last_epoch`` and ``gold_selected`` need those of
    each epoch."""
    n_relations: int
    sizes: list[int]
    names: list[RelationRow]
    """The relations with their majority gold relation among the scored instances, and its share there."""
    warnings: list[str]
    report: dict[str, Any]
    instances: int
    scored: int
    labeled: int
    encoder: dict[str, Any] | None
    seconds: dict[str, float]
    peak_mib: float | None
    points: str | None
    """Name of the .npz file next to the results with the points of a figure."""
    probes: NotRequired[dict[str, Any]]
    """What else was measured, see :func:`relscout.lab.probes.probe`."""
    commit: str
    recorded_in: NotRequired[str]
    """Commit that added the record to the repository, if ``commit`` is ``unknown``."""
    machine: dict[str, Any]
    versions: dict[str, str]
    date: str


#: Optional entries of a record.
_OPTIONAL = ("setup", "method", "settings", "probes", "recorded_in")


def read_records(path: Path) -> list[Record]:
    """Return all records of a results file in order; none if there is no file.

    An incomplete last line is ignored.

    Raises:
        InputError: The file cannot be read, or a line is not a complete record.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    lines = content.split(b"\n")
    records = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(_record(line))
        except ValueError as error:
            if number == len(lines):
                break
            raise InputError(
                f"{path}, line {number}: is no whole record ({error}); remove the line, and its run is done again"
            ) from error
    return records


def current_records(records: list[Record], preset: str | None = None) -> list[Record]:
    """Return the current records: for each row and variation under a protocol, those of the setup that was run last.

    Args:
        records: Records in the order of their file.
        preset: Only the records of this preset.
    """
    last = {line_of(record): record.get("setup") for record in records}
    current = {
        (*line_of(record), record["seed"]): record
        for record in records
        if record.get("setup") == last[line_of(record)] and preset in (None, record["preset"])
    }
    return list(current.values())


def line_of(record: Record) -> tuple[str, str, str, str]:
    """Return preset, protocol, row and variation of a record."""
    varied = json.dumps(record["variation"], sort_keys=True)
    return record["preset"], record["protocol"], record["row"], varied


class ResultsFile:
    """A results file; other processes may append to it at the same time.

    Args:
        path: The file, created if missing.

    Raises:
        InputError: It cannot be read, or a line is not a complete record.
        OutputError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size, self._records = 0, read_records(path)
        with self._appending():
            pass

    def records(self) -> list[Record]:
        """Return all records, including those appended by other processes."""
        if (size := self.path.stat().st_size) != self._size:
            self._size, self._records = size, read_records(self.path)
        return self._records

    def current(self, identity: Mapping[str, Any]) -> Record | None:
        """Return the current record of a preset, protocol, row, variation and seed, see :func:`current_records`."""
        keys = ("protocol", "row", "variation", "seed")
        wanted = {key: identity[key] for key in keys}
        for record in current_records(self.records(), identity["preset"]):
            if {key: dict(record)[key] for key in keys} == wanted:
                return record
        return None

    def append(self, values: Mapping[str, Any]) -> Record:
        """Append a record as one line, completely or not at all, and return it.

        Raises:
            OutputError: The file cannot be written.
        """
        record = plain(values)
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
        """Open the file with a lock, if the system supports it."""
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
            os.close(file)  # releases the lock


def _record(line: bytes) -> Record:
    values = json.loads(line.decode("utf-8"))
    if not isinstance(values, dict):
        raise ValueError("no JSON object")
    if missing := [key for key in Record.__annotations__ if key not in (*values, *_OPTIONAL)]:
        raise ValueError(f"{missing[0]!r} is missing")
    return values  # type: ignore[return-value]


def plain(value: Any) -> Any:
    """Convert to JSON values: NumPy to Python, NaN and infinity to ``None``."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _end_of_lines(file: int) -> int:
    """Remove an incomplete last line, terminate a complete one, and return the length of the file."""
    size = os.lseek(file, 0, os.SEEK_END)
    os.lseek(file, 0, os.SEEK_SET)
    content = b"".join(iter(lambda: os.read(file, 1 << 20), b""))
    last = content.rpartition(b"\n")[2]
    if not last:
        return size
    try:
        _record(last)
    except ValueError:
        os.ftruncate(file, size - len(last))
        return size - len(last)
    _write(file, b"\n")
    return size + 1


def _write(file: int, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += os.write(file, content[written:])
    os.fsync(file)


_PACKAGE = Path(__file__).resolve().parents[1]
_PROCESS = Path("/proc/self")


@dataclass
class Cost:
    """Cost of a block of code, set when the block has succeeded."""

    seconds: float = 0.0
    peak_mib: float | None = None
    """Peak resident memory in MiB (of the block on Linux, of the process elsewhere), or ``None``."""


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """Measure the time and peak memory of a block."""
    cost = Cost()
    gc.collect()
    _reset_peak()
    started = time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - started
    cost.peak_mib = _peak_mib()


def machine() -> dict[str, Any]:
    """Return processor, number of cores and operating system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def date() -> str:
    """Return today's date (UTC) as ``2026-01-31``."""
    return datetime.now(UTC).date().isoformat()


def commit() -> str:
    """Return the short hash of relscout's commit, with a plus if its source has changed since.

    It is ``unknown`` unless relscout runs from a checkout of its own repository.
    """
    top = _git("rev-parse", "--show-toplevel")
    # a virtual environment inside another project belongs to that project's repository
    if top is None or Path(top).resolve() / "src" / "relscout" != _PACKAGE:
        return "unknown"
    changed = _git("status", "--porcelain", ".")
    return f"{_git('rev-parse', '--short', 'HEAD') or 'unknown'}{'+' if changed else ''}"


def _git(*words: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    result = subprocess.run(  # noqa: S603 - fixed words only
        [git, "-C", str(_PACKAGE), *words], capture_output=True, text=True, check=False
    )
    return result.stdout.strip() if result.returncode == 0 else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _reset_peak() -> None:
    # writing 5 resets the peak on Linux; without permission, the peak since the start is returned
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def _peak_mib() -> float | None:
    with contextlib.suppress(OSError, StopIteration):
        lines = (_PROCESS / "status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    with contextlib.suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024
    return None
