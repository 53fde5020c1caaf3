"""Vectors of a frozen encoder, kept: nothing is encoded twice, and interrupted work goes on where it stopped."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
import zlib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.errors import ArtifactError, OutputError
from relscout.instances import RelationInstance

_LOSSES = ("", "context", "between", "mention")
#: SQLite takes no more than 999 variables in a statement.
_ASKED_AT_ONCE = 500
#: Seconds for which others are waited for that have locked the file, and between two tries to open it.
_PATIENCE = 60.0
_PAUSE = 0.02
_TABLE = """
    CREATE TABLE IF NOT EXISTS encodings (
        encoder BLOB, instance BLOB, content BLOB, checksum INTEGER, PRIMARY KEY (encoder, instance)
    ) WITHOUT ROWID
"""


def instance_key(instance: RelationInstance) -> bytes:
    """Return a hash of what an encoder reads of an instance: text, offsets and types, not id or gold relation."""
    head, tail = instance.head, instance.tail
    told = repr((head.start, head.end, head.type, tail.start, tail.end, tail.type))
    return blake2b((told + instance.text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class VectorCache:
    """A file of vectors, keyed by the encoder's fingerprint and the instance's content.

    Several processes and threads may use one file at a time; what a killed process had stored stays. The vector
    that a key got first is never replaced.

    Args:
        path: The file; ``None`` keeps the vectors in memory instead.

    Raises:
        OutputError: The file cannot be opened or created.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path or ":memory:", timeout=_PATIENCE, check_same_thread=False)
            self._closing = weakref.finalize(self, self._database.close)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"cannot open the vector cache {path}: {error}; remove it or name another place"
            ) from error

    def _prepare(self) -> None:
        """Set the file up; waits for others that do the same, as SQLite itself does not when the journal changes."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = NORMAL")
                with self._database:
                    self._database.execute(_TABLE)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)

    def load(
        self, encoder: str, keys: Sequence[bytes], *, dimension: int
    ) -> Mapping[bytes, tuple[NDArray[np.float32], str]]:
        """Return the vector (dimension,) float32, and what of the instance did not fit, of every key that is kept.

        Raises:
            ArtifactError: The file is damaged.
        """
        found = {}
        try:
            for key, content, checksum in self._rows(encoder, keys):
                if len(content) != 4 * dimension + 1 or zlib.crc32(content) != checksum:
                    raise ArtifactError(
                        f"the vector cache {self.path} is damaged: a vector has changed; remove it"
                    )
                found[key] = np.frombuffer(content, dtype=np.float32, count=dimension), _LOSSES[content[-1]]
        except sqlite3.Error as error:
            raise ArtifactError(f"the vector cache {self.path} is damaged: {error}; remove it") from error
        return found

    def _rows(self, encoder: str, keys: Sequence[bytes]) -> list[tuple[bytes, bytes, int]]:
        rows = []
        for start in range(0, len(keys), _ASKED_AT_ONCE):
            asked = keys[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(asked))
            query = f"SELECT instance, content, checksum FROM encodings WHERE encoder = ? AND instance IN ({marks})"  # noqa: S608 - only question marks are put in
            with self._lock:
                rows += self._database.execute(query, (bytes.fromhex(encoder), *asked)).fetchall()
        return rows

    def store(
        self, encoder: str, keys: Sequence[bytes], vectors: NDArray[np.float32], lost: Sequence[str]
    ) -> None:
        """Keep vectors (N, D) float32; they are safe when this returns.

        Raises:
            OutputError: The disk is full or the file cannot be written.
        """
        fingerprint = bytes.fromhex(encoder)
        rows = []
        for key, what, vector in zip(keys, lost, vectors, strict=True):
            content = vector.tobytes() + bytes([_LOSSES.index(what)])
            rows.append((fingerprint, key, content, zlib.crc32(content)))
        try:
            with self._lock, self._database:
                self._database.executemany("INSERT OR IGNORE INTO encodings VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise OutputError(f"cannot write the vector cache {self.path}: {error}") from error

    def close(self) -> None:
        """Close the file; it also closes when the cache is no longer used."""
        self._closing()
