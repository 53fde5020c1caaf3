"""Vectors of a frozen encoder, kept: nothing is encoded twice, and interrupted work goes on where it stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.errors import OutputError
from relscout.instances import RelationInstance

_LOSSES = ("", "context", "between", "mention")


def instance_key(instance: RelationInstance) -> bytes:
    """Return a hash of what an encoder reads of an instance: text, offsets and types, not its id or gold relation."""
    head, tail = instance.head, instance.tail
    told = repr((head.start, head.end, head.type, tail.start, tail.end, tail.type))
    return blake2b((told + instance.text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class VectorCache:
    """A file of vectors, keyed by the encoder's fingerprint and the instance's content.

    Several processes may use one file at a time; what a killed process had stored stays.

    Args:
        path: The file; ``None`` keeps the vectors in memory instead.

    Raises:
        OutputError: The file cannot be opened or created.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path or ":memory:", timeout=60)
            self._database.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                "CREATE TABLE IF NOT EXISTS vectors"
                " (encoder BLOB, instance BLOB, lost INTEGER, vector BLOB, PRIMARY KEY (encoder, instance))"
                " WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"cannot open the vector cache {path}: {error}; remove it or name another place"
            ) from error

    def load(self, encoder: str, keys: Sequence[bytes]) -> Mapping[bytes, tuple[NDArray[np.float32], str]]:
        """Return the vector (D,) float32, and what of the instance did not fit, of every key that is kept."""
        found = {}
        fingerprint = bytes.fromhex(encoder)
        for start in range(0, len(keys), 500):
            asked = keys[start : start + 500]
            rows = self._database.execute(
                f"SELECT instance, lost, vector FROM vectors WHERE encoder = ? AND instance IN ({','.join('?' * len(asked))})",  # noqa: S608, E501 - only question marks are put in
                (fingerprint, *asked),
            )
            for key, lost, vector in rows:
                found[key] = (np.frombuffer(vector, dtype=np.float32), _LOSSES[lost])
        return found

    def store(
        self, encoder: str, keys: Sequence[bytes], vectors: NDArray[np.float32], lost: Sequence[str]
    ) -> None:
        """Keep vectors (N, D) float32; they are safe when this returns.

        Raises:
            OutputError: The disk is full or the file cannot be written.
        """
        fingerprint = bytes.fromhex(encoder)
        rows = (
            (fingerprint, key, _LOSSES.index(what), vector.tobytes())
            for key, what, vector in zip(keys, lost, vectors, strict=True)
        )
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise OutputError(f"cannot write the vector cache {self.path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()
