"""The bundled corpus: sentences of our own about facts of the world."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files

from relscout.core.instances import RelationInstance
from relscout.io.readers import read
from relscout.text import Passage


def bundled_corpus() -> Iterator[RelationInstance]:
    """Yield the bundled corpus: 760 instances of 14 relations and of ``no_relation``, with entity types."""
    with as_file(files("relscout") / "data" / "corpus.jsonl.gz") as path:
        yield from read(path, format="jsonl")


def bundled_text() -> Iterator[Passage]:
    """Yield the sentences of the bundled corpus as plain text, in which nothing is marked."""
    start = 0
    for number, text in enumerate(dict.fromkeys(instance.text for instance in bundled_corpus()), 1):
        yield Passage(text, "corpus.txt", start, f"corpus.txt, line {number}")
        start += len(text) + 1
