"""The bundled corpus: sentences of our own about facts of the world."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files

from relscout.instances import RelationInstance
from relscout.readers import read


def bundled_corpus() -> Iterator[RelationInstance]:
    """Yield the bundled corpus: 760 instances of 14 relations and of ``no_relation``, with entity types."""
    with as_file(files("relscout") / "data" / "corpus.jsonl.gz") as path:
        yield from read(path, format="jsonl")
