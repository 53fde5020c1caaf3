"""Instances passed by a program: as objects, dictionaries, or rows of a data frame.

A dictionary is a record of our JSON Lines (:mod:`relscout.io.readers.jsonl`) or, where its ``head`` is a string or
it has
offsets in ``head_start``, a row of a table (:mod:`relscout.io.readers.table`). pandas, polars and pyarrow are
recognised by the module of the given object and never imported here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from relscout.core.errors import InputError, InputWarning, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers.jsonl import instance_of
from relscout.io.readers.offsets import checked
from relscout.io.readers.source import kind_name, shorten

#: Instances or their dictionaries, or a pandas, polars or pyarrow frame with the columns of our tables.
Given: TypeAlias = Iterable[RelationInstance | Mapping[str, Any]]

_LIBRARIES = ("pandas", "polars", "pyarrow")


def as_instances(given: Given | Any, *, what: str = "instances") -> list[RelationInstance]:
    """Return the input of a program as instances, in the same order.

    Args:
        given: Instances, dictionaries or a data frame. Columns other than :data:`relscout.io.readers.table.FIELDS` are
            ignored; NaN counts as missing, like ``None``.
        what: Name of the input in errors.

    Raises:
        InputError: It is none of these, or a frame lacks a column.
        RecordError: A dictionary or row is wrong; rows are counted from 1.
    """

    def warn(text: str) -> None:
        warnings.warn(f"{what}: {text}", InputWarning, stacklevel=3)

    if isinstance(given, str | bytes | Path):
        raise InputError(
            f"{what} is {shorten(str(given))}, expected instances, dictionaries or a data frame; "
            "to read a file, use relscout.read(path)"
        )
    if _library(given) is not None:
        read = (_row(row, place, what) for place, row in enumerate(_rows(given, what), start=1))
        return list(checked(read, warn=warn))
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InputError(
            f"{what} is {kind_name(given)}, expected a list of instances or dictionaries, or a data frame"
        )
    given = list(given)
    read = (
        item if isinstance(item, RelationInstance) else _row(item, place, what)
        for place, item in enumerate(given, start=1)
    )
    # instances were checked where they were read
    if all(isinstance(item, RelationInstance) for item in given):
        return list(read)
    return list(checked(read, warn=warn))


def _library(given: object) -> str | None:
    """Return the library of a data frame; ``None`` for other objects."""
    name = type(given).__module__.partition(".")[0]
    # checked on the type: a lazy frame of polars would have to compute its columns
    return name if name in _LIBRARIES and hasattr(type(given), "columns") else None


def _rows(frame: Any, what: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a data frame, with known columns only."""
    from relscout.io.readers.table import FIELDS, missing_fields

    if hasattr(frame, "collect"):  # a lazy frame of polars
        frame = frame.collect()
    arrow = hasattr(frame, "column_names")
    present = [str(name) for name in (frame.column_names if arrow else frame.columns)]
    known = [name for name in dict.fromkeys(present) if name in FIELDS]
    if missing := missing_fields(known):
        raise InputError(
            f"{what}: the data frame has no column for {' and '.join(missing)}; its columns are "
            f"{', '.join(map(repr, present)) or 'none'}; rename them"
        )
    if twice := [name for name in known if present.count(name) > 1]:
        raise InputError(f"{what}: the data frame has the column {twice[0]!r} more than once; drop one")
    if arrow:
        yield from frame.select(known).to_pylist()
    elif hasattr(frame, "iter_rows"):
        yield from frame.select(known).iter_rows(named=True)
    else:
        yield from frame[known].to_dict("records")


def _row(row: Any, place: int, what: str) -> RelationInstance:
    try:
        if not isinstance(row, Mapping):
            raise InputError(f"expected a RelationInstance or a dictionary, got {kind_name(row)}")
        record = {name: _plain(name, value) for name, value in row.items()}
        if isinstance(record.get("head"), Mapping) or not ({"head", "head_start"} & record.keys()):
            return instance_of(record, f"row {place}")
        from relscout.io.readers.table import row_instance

        return row_instance(record, f"row {place}")
    except InputError as error:
        raise RecordError(what, f"row {place}", str(error)) from error


def _plain(name: Any, value: Any) -> Any:
    """Return a value of a frame or dictionary as a JSON value, a missing one as ``None``."""
    if isinstance(value, Mapping):
        return {inner: _plain(inner, inner_value) for inner, inner_value in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    # NaN differs from itself, and pandas.NA refuses to be compared
    if isinstance(value, float) and value != value:
        return None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    # a column of whole numbers with a missing value is a column of floats
    if str(name).endswith(("_start", "_end")) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
