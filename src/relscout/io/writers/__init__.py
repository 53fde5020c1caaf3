"""Writes triples and facts to files.

A writer, one for each name in :data:`WRITERS`, is an object or a module with

* ``DESCRIPTION``: one line for users,
* ``write(triples, path) -> None``: writes all triples; on failure, no partial file is left.

Writers of :data:`FACT_FORMATS` also have ``write_facts(facts, path) -> None``.

The formats of annotation tools (:mod:`relscout.io.writers.tools`) hold triples, or instances with their gold relations.

Other packages register writers by name in the entry-point group ``relscout.writers``. A writer with ``SUFFIXES``, a
tuple of file extensions such as ``(".xml",)``, is chosen by them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from relscout.core.errors import (
    InputError,
    OutputError,
    PluginError,
    PluginWarning,
    SettingError,
    UnknownNameError,
)
from relscout.core.instances import Entity, Fact, Triple
from relscout.io.writers.tools import MODEL_VERSION, TOOLS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Format name → its writer, as ``module`` or ``module:name``, which is imported on first use.
WRITERS: dict[str, str] = {
    "jsonl": "relscout.io.writers.jsonl",
    "parquet": "relscout.io.writers.parquet",
    "ntriples": "relscout.io.writers.rdf:NTRIPLES",
    "turtle": "relscout.io.writers.rdf:TURTLE",
    "graphml": "relscout.io.writers.property_graph:GRAPHML",
    "neo4j": "relscout.io.writers.property_graph:NEO4J",
    "csv": "relscout.io.writers.table:CSV",
    "csv-excel": "relscout.io.writers.table:CSV_EXCEL",
    "xlsx": "relscout.io.writers.table:EXCEL",
}

_OURS: Final = {**WRITERS, **dict.fromkeys(TOOLS, "relscout.io.writers.tools")}

#: Formats that are a folder.
FOLDERS: Final = ("neo4j", *(name for name, tool in TOOLS.items() if tool.is_folder))

#: Formats of facts.
FACT_FORMATS = ("jsonl", "ntriples", "turtle", "graphml", "neo4j", "csv", "csv-excel", "xlsx")

#: Formats that show an example of each fact.
_WITH_EXAMPLES: Final = ("csv", "csv-excel", "xlsx")

_GROUP: Final = "relscout.writers"

#: End of a file name → format. neo4j is a folder and has none; csv-excel must be named.
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
    ".csv": "csv",
    ".csv.gz": "csv",
    ".xlsx": "xlsx",
}


class Writer(Protocol):
    """A writer of triples."""

    DESCRIPTION: str

    def write(self, triples: Iterable[Triple], path: Path) -> None:
        """Write all triples to ``path``, which appears whole or not at all."""
        ...


class FactWriter(Protocol):
    """A writer of facts."""

    def write_facts(self, facts: Iterable[Fact], path: Path) -> None:
        """Write all facts to ``path``, which appears whole or not at all."""
        ...


class _Table(Protocol):
    def write_facts(self, facts: Iterable[Fact], path: Path, *, triples: Iterable[Triple]) -> None: ...

    def write_rows(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], path: Path) -> None: ...


def writer(name: str) -> Writer:
    """Return the writer of a format.

    Raises:
        UnknownNameError: There is no such format.
        PluginError: Another package registers it, and it cannot be loaded.
    """
    if name in WRITERS:
        return cast(Writer, resolve_name(WRITERS[name]))
    if name in TOOLS:
        return TOOLS[name]
    others = _others()
    if name not in others:
        raise UnknownNameError("output format", name, [*_OURS, *others])
    from relscout.core.plugins import loaded

    return cast(Writer, loaded(_GROUP, others[name], needs=("DESCRIPTION", "write")))


def _others() -> dict[str, EntryPoint]:
    """Return the writers of other packages, by name."""
    from relscout.core.plugins import registered

    return registered(_GROUP, _OURS)


def writer_names() -> list[str]:
    """Return the names of all output formats: ours, and those that other packages register."""
    return [*_OURS, *_others()]


def recognise(path: str | Path) -> str:
    """Return the format of a file extension, in upper or lower case.

    Raises:
        SettingError: The name ends in none of :data:`SUFFIXES`.
    """
    name = Path(path).name.lower()
    for suffix, format_name in SUFFIXES.items():
        if name.endswith(suffix):
            return format_name
    for other in _others():
        try:
            if name.endswith(tuple(getattr(writer(other), "SUFFIXES", ()))):
                return other
        except PluginError as error:
            # a broken package must not hide the formats of others
            warnings.warn(str(error), PluginWarning, stacklevel=2)
    raise SettingError(
        f"{path}: unknown file extension; known are {', '.join(SUFFIXES)}; "
        f"otherwise set the format, one of {', '.join(writer_names())} (neo4j and brat write a folder)"
    )


def write(
    triples: Iterable[Triple],
    path: str | Path,
    *,
    format: str | None = None,
    model_version: str = MODEL_VERSION,
) -> int:
    """Write triples to a file, or a folder for neo4j, which appears whole or not at all.

    Triples are consumed one at a time and not kept; graph formats keep the URIs of the entities. An existing file is
    replaced once the new one is complete.

    Args:
        triples: The triples; may be a generator.
        path: The file. A name that ends in ``.gz`` is compressed, for all formats that are one text file.
        format: A name of :func:`writer_names`; taken from the end of the file name when left out.
        model_version: For annotation tools: shown as the origin of the predictions.

    Returns:
        The number of triples written.

    Raises:
        SettingError: The file name does not determine a format.
        UnknownNameError: There is no format of that name.
        InputError: A confidence, or ``related``, is not a number from 0 to 1.
        OutputError: The file cannot be written: no such folder, no permission, disk full.
    """
    target = Path(path)
    chosen = format or recognise(target)
    module = writer(chosen)
    _check_folder(target, chosen)
    counted = _Counted(triples)
    if chosen in TOOLS:
        TOOLS[chosen].write(counted, target, model_version=model_version)
    else:
        module.write(counted, target)
    return counted.number


def write_facts(
    facts: Iterable[Fact], path: str | Path, *, format: str | None = None, triples: Iterable[Triple] = ()
) -> int:
    """Write facts to a file, or a folder for neo4j, which appears whole or not at all.

    An existing file is replaced once the new one is complete.

    Args:
        facts: The facts.
        path: The file. A name that ends in ``.gz`` is compressed, for all formats that are one text file.
        format: A name of :data:`FACT_FORMATS`; taken from the end of the file name when left out.
        triples: The triples that are the evidence of the facts. CSV and Excel show the sentence of the surest one of
            each fact, and where it stands; other formats have no examples.

    Returns:
        The number of facts written.

    Raises:
        SettingError: The file name does not determine a format, or the format holds no facts.
        UnknownNameError: There is no format of that name.
        OutputError: The file cannot be written: no such folder, no permission, disk full.
    """
    target = Path(path)
    chosen = format or recognise(target)
    module = writer(chosen)
    check_fact_format(chosen)
    _check_folder(target, chosen)
    count = 0

    def counted() -> Iterator[Fact]:
        nonlocal count
        for fact in facts:
            count += 1
            yield fact

    if chosen in _WITH_EXAMPLES:
        cast(_Table, module).write_facts(counted(), target, triples=triples)
    else:
        cast(FactWriter, module).write_facts(counted(), target)
    return count


def check_fact_format(name: str) -> None:
    """Check that a format holds facts.

    Raises:
        SettingError: It holds triples only.
    """
    if name not in FACT_FORMATS and not (name not in _OURS and hasattr(writer(name), "write_facts")):
        raise SettingError(
            f"{name} holds triples and no facts; formats of facts are {', '.join(FACT_FORMATS)}"
        )


def write_relations(
    relations: Iterable[Mapping[str, Any]], path: str | Path, *, format: str | None = None
) -> int:
    """Write relations, one per row: as a table in CSV or Excel, or as JSON Lines with all fields.

    Args:
        relations: Their fields, as ``Relation.as_dict()`` returns them.
        path: The file.
        format: ``jsonl``, ``csv``, ``csv-excel`` or ``xlsx``; taken from the end of the file name when left out.

    Returns:
        The number of relations written.

    Raises:
        SettingError: The file name does not determine a format, or the format holds no relations.
        OutputError: The file cannot be written.
    """
    target = Path(path)
    chosen = format or recognise(target)
    if chosen != "jsonl" and chosen not in _WITH_EXAMPLES:
        raise SettingError(
            f"{chosen} holds no table of relations; expected jsonl, {', '.join(_WITH_EXAMPLES)}"
        )
    given = list(relations)
    if chosen == "jsonl":
        from relscout.io.writers.textfile import write_json_lines

        write_json_lines(given, target)
    else:
        from relscout.io.writers.table import RELATION_COLUMNS, relation_row

        cast(_Table, writer(chosen)).write_rows(RELATION_COLUMNS, map(relation_row, given), target)
    return len(given)


def write_entities(entities: Iterable[Entity], path: str | Path, *, facts: Mapping[str, int]) -> None:
    """Write entities as JSON Lines, one per line.

    Args:
        entities: The entities.
        path: The file.
        facts: Number of facts of each entity, by its id.

    Raises:
        OutputError: The file cannot be written.
    """
    from relscout.io.writers.jsonl import entity_record
    from relscout.io.writers.textfile import write_json_lines

    records = (entity_record(entity, facts=facts.get(entity.id, 0)) for entity in entities)
    write_json_lines(records, Path(path))


def _check_folder(target: Path, format: str) -> None:
    if format not in FOLDERS and target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder, and {format} is a file; add a file name")


class _Counted:
    """Yields triples, checks their confidence and ``related``, and counts them."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self._triples = triples
        self.number = 0

    def __iter__(self) -> Iterator[Triple]:
        for triple in self._triples:
            related = 1.0 if triple.related is None else triple.related
            for what, value in (("confidence of", triple.confidence), ("'related' of", related)):
                if not 0 <= value <= 1:
                    raise InputError(
                        f"instance {triple.instance.id!r}: the {what} relation {triple.relation!r} is {value!r}; "
                        "expected a number from 0 to 1"
                    )
            self.number += 1
            yield triple
