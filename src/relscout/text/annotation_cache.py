"""A cache of annotations on disk: no passage is annotated twice, and interrupted work resumes."""

from __future__ import annotations

import json
import sqlite3
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import Mention, Parse
from relscout.text import Annotator, MarkedSentence, Passage, marked_sentence

#: Passages that are looked up together; enough missing ones to keep several processes busy.
_WINDOW = 2048
#: Annotated passages that are stored together: the most that an interruption can lose.
_STORED_AT_ONCE = 64
#: SQLite allows 999 variables in a statement.
_KEYS_AT_ONCE = 500
_PATIENCE = 60.0
_TABLE = """
    CREATE TABLE IF NOT EXISTS annotations (
        annotator BLOB, passage BLOB, content BLOB, PRIMARY KEY (annotator, passage)
    ) WITHOUT ROWID
"""


class Cached:
    """An annotator that stores the results of another one in a file, by the text of the passage.

    Several processes may use the file at a time.

    Args:
        annotator: Annotates passages that are not in the file.
        path: The file, created with its folder when the first passage is annotated.
    """

    def __init__(self, annotator: Annotator, path: Path) -> None:
        self.annotator = annotator
        self.path = path

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the annotator."""
        return self.annotator.fingerprint

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, reading passages in batches of some thousand.

        Raises:
            ArtifactError: The file is damaged.
            OutputError: The file cannot be opened or written.
        """
        stream = iter(texts)
        store: _Store | None = None
        while window := list(islice(stream, _WINDOW)):
            store = store or _Store(self.path, self.annotator.fingerprint)
            yield from self._window(window, store)

    def _window(self, window: Sequence[Passage], store: _Store) -> Iterator[MarkedSentence]:
        keys = [
            blake2b(passage.text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for passage in window
        ]
        known = store.load(keys)
        # each text once, in the order of its first passage
        missing = list(dict.fromkeys(key for key in keys if key not in known))
        texts = dict(zip(keys, (passage.text for passage in window), strict=True))
        fresh = self._annotated([texts[key] for key in missing])
        unstored: list[tuple[bytes, bytes]] = []
        try:
            for passage, key in zip(window, keys, strict=True):
                while key not in known:
                    place, content = next(fresh)
                    known[missing[place]] = content
                    unstored.append((missing[place], content))
                    if len(unstored) == _STORED_AT_ONCE:
                        store.store(unstored)
                        unstored = []
                yield from _unpacked(passage, known[key], self.path)
        finally:
            # also if the reader stops early
            store.store(unstored)

    def _annotated(self, texts: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        """Yield the position and packed sentences of each text in order."""
        # bare passages: offsets are those in the text, and the source identifies the text
        bare = (Passage(text, source=str(place)) for place, text in enumerate(texts))
        done = 0
        sentences: list[MarkedSentence] = []
        for sentence in self.annotator.annotate(bare):
            place = int(sentence.source)
            while done < place:
                yield done, _packed(sentences)
                sentences = []
                done += 1
            sentences.append(sentence)
        while done < len(texts):
            yield done, _packed(sentences)
            sentences = []
            done += 1


class _Store:
    def __init__(self, path: Path, annotator: str) -> None:
        self.path = path
        self.annotator = blake2b(annotator.encode(), digest_size=16).digest()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_PATIENCE)
            weakref.finalize(self, self._database.close)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            with self._database:
                self._database.execute(_TABLE)
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"cannot open the cache of annotations {path}: {error}; remove it or name another place"
            ) from error

    def load(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        contents: dict[bytes, bytes] = {}
        try:
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                chunk = keys[start : start + _KEYS_AT_ONCE]
                marks = ",".join("?" * len(chunk))
                query = (
                    f"SELECT passage, content FROM annotations WHERE annotator = ? AND passage IN ({marks})"  # noqa: S608 - only question marks are inserted
                )
                contents.update(self._database.execute(query, (self.annotator, *chunk)).fetchall())
        except sqlite3.Error as error:
            raise ArtifactError(
                f"the cache of annotations {self.path} is damaged: {error}; remove it"
            ) from error
        return contents

    def store(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        if not rows:
            return
        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR IGNORE INTO annotations VALUES (?, ?, ?)",
                    [(self.annotator, *row) for row in rows],
                )
        except sqlite3.Error as error:
            raise OutputError(f"cannot write the cache of annotations {self.path}: {error}") from error


def _packed(sentences: Sequence[MarkedSentence]) -> bytes:
    """Return spans, mentions and syntax of the sentences of a bare passage, as compressed JSON."""
    content = [
        [
            sentence.document_start,
            (sentence.document_start or 0) + len(sentence.text),
            [[mention.start, mention.end, mention.type, mention.entity_id] for mention in sentence.mentions],
            None if sentence.parse is None else _parse_record(sentence.parse),
        ]
        for sentence in sentences
    ]
    return zlib.compress(
        json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    )


def _parse_record(parse: Parse) -> list[Any]:
    widths = [end - start for start, end in zip(parse.starts, parse.ends, strict=True)]
    return [parse.starts, widths, parse.heads, parse.labels, parse.tags, parse.lemmas]


def _unpacked(passage: Passage, content: bytes, path: Path) -> Iterator[MarkedSentence]:
    try:
        sentences = json.loads(zlib.decompress(content))
        for start, end, mentions, parse in sentences:
            yield marked_sentence(
                passage, start, end, [Mention(*mention) for mention in mentions], parse and _parse(parse)
            )
    except (zlib.error, ValueError, TypeError) as error:
        raise ArtifactError(
            f"the cache of annotations {path} is damaged: an entry has changed; remove it"
        ) from error


def _parse(record: list[Any]) -> Parse:
    starts, widths, heads, labels, tags, lemmas = record
    return Parse(
        tuple(starts),
        tuple(start + width for start, width in zip(starts, widths, strict=True)),
        tuple(heads),
        tuple(labels),
        tuple(tags),
        tuple(lemmas),
    )
