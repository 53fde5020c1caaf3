"""Triples in, files out: one module per format.

Every module of :data:`WRITERS` has

* ``DESCRIPTION``: one line for people,
* ``write(triples, path) -> None``: writes all triples, one by one; on failure, nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from relscout.errors import InputError, OutputError, SettingError, UnknownNameError
from relscout.triples import Triple

#: Format name → module.
WRITERS: dict[str, str] = {
    "jsonl": "relscout.writers.jsonl",
    "parquet": "relscout.writers.parquet",
    "ntriples": "relscout.writers.ntriples",
    "turtle": "relscout.writers.turtle",
    "graphml": "relscout.writers.graphml",
    "neo4j": "relscout.writers.neo4j",
}

#: End of a file name → format; neo4j is a folder and has none.
SUFFIXES: dict[str, str] = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
    ".nt": "ntriples",
    ".nt.gz": "ntriples",
    ".ttl": "turtle",
    ".ttl.gz": "turtle",
    ".graphml": "graphml",
    ".graphml.gz": "graphml",
}


class Writer(Protocol):
    """What a writer module offers."""

    DESCRIPTION: str

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write all triples to ``path``, which appears whole or not at all."""
        ...


def writer(name: str) -> Writer:
    """Return the writer module of a format.

    Raises:
        UnknownNameError: There is no such format.
    """
    if name not in WRITERS:
        raise UnknownNameError("output format", name, WRITERS)
    return cast(Writer, import_module(WRITERS[name]))


def recognise(path: str | Path) -> str:
    """Return the name of the format that the end of a file name stands for, in either case.

    Raises:
        SettingError: The name ends in none of :data:`SUFFIXES`.
    """
    name = Path(path).name.lower()
    for suffix, format_name in SUFFIXES.items():
        if name.endswith(suffix):
            return format_name
    raise SettingError(
        f"{path}: the end of the name tells no format; known are {', '.join(SUFFIXES)}; "
        f"otherwise name the format, one of {', '.join(WRITERS)} (neo4j writes a folder)"
    )


def write(triples: Iterable[Triple], path: str | Path, *, format: str | None = None) -> int:
    """Write triples to a file, or a folder for neo4j, which appears whole or not at all.

    Triples are taken one at a time and not kept; graph formats keep the URIs of the entities. An older file
    of that name is replaced once all has been written.

    Args:
        triples: What to write; may be a generator.
        path: Where to. A name that ends in ``.gz`` is packed, for all formats that are one text file.
        format: A name of :data:`WRITERS`; taken from the end of the file name when left out.

    Returns:
        The number of triples written.

    Raises:
        SettingError: The file name tells no format.
        UnknownNameError: There is no format of that name.
        InputError: A confidence is not a number from 0 to 1.
        OutputError: The file cannot be written: no such folder, no permission, disk full.
    """
    target = Path(path)
    chosen = format or recognise(target)
    module = writer(chosen)
    if chosen != "neo4j" and target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder, and {chosen} is a file; add a file name")
    counted = _Counted(triples)
    module.write(counted, target)
    return counted.number


class _Counted:
    """Hands triples on, checks their confidence and counts them."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self._triples = triples
        self.number = 0

    def __iter__(self) -> Iterator[Triple]:
        for triple in self._triples:
            if not 0 <= triple.confidence <= 1:
                raise InputError(
                    f"instance {triple.instance.id!r}: the confidence of relation {triple.relation!r} is "
                    f"{triple.confidence!r}; expected a number from 0 to 1"
                )
            self.number += 1
            yield triple
