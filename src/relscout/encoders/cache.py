"""Vectors stored by sentence, so that nothing is encoded twice, and space for many vectors in memory or on disk.

A row holds a sentence and its pairs: the pooled states of all pairs (see :mod:`relscout.encoders.pooling`), each state
once, and which states each pair uses. Files of earlier versions have another table and are filled again.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import RelationInstance
from relscout.encoders.pooling import Pieces, side_by_side

_LOSSES = ("", "context", "between", "mention")
#: Sentences in a query; older versions of SQLite allow at most 999 variables.
_PER_QUERY = 500
#: Seconds to wait for other processes that have locked the file, and between two attempts to open it.
_PATIENCE = 60.0
_PAUSE = 0.02
#: Number of pairs, of slots of each pair, of pooled states, and of their dimensions.
_HEADER = struct.Struct("<4I")
_KEY = 16
_TABLE = """
    CREATE TABLE IF NOT EXISTS sentences (
        encoder BLOB, sentence BLOB, content BLOB, checksum INTEGER, PRIMARY KEY (encoder, sentence)
    )
"""


@dataclass(frozen=True, slots=True)
class StoredSentence:
    """The stored pairs of a sentence.

    Args:
        keys: Keys of its pairs (N,), see :func:`instance_key`.
        lost: What was cut from each pair (N,), see :func:`relscout.encoders.marking.fit`.
        pieces: The pooled states of their vectors.
    """

    keys: Sequence[bytes]
    lost: Sequence[str]
    pieces: Pieces

    def with_others(self, other: StoredSentence) -> StoredSentence:
        """Return these pairs, followed by the pairs of ``other`` that are not among them."""
        known = set(self.keys)
        new = [row for row, key in enumerate(other.keys) if key not in known]
        if not new:
            return self
        keys, lost = ([getattr(other, name)[row] for row in new] for name in ("keys", "lost"))
        pieces = side_by_side([self.pieces, other.pieces.of(new)])
        return StoredSentence([*self.keys, *keys], [*self.lost, *lost], pieces)


def instance_key(instance: RelationInstance) -> bytes:
    """Return a hash of what an encoder reads of an instance: text, offsets and types, not id or gold relation."""
    head, tail = instance.head, instance.tail
    mentions = repr((head.start, head.end, head.type, tail.start, tail.end, tail.type))
    return blake2b((mentions + instance.text).encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


def sentence_key(text: str) -> bytes:
    """Return a hash of a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


class VectorCache:
    """A file of vectors, keyed by the encoder's fingerprint and the sentence.

    Several processes and threads may use a file at the same time. What a killed process has stored stays. A stored
    vector is never replaced; new pairs of a stored sentence are added to it.

    Args:
        path: The file; ``None`` keeps the vectors in memory.

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
        """Create the table. Wait for other processes that do so: SQLite does not when the journal mode changes."""
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
        self, encoder: str, sentences: Sequence[bytes], *, slots: int, width: int
    ) -> Mapping[bytes, StoredSentence]:
        """Return the stored sentences by their keys.

        Args:
            encoder: Name of the encoder, hexadecimal.
            sentences: Distinct keys of sentences.
            slots: Number of pooled states S of a vector.
            width: Dimensions D of a pooled state.

        Raises:
            ArtifactError: The file is damaged.
        """
        try:
            with self._lock:
                return dict(self._stored(encoder, sentences, slots, width))
        except sqlite3.Error as error:
            raise ArtifactError(f"the vector cache {self.path} is damaged: {error}; remove it") from error

    def store(self, encoder: str, sentences: Mapping[bytes, StoredSentence]) -> None:
        """Store sentences by their keys. They are on disk when this returns.

        Raises:
            ArtifactError: The file is damaged.
            OutputError: The disk is full or the file cannot be written.
        """
        if not sentences:
            return
        some = next(iter(sentences.values())).pieces
        fingerprint = bytes.fromhex(encoder)
        try:
            with self._lock, self._database:
                # no other process may add pairs to a sentence between reading and writing it
                self._database.execute("BEGIN IMMEDIATE")
                known = dict(self._stored(encoder, list(sentences), some.uses.shape[1], some.states.shape[1]))
                rows = []
                for key, sentence in sentences.items():
                    whole = known[key].with_others(sentence) if key in known else sentence
                    if whole is not known.get(key):
                        content = _content(whole)
                        rows.append((fingerprint, key, content, zlib.crc32(content)))
                self._database.executemany("INSERT OR REPLACE INTO sentences VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise OutputError(f"cannot write the vector cache {self.path}: {error}") from error

    def _stored(
        self, encoder: str, sentences: Sequence[bytes], slots: int, width: int
    ) -> Iterator[tuple[bytes, StoredSentence]]:
        for start in range(0, len(sentences), _PER_QUERY):
            part = sentences[start : start + _PER_QUERY]
            marks = ",".join("?" * len(part))
            query = f"SELECT sentence, content, checksum FROM sentences WHERE encoder = ? AND sentence IN ({marks})"  # noqa: S608 - only question marks are inserted
            rows = self._database.execute(query, (bytes.fromhex(encoder), *part)).fetchall()
            for key, content, checksum in rows:
                sentence = _sentence(content, slots, width) if zlib.crc32(content) == checksum else None
                if sentence is None:
                    raise ArtifactError(
                        f"the vector cache {self.path} is damaged: a vector has changed; remove it"
                    )
                yield key, sentence

    def close(self) -> None:
        """Close the file. It is also closed when the cache is deleted."""
        self._closing()


def _content(sentence: StoredSentence) -> bytes:
    """Return a stored sentence as bytes."""
    uses = np.ascontiguousarray(sentence.pieces.uses, dtype="<i4")
    states = np.ascontiguousarray(sentence.pieces.states, dtype="<f4")
    lost = bytes(_LOSSES.index(what) for what in sentence.lost)
    header = _HEADER.pack(*uses.shape, *states.shape)
    return b"".join((header, *sentence.keys, lost, uses.tobytes(), states.tobytes()))


def _sentence(content: bytes, slots: int, width: int) -> StoredSentence | None:
    """Return a stored sentence from its bytes; ``None`` if they do not hold vectors of this shape."""
    n_pairs, n_slots, n_states, n_dimensions = _HEADER.unpack_from(content)
    lengths = _KEY * n_pairs, n_pairs, 4 * n_pairs * n_slots, 4 * n_states * n_dimensions
    if (n_slots, n_dimensions) != (slots, width) or len(content) != _HEADER.size + sum(lengths):
        return None
    place = _HEADER.size
    keys = [content[start : start + _KEY] for start in range(place, place + lengths[0], _KEY)]
    place += lengths[0]
    lost = [_LOSSES[what] for what in content[place : place + n_pairs]]
    place += n_pairs
    uses = np.frombuffer(content, "<i4", n_pairs * n_slots, place).reshape(n_pairs, n_slots)
    place += lengths[2]
    states = np.frombuffer(content, "<f4", n_states * n_dimensions, place).reshape(n_states, n_dimensions)
    return StoredSentence(keys, lost, Pieces(states.astype(np.float32), uses.astype(np.int32)))


#: Bytes above which vectors are kept on disk.
_IN_MEMORY = 1 << 30


def empty_vectors(count: int, dimension: int, *, in_memory: int = _IN_MEMORY) -> NDArray[np.float32]:
    """Return an array (count, dimension) of float32 to write vectors into.

    An array of more than ``in_memory`` bytes is a memory map of an unnamed file in ``TMPDIR``, which is deleted with
    the array.

    Raises:
        OutputError: The disk does not have enough space.
    """
    n_bytes = count * dimension * np.dtype(np.float32).itemsize
    if n_bytes <= in_memory:
        return np.empty((count, dimension), dtype=np.float32)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):
                # with a sparse file, a full disk would end the process with SIGBUS
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.memmap(file, dtype=np.float32, mode="w+", shape=(count, dimension))
    except OSError as error:
        raise OutputError(
            f"cannot store {count} vectors of {dimension} dimensions ({n_bytes / 1e9:.1f} GB) in "
            f"{tempfile.gettempdir()}: {error.strerror or error}; set TMPDIR to a folder with more space"
        ) from error
