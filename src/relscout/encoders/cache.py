"""Vectors stored by sentence, so that nothing is encoded twice, and space for many vectors in memory or on disk.

A row holds a sentence and its pairs: the pooled states that they share (see :mod:`relscout.encoders.pooling`), each
once, and which of them every pair uses. Files of earlier versions hold no such rows, and are filled anew.
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
#: SQLite takes no more than 999 variables in a statement.
_ASKED_AT_ONCE = 500
#: Seconds for which others are waited for that have locked the file, and between two tries to open it.
_PATIENCE = 60.0
_PAUSE = 0.02
#: Pairs, slots of each, pooled states and their dimensions.
_HEADER = struct.Struct("<4I")
_KEY = 16
_TABLE = """
    CREATE TABLE IF NOT EXISTS sentences (
        encoder BLOB, sentence BLOB, content BLOB, checksum INTEGER, PRIMARY KEY (encoder, sentence)
    )
"""


@dataclass(frozen=True, slots=True)
class StoredSentence:
    """What is stored of one sentence.

    Args:
        keys: Keys of its pairs (N,), as :func:`instance_key` gives them.
        lost: What of each pair did not fit (N,), see :func:`relscout.encoders.marking.fit`.
        pieces: What their vectors consist of.
    """

    keys: Sequence[bytes]
    lost: Sequence[str]
    pieces: Pieces

    def with_others(self, other: StoredSentence) -> StoredSentence:
        """Return these pairs, and after them the pairs of ``other`` that are not among them."""
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
    details = repr((head.start, head.end, head.type, tail.start, tail.end, tail.type))
    return blake2b((details + instance.text).encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


def sentence_key(text: str) -> bytes:
    """Return a hash of a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


class VectorCache:
    """A file of vectors, keyed by the encoder's fingerprint and the sentence.

    Several processes and threads may use one file at a time; what a killed process had stored stays. The vector that a
    pair got first is never replaced: pairs that a known sentence had not are added to it.

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
        self, encoder: str, sentences: Sequence[bytes], *, slots: int, width: int
    ) -> Mapping[bytes, StoredSentence]:
        """Return what is stored of each sentence, by its key.

        Args:
            encoder: Name of the encoder, hexadecimal.
            sentences: Keys of sentences, all different.
            slots: Pooled states S that a vector consists of.
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
        """Store sentences by their keys; they are safe when this returns.

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
                # nobody may add pairs to a sentence between reading and writing it
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
        for start in range(0, len(sentences), _ASKED_AT_ONCE):
            asked = sentences[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(asked))
            query = f"SELECT sentence, content, checksum FROM sentences WHERE encoder = ? AND sentence IN ({marks})"  # noqa: S608 - only question marks are put in
            rows = self._database.execute(query, (bytes.fromhex(encoder), *asked)).fetchall()
            for key, content, checksum in rows:
                sentence = _sentence(content, slots, width) if zlib.crc32(content) == checksum else None
                if sentence is None:
                    raise ArtifactError(
                        f"the vector cache {self.path} is damaged: a vector has changed; remove it"
                    )
                yield key, sentence

    def close(self) -> None:
        """Close the file; it also closes when the cache is no longer used."""
        self._closing()


def _content(sentence: StoredSentence) -> bytes:
    """Return a stored sentence as bytes."""
    uses = np.ascontiguousarray(sentence.pieces.uses, dtype="<i4")
    states = np.ascontiguousarray(sentence.pieces.states, dtype="<f4")
    lost = bytes(_LOSSES.index(what) for what in sentence.lost)
    header = _HEADER.pack(*uses.shape, *states.shape)
    return b"".join((header, *sentence.keys, lost, uses.tobytes(), states.tobytes()))


def _sentence(content: bytes, slots: int, width: int) -> StoredSentence | None:
    """Return a stored sentence from its bytes; ``None`` where they are not those of vectors of this shape."""
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

    One of more than ``in_memory`` bytes is a memory map of a file without a name, which disappears with the array;
    ``TMPDIR`` says where.

    Raises:
        OutputError: The disk does not have enough space.
    """
    n_bytes = count * dimension * np.dtype(np.float32).itemsize
    if n_bytes <= in_memory:
        return np.empty((count, dimension), dtype=np.float32)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):
                # a file with holes would end the process with SIGBUS once the disk is full
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.memmap(file, dtype=np.float32, mode="w+", shape=(count, dimension))
    except OSError as error:
        raise OutputError(
            f"cannot store {count} vectors of {dimension} dimensions ({n_bytes / 1e9:.1f} GB) in "
            f"{tempfile.gettempdir()}: {error.strerror or error}; set TMPDIR to a folder with more space"
        ) from error
