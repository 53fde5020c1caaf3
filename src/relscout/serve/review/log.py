"""The log of decisions: an append-only SQLite file that survives the end of the process at any moment."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relscout.core.errors import SettingError

#: Version of the tables.
_VERSION = 1
#: Seconds to wait for another process that writes.
_PATIENCE = 10.0
_TABLES = (
    "CREATE TABLE about (run TEXT NOT NULL)",
    """CREATE TABLE log (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        author TEXT NOT NULL,
        state INTEGER NOT NULL,
        key TEXT NOT NULL UNIQUE,
        step TEXT NOT NULL
    )""",
    "CREATE TRIGGER unchanged BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'append only'); END",
    "CREATE TRIGGER uncut BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'append only'); END",
)


@dataclass(frozen=True)
class Entry:
    """An entry of the log.

    Args:
        number: Its number, from 1.
        time: When it was written: ISO 8601 in UTC, with seconds.
        author: The browser tab, or program, that it comes from.
        state: Number of the last entry that the author knew.
        key: What the author called the request; a request that is repeated is not a second decision.
        step: The decision (see :mod:`relscout.discovery.decisions`), or ``{"undo": number}``.
    """

    number: int
    time: str
    author: str
    state: int
    key: str
    step: Mapping[str, Any]

    @property
    def undoes(self) -> int | None:
        """Number of the entry that this entry undoes; ``None`` for a decision."""
        number = self.step.get("undo")
        return None if number is None else int(number)


class DecisionLog:
    """The decisions about a run, in a file.

    A decision is on disk (write-ahead log, full synchronisation) when :meth:`Writer.append` has returned and the block
    of :meth:`writing` has ended. Several processes may use the file. One thread at a time may use the object.

    Args:
        path: The file; it is created if it does not exist.
        run: Fingerprint of the run.

    Raises:
        SettingError: The file is of another run or not a log, or cannot be opened.
    """

    def __init__(self, path: Path, run: str) -> None:
        self.path = path
        try:
            self._database = sqlite3.connect(
                path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                self._prepare(run)
        except (sqlite3.Error, OSError) as error:
            raise SettingError(
                f"{path} cannot be used as the log of a review ({error}); choose another file with --review-log"
            ) from error

    def _prepare(self, run: str) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise SettingError(
                f"{self.path} is a review log of version {version}, and this relscout reads {_VERSION}; choose another "
                "file with --review-log"
            )
        if version == 0:
            if self._database.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                raise SettingError(
                    f"{self.path} is a database, but not the log of a review; choose another file with --review-log"
                )
            for statement in _TABLES:
                self._database.execute(statement)
            self._database.execute("INSERT INTO about VALUES (?)", (run,))
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        ((known,),) = self._database.execute("SELECT run FROM about").fetchall()
        if known != run:
            raise SettingError(
                f"{self.path} has decisions about the run {known}, and this is the run {run}; choose another file "
                "with --review-log, or serve the run that they are about and export them there"
            )

    def entries(self, after: int = 0) -> list[Entry]:
        """Return the entries with numbers above ``after``, in order."""
        rows = self._database.execute(
            "SELECT number, time, author, state, key, step FROM log WHERE number > ? ORDER BY number",
            (after,),
        )
        return [_entry(row) for row in rows]

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Lock the file for a decision; what was appended is on disk after the block, or not at all after an error."""
        with self._transaction():
            yield Writer(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


@dataclass(frozen=True)
class Writer:
    """Adds entries to a log, inside :meth:`DecisionLog.writing`."""

    database: sqlite3.Connection

    def with_key(self, key: str) -> Entry | None:
        """Return the entry with a key, if there is any."""
        row = self.database.execute(
            "SELECT number, time, author, state, key, step FROM log WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else _entry(row)

    def append(self, step: Mapping[str, Any], *, author: str, state: int, key: str) -> Entry:
        """Append a decision, or an undo; for the arguments, see :class:`Entry`."""
        time = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps(dict(step), ensure_ascii=False)
        cursor = self.database.execute(
            "INSERT INTO log (time, author, state, key, step) VALUES (?, ?, ?, ?, ?)",
            (time, author, state, key, text),
        )
        return Entry(int(cursor.lastrowid or 0), time, author, state, key, json.loads(text))


def active(entries: Sequence[Entry]) -> list[Entry]:
    """Return the decisions that were not undone, in order."""
    undone = {entry.undoes for entry in entries}
    return [entry for entry in entries if entry.undoes is None and entry.number not in undone]


def _entry(row: tuple[int, str, str, int, str, str]) -> Entry:
    number, time, author, state, key, step = row
    return Entry(number, time, author, state, key, json.loads(step))
