"""Sharded Parquet: relation instances, assignments and facts in a folder of numbered files.

::

    instances/part-00000.parquet, part-00001.parquet, …

A shard appears whole or not at all, so that several processes can write to a folder, and a process that was killed
resumes with the shards that are missing. Shards are compressed with zstd. Their schema has two entries of metadata:
``relscout.rows``, the kind of the rows, and ``relscout.version``, the version of the columns. The same rows give the
same bytes.

Columns of instances (:data:`INSTANCES`), which are also a table that :func:`relscout.read` reads:

==========================================  ====================================================================
column                                      content
==========================================  ====================================================================
``id``, ``text``                            string
``head_start``, ``head_end``                int32, offsets into ``text`` in code points, end exclusive
``head_type``, ``head_id``                  string or null
``tail_…``                                  the same four of the tail
``relation``                                string, the gold relation, or null
``source``, ``document``                    string, empty if unknown
``document_start``                          int64 or null, offset of ``text`` in the document
==========================================  ====================================================================

The columns of assignments (:data:`ASSIGNMENTS`) and facts (:data:`FACTS`) are the keys of ``assignments.jsonl`` and
``facts.jsonl``; ``head`` and ``tail`` of a fact are structs. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from relscout.core.errors import ArtifactError
from relscout.core.files import make_above, whole_file
from relscout.core.instances import Mention, RelationInstance

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of a shard, unless the caller decides otherwise.
ROWS_PER_SHARD = 100_000
#: Rows of a row group, the most that are in memory as Python objects at a time.
ROWS_PER_GROUP = 10_000

_VERSION = 1
_KIND_KEY, _VERSION_KEY = b"relscout.rows", b"relscout.version"
_NAME = re.compile(r"part-(?P<index>[0-9]{5,})\.parquet")
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)

Row = TypeVar("Row")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class RowKind(Generic[Row]):
    """A kind of rows: its columns, and how a row becomes a record ``{column: value}`` and back."""

    name: str
    """Stored in each shard, such as ``"instances"``."""
    schema: Callable[[], pa.Schema]
    """Returns the columns."""
    record_of: Callable[[Row], Record]
    """Returns the record of a row."""
    row_of: Callable[[Record], Row]
    """Returns the row of a record."""


def shard_path(folder: Path, index: int) -> Path:
    """Return the file of a shard, counted from 0."""
    return folder / f"part-{index:05d}.parquet"


def is_shard(name: str) -> bool:
    """Return whether a file name is that of a shard."""
    return _NAME.fullmatch(name) is not None


def write_shard(folder: Path, index: int, rows: Iterable[Row], kind: RowKind[Row]) -> Path:
    """Write one shard, which appears whole or not at all, and return its file; an older one is replaced.

    Args:
        folder: The folder, which is created if it is missing.
        index: Number of the shard, from 0. Shards may be written in any order, by several processes.
        rows: Its rows, consumed in groups of :data:`ROWS_PER_GROUP`; there may be none.
        kind: :data:`INSTANCES`, :data:`ASSIGNMENTS` or :data:`FACTS`.

    Raises:
        OutputError: The file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = kind.schema().with_metadata({_KIND_KEY: kind.name.encode(), _VERSION_KEY: b"%d" % _VERSION})
    path, stream = shard_path(folder, index), iter(rows)
    make_above(path)
    with (
        whole_file(path) as partial,
        parquet.ParquetWriter(partial, schema, compression="zstd", write_page_checksum=True) as shard,
    ):
        while group := [kind.record_of(row) for row in islice(stream, ROWS_PER_GROUP)]:
            try:
                table = pa.Table.from_pylist(group, schema=schema)
            except UnicodeEncodeError:
                table = pa.Table.from_pylist([_encodable(record) for record in group], schema=schema)
            shard.write_table(table)
    return path


def write_shards(
    folder: Path, rows: Iterable[Row], kind: RowKind[Row], *, rows_per_shard: int = ROWS_PER_SHARD
) -> int:
    """Write rows as consecutive shards from 0 to a new or empty folder, and return the number of shards.

    Without rows, one empty shard is written, which keeps the columns.

    Raises:
        OutputError: A file cannot be written.
    """
    index = 0
    for index, part in enumerate(parts_of(rows, rows_per_shard)):
        write_shard(folder, index, part, kind)
    return index + 1


def parts_of(rows: Iterable[Row], size: int) -> Iterator[Iterator[Row]]:
    """Yield parts of ``size`` rows, each to be consumed before the next; without rows, an empty one."""
    stream = iter(rows)
    first = list(islice(stream, 1))
    yield chain(first, islice(stream, size - 1))
    while first := list(islice(stream, 1)):
        yield chain(first, islice(stream, size - 1))


def shard_files(folder: Path, *, count: int | None = None) -> list[Path]:
    """Return the shards of a folder in order.

    Args:
        folder: The folder.
        count: Expected number of shards; if left out, the highest number counts.

    Raises:
        ArtifactError: There is no such folder, it has no shard, a shard is missing, or a file is no shard.
    """
    try:
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise ArtifactError(f"{folder}: {error.strerror or error}; expected a folder of shards") from error
    for name in names:
        if not is_shard(name):
            raise ArtifactError(
                f"{folder / name} is not a shard; expected only files such as {shard_path(folder, 0).name}"
            )
    indices = {int(match["index"]) for name in names if (match := _NAME.fullmatch(name))}
    for index in range(max(indices, default=0) + 1 if count is None else count):
        if index not in indices:
            raise ArtifactError(f"{shard_path(folder, index)} is missing; write it again, or restore it")
    if count is not None and len(indices) > count:
        raise ArtifactError(f"{shard_path(folder, max(indices))} is one shard too many; expected {count}")
    return [shard_path(folder, index) for index in sorted(indices)]


def read_shards(folder: Path, kind: RowKind[Row], *, count: int | None = None) -> Iterator[Row]:
    """Yield the rows of all shards in order, with one row group in memory.

    Args:
        folder: The folder.
        kind: What its rows are.
        count: Expected number of shards; if left out, the highest number counts.

    Raises:
        ArtifactError: As for :func:`shard_files` and :func:`read_shard`.
    """
    for path in shard_files(folder, count=count):
        yield from read_shard(path, kind)


def read_shard(path: Path, kind: RowKind[Row]) -> Iterator[Row]:
    """Yield the rows of one shard, with one row group in memory.

    Raises:
        ArtifactError: The file is missing, cut off, damaged, of another kind or of a newer version.
    """
    footer = _footer(path, kind)
    for group in range(footer.num_row_groups):
        yield from _rows(path, _group(path, group, footer, kind), kind)


def read_columns(path: Path, kind: RowKind[Any], names: Sequence[str]) -> pa.Table:
    """Return some columns of a shard.

    Raises:
        ArtifactError: As for :func:`read_shard`.
    """
    from pyarrow import parquet

    _footer(path, kind)
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as shard:
            table = shard.read(columns=list(names))
        table.validate(full=True)
    except _failures() as error:
        raise _damaged(path, error) from error
    return table


def take(rows: Sequence[Row], places: Iterable[int]) -> list[Row]:
    """Return the rows at some places, in their order; rows on the disk are read from first to last."""
    listed = list(places)
    at = {place: rows[place] for place in sorted(set(listed))}
    return [at[place] for place in listed]


class ShardedRows(Sequence[Row]):
    """The rows of a folder as a sequence that is read from the disk when it is used.

    Iteration reads the shards in order, with one row group in memory. Single rows come from a cache of the row groups
    that were read last.

    Args:
        folder: The folder.
        kind: What its rows are.
        count: Expected number of shards; if left out, the highest number counts.

    Raises:
        ArtifactError: As for :func:`read_shards`; also later, if a shard is damaged or removed in the meantime.
    """

    _CACHED = 16

    def __init__(self, folder: Path, kind: RowKind[Row], *, count: int | None = None) -> None:
        self.folder, self.kind = folder, kind
        footers = [(path, _footer(path, kind)) for path in shard_files(folder, count=count)]
        #: Number of rows of the first shard, at least 1.
        self.rows_per_shard = max(1, footers[0][1].num_rows)
        self._groups = [
            (path, group, footer) for path, footer in footers for group in range(footer.num_row_groups)
        ]
        sizes = (footer.row_group(group).num_rows for _, group, footer in self._groups)
        #: First row of each group, and the number of all rows.
        self._starts: list[int] = [0, *accumulate(sizes)]
        self._cache: dict[int, pa.Table] = {}

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Row]:
        for path, group, footer in self._groups:
            yield from _rows(path, _group(path, group, footer, self.kind), self.kind)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return take(self, range(*place.indices(len(self))))
        row = place + len(self) if place < 0 else place
        if not 0 <= row < len(self):
            raise IndexError(f"row {place} of {len(self)}")
        number = bisect_right(self._starts, row) - 1
        path, group, footer = self._groups[number]
        table = self._cache.get(number)
        if table is None:
            table = self._cache[number] = _group(path, group, footer, self.kind)
            if len(self._cache) > self._CACHED:
                self._cache.pop(next(iter(self._cache)), None)
        return _rows(path, table.slice(row - self._starts[number], 1), self.kind)[0]

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of all rows, in the memory of Arrow.

        Raises:
            ArtifactError: A shard is missing or damaged.
        """
        import pyarrow as pa

        files = dict.fromkeys(path for path, *_ in self._groups)
        parts = [read_columns(path, self.kind, [name])[name] for path in files]
        chunks = [chunk for part in parts for chunk in part.chunks]
        return pa.chunked_array(chunks, type=self.kind.schema().field(name).type)

    def __repr__(self) -> str:
        return f"<{len(self):,} {self.kind.name} in {self.folder}>"


def _footer(path: Path, kind: RowKind[Any]) -> Any:
    """Return the footer of a shard, after checking that it describes such rows."""
    from pyarrow import parquet

    try:
        footer = parquet.read_metadata(path)
        metadata, columns = footer.metadata or {}, footer.schema.to_arrow_schema()
    except _failures() as error:
        raise _damaged(path, error) from error
    written, version = metadata.get(_KIND_KEY), metadata.get(_VERSION_KEY, b"")
    if written != kind.name.encode():
        of = f"holds {written.decode('utf-8', 'replace')}" if written else "was not written by relscout"
        raise ArtifactError(f"{path} {of}; expected a shard of {kind.name}")
    if not version.isdigit() or int(version) > _VERSION:
        raise ArtifactError(
            f"{path} has version {version.decode('utf-8', 'replace')!r}, this relscout reads version {_VERSION}; "
            "update relscout"
        )
    for column in kind.schema():
        there = columns.field(column.name) if column.name in columns.names else None
        if there is None or not there.equals(column):
            state = "is missing" if there is None else f"is {there.type}"
            needed = f"{column.type}, {'with' if column.nullable else 'without'} nulls"
            raise ArtifactError(
                f"{path}: the column {column.name!r} of {kind.name} {state}; expected {needed}; write the shard again"
            )
    return footer


def _group(path: Path, group: int, footer: Any, kind: RowKind[Any]) -> pa.Table:
    """Return a row group of a shard that still has the given footer."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as shard:
            if not shard.metadata.equals(footer):
                raise ArtifactError(
                    f"{path} was replaced by another shard since it was opened; load it again"
                )
            table = shard.read_row_group(group, columns=kind.schema().names)
        # Arrow does not check data by default: offsets of a damaged file can point outside its memory
        table.validate(full=True)
    except _failures() as error:
        raise _damaged(path, error) from error
    return table


def _rows(path: Path, table: pa.Table, kind: RowKind[Row]) -> list[Row]:
    try:
        return [kind.row_of(record) for record in table.to_pylist()]
    except _failures() as error:
        raise _damaged(path, error) from error


def _failures() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return pa.ArrowException, OSError, ValueError, TypeError, KeyError


def _damaged(path: Path, error: Exception) -> ArtifactError:
    if not path.is_file():
        return ArtifactError(f"{path} is missing; write it again, or restore it")
    line = (str(error).strip() or type(error).__name__).split("\n")[0]
    return ArtifactError(
        f"{path} is damaged, cut off or no Parquet file ({line}); write it again, or restore it"
    )


def _encodable(value: Any) -> Any:
    """Return a value of a record with every lone surrogate replaced."""
    if isinstance(value, str):
        return value.translate(_SURROGATES)
    if isinstance(value, Mapping):
        return {key: _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value


def _columns(**kinds: Any) -> pa.Schema:
    """Return columns by name: a type of Arrow or its name, with a question mark if the column may have nulls."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field(name, pa.type_for_alias(kind.rstrip("?")), nullable=kind.endswith("?"))
            if isinstance(kind, str)
            else pa.field(name, kind, nullable=False)
            for name, kind in kinds.items()
        ]
    )


def _instance_columns() -> pa.Schema:
    of_mention = {"start": "int32", "end": "int32", "type": "string?", "id": "string?"}
    mentions = {f"{role}_{name}": kind for role in ("head", "tail") for name, kind in of_mention.items()}
    rest = {"source": "string", "document": "string", "document_start": "int64?"}
    return _columns(id="string", text="string", **mentions, relation="string?", **rest)


def _instance_record(instance: RelationInstance) -> Record:
    head, tail = instance.head, instance.tail
    return {
        "id": instance.id,
        "text": instance.text,
        "head_start": head.start,
        "head_end": head.end,
        "head_type": head.type,
        "head_id": head.entity_id,
        "tail_start": tail.start,
        "tail_end": tail.end,
        "tail_type": tail.type,
        "tail_id": tail.entity_id,
        "relation": instance.relation,
        "source": instance.source,
        "document": instance.document,
        "document_start": instance.document_start,
    }


def _instance(record: Record) -> RelationInstance:
    head = Mention(record["head_start"], record["head_end"], record["head_type"], record["head_id"])
    tail = Mention(record["tail_start"], record["tail_end"], record["tail_type"], record["tail_id"])
    return RelationInstance(
        record["text"],
        head,
        tail,
        record["relation"],
        record["id"],
        record["source"],
        record["document"],
        record["document_start"],
    )


def _assignment_columns() -> pa.Schema:
    return _columns(
        id="string",
        relation_id="int64",
        relation="string?",
        confidence="float",
        related="float?",
        polarity="string",
        phrase="string",
    )


def _fact_columns() -> pa.Schema:
    import pyarrow as pa

    end = pa.struct(_columns(id="string", name="string", type="string?"))
    return _columns(
        head=end,
        relation_id="int64",
        relation="string",
        tail=end,
        support="int64",
        documents="int64",
        confidence="double",
        phrase="string",
        evidence=pa.list_(pa.string()),
    )


def _unchanged(record: Record) -> Record:
    return record


#: Rows are :class:`relscout.core.instances.RelationInstance`; ``parse`` is not stored.
INSTANCES = RowKind("instances", _instance_columns, _instance_record, _instance)
#: The same shards, without gold relations.
BARE_INSTANCES = replace(INSTANCES, row_of=lambda record: _instance({**record, "relation": None}))
#: Rows are dictionaries with the keys of ``assignments.jsonl``.
ASSIGNMENTS: RowKind[Record] = RowKind("assignments", _assignment_columns, _unchanged, _unchanged)
#: Rows are dictionaries with the keys of ``facts.jsonl``; see :func:`relscout.io.writers.jsonl.fact_record`.
FACTS: RowKind[Record] = RowKind("facts", _fact_columns, _unchanged, _unchanged)
