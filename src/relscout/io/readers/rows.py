"""Rows of Parquet files, Arrow files, folders of Parquet files, and folders that Hugging Face ``datasets`` save.

They are read in batches. The Parquet files of a folder, its shards, are read one after the other, sorted by name, and
must have the same columns; files whose names begin with a dot or an underscore are ignored, as Spark and Hive do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relscout.core.errors import InputError, RecordError
from relscout.io.packing import ROWS_MAGIC

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET, _ARROW_FILE, _ARROW_STREAM = ROWS_MAGIC
_ROWS_PER_BATCH = 1024
_ROWS_TO_JUDGE = 5


def shards_in(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder, sorted by name; none if it holds anything else."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    return files if all(path.suffix == ".parquet" and path.is_file() for path in files) else []


def first_rows(path: Path) -> str:
    """Return the first five rows as JSON Lines; values that JSON lacks, such as dates, become strings.

    Raises:
        InputError: The file is damaged, or a folder holds several splits.
    """
    lines = []
    for _, row in rows(path, per_batch=_ROWS_TO_JUDGE):
        if not isinstance(row, RecordError):
            lines.append(json.dumps(row, default=str))
        if len(lines) == _ROWS_TO_JUDGE:
            break
    return "\n".join(lines)


def column_names(path: Path) -> list[str]:
    """Return the names of the columns.

    Raises:
        InputError: The file is damaged, or a folder holds several splits.
    """
    files = _files(path)
    if not files:
        raise InputError(f"{path}: the folder holds no rows")
    schema, _ = _opened(path, files[0], None, 1)
    try:
        return list(schema.names)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{files[0]}: the names of the columns are damaged ({error}); save it again"
        ) from error


def rows(
    path: Path, columns: Sequence[str] | None = None, *, per_batch: int = _ROWS_PER_BATCH
) -> Iterator[tuple[str, dict[str, Any] | RecordError]]:
    """Yield ``("row N", {column: value})``, N from 1; class labels of Hugging Face datasets become names.

    A row that cannot be read comes as its error. A file that breaks off is one last error. In a folder of Parquet
    files, the place is ``"FILE, row N"``, N from 1 in each file.

    Args:
        path: The file or folder.
        columns: The columns to read; all where left out.
        per_batch: Number of rows in memory.

    Raises:
        InputError: The file is damaged, packed with gzip, or a folder holds several splits.
    """
    number = 0
    files = _files(path)
    in_shards = path.is_dir() and files == shards_in(path)
    known: set[str] | None = None
    for file in files:
        schema, batches = _opened(path, file, columns, per_batch)
        features = _features(schema)
        shard = ""
        if in_shards:
            number, shard = 0, f"{file.name}, "
            names = set(schema.names)
            if (known := known or names) != names:
                raise InputError(
                    f"{file}: the column {min(known ^ names)!r} is not in every file of the folder, as {files[0].name} "
                    "shows; give a folder of files with the same columns"
                )
        while True:
            try:
                batch = next(batches, None)
            except _failures() as error:
                place = f"{shard}after row {number}"
                yield (
                    place,
                    RecordError(path, place, f"the {_kind(file)} is damaged or cut off ({_line(error)})"),
                )
                return
            if batch is None:
                break
            for row in _batch_rows(batch):
                number += 1
                place = f"{shard}row {number}"
                if isinstance(row, Exception):
                    foreign = isinstance(row, UnicodeDecodeError)
                    reason = (
                        "a text in this row is not UTF-8"
                        if foreign
                        else f"a value cannot be read ({_line(row)})"
                    )
                    yield place, RecordError(path, place, f"{reason}; write the file again")
                else:
                    yield place, _named(row, features) if features else row


def _files(path: Path) -> list[Path]:
    """Return the files that hold the rows, in order."""
    if not path.is_dir():
        with path.open("rb") as raw:
            if not raw.read(8).startswith(ROWS_MAGIC):
                raise InputError(f"{path}: the {_kind(path)} is packed with gzip; unpack it first")
        return [path]
    if (path / "dataset_dict.json").is_file():
        splits = _listed(path / "dataset_dict.json", "splits")
        if len(splits) != 1:
            names = ", ".join(splits) or "none"
            example = splits[0] if splits else "train"
            raise InputError(
                f"{path}: the folder holds several splits ({names}); give the folder of the split that you mean, "
                f"such as {path / example}"
            )
        return _files(path / splits[0])
    if not (path / "state.json").is_file():
        if files := shards_in(path):
            return files
        raise InputError(
            f"{path}: expected a folder of Parquet files and nothing else, or one that datasets' save_to_disk wrote"
        )
    return [path / name for name in _listed(path / "state.json", "_data_files")]


def _listed(path: Path, field: str) -> list[str]:
    """Return the names in a field of a JSON file, strings or objects with a ``filename``."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))[field]
        names = [entry["filename"] if isinstance(entry, dict) else entry for entry in entries]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: expected a list {field!r}, as datasets' save_to_disk writes it") from error
    for name in names:
        if not isinstance(name, str) or not name or Path(name).name != name:
            raise InputError(f"{path}: {field!r} has {name!r:.60}; expected names of files next to it")
    return names


def _opened(
    given: Path, path: Path, columns: Sequence[str] | None, per_batch: int
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as raw:
            magic = raw.read(8)
        if magic.startswith(_PARQUET):
            table = parquet.ParquetFile(path)
            chosen = None if columns is None else sorted(set(columns))
            return table.schema_arrow, table.iter_batches(per_batch, columns=chosen)
        if magic.startswith(_ARROW_FILE):
            file = pa.ipc.open_file(path)
            return file.schema, _selected(
                (file.get_batch(n) for n in range(file.num_record_batches)), columns
            )
        if magic.startswith(_ARROW_STREAM):
            stream = pa.ipc.open_stream(path)
            return stream.schema, _selected(iter(stream), columns)
    except _failures() as error:
        raise InputError(f"{path}: the {_kind(path)} is damaged or cut off ({_line(error)})") from error
    raise InputError(f"{given}: {path.name} is neither a Parquet nor an Arrow file")


def _selected(batches: Iterator[pa.RecordBatch], columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        chosen = batch if columns is None else batch.select(sorted(set(columns)))
        yield from (
            chosen.slice(start, _ROWS_PER_BATCH) for start in range(0, chosen.num_rows, _ROWS_PER_BATCH)
        )


def _batch_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Exception]:
    """Yield the rows of a batch; a row that Python cannot represent comes as its error."""
    # a date beyond Python's calendar, a time in nanoseconds, a text that is not UTF-8
    unreadable: tuple[type[Exception], ...] = (*_failures(), OverflowError, ImportError, TypeError, KeyError)
    try:
        # Arrow does not check data by default: offsets of a damaged file can point outside its memory
        batch.validate(full=True)
        values = batch.to_pylist()
    except unreadable:
        for index in range(batch.num_rows):
            try:
                row = batch.slice(index, 1)
                row.validate(full=True)
                yield row.to_pylist()[0]
            except unreadable as error:
                yield error
    else:
        yield from values


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return the columns with class labels of Hugging Face datasets, with their descriptions."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    except (TypeError, KeyError, ValueError, RecursionError):
        return {}
    if not isinstance(features, dict):
        return {}
    return {name: feature for name, feature in features.items() if '"ClassLabel"' in json.dumps(feature)}


def _named(value: Any, feature: Any) -> Any:
    """Replace class labels in a value by their names."""
    if isinstance(feature, list):
        feature = feature[0] if feature else None
    elif isinstance(feature, dict) and feature.get("_type") in ("Sequence", "List", "LargeList"):
        feature = feature.get("feature")
    if not isinstance(feature, dict):
        return value
    if feature.get("_type") == "ClassLabel" and isinstance(value, int):
        names = feature.get("names")
        return names[value] if isinstance(names, list) and 0 <= value < len(names) else value
    if isinstance(value, list):
        return [_named(item, feature) for item in value]
    if isinstance(value, dict):
        return {
            name: _named(item, feature[name]) if name in feature else item for name, item in value.items()
        }
    return value


def _failures() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return pa.ArrowException, OSError, ValueError


def _kind(path: Path) -> str:
    return "Arrow file" if path.suffix == ".arrow" else "Parquet file"


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
