"""Tables of facts, as :func:`relscout.write_facts` writes them as CSV or Excel workbooks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Entity, Fact
from relscout.io.formulas import restored
from relscout.io.readers.source import Source, shorten
from relscout.io.readers.xlsx import sheet_rows

_Value = TypeVar("_Value")


def read_facts(path: str | Path) -> list[Fact]:
    """Read the facts of a table; columns of your own are ignored.

    Args:
        path: A CSV file or an Excel workbook that :func:`relscout.write_facts` wrote; you may have edited it.

    Raises:
        RecordError: A row is wrong.
        InputError: The file cannot be read, or lacks a column.
        MissingExtraError: The file is a workbook, and openpyxl is not installed.
    """
    source = Source(Path(path))
    rows = _workbook(source) if source.sample.startswith(b"PK\x03\x04") else _text(source)
    facts = []
    for place, row in rows:
        try:
            facts.append(_fact(row))
        except KeyError as error:
            raise InputError(f"{path}: no column {error}; the columns are {', '.join(row)}") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise RecordError(source.path, place, f"not a row of a table of facts ({error})") from error
    return facts


def _text(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    text = source.text()
    # a spreadsheet may have saved it with another delimiter
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.field_size_limit(2**31 - 1)
    _ = table.fieldnames  # the header is read, so that lines count from the first row
    while True:
        place = f"line {table.line_num + 1}"
        try:
            row = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            raise RecordError(source.path, place, f"not a row of a table ({error})") from error
        yield place, {name: restored(cell) for name, cell in row.items() if name and isinstance(cell, str)}


def _workbook(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with sheet_rows(source) as rows:
        header = [str(name) for _, cells in islice(rows, 1) for name in cells]
        for number, cells in rows:
            yield f"row {number}", dict(zip(header, cells, strict=False))


def _fact(row: Mapping[str, Any]) -> Fact:
    return Fact(
        head=_entity("head", row),
        relation_id=_number(row, "relation_id", int),
        relation=_string(row, "relation"),
        tail=_entity("tail", row),
        support=_number(row, "support", int),
        documents=_number(row, "documents", int),
        confidence=_number(row, "confidence", float),
        evidence=_strings(row, "evidence"),
        phrase=_string(row, "phrase"),
    )


def _entity(role: str, row: Mapping[str, Any]) -> Entity:
    return Entity(
        id=_string(row, f"{role}_id"),
        name=_string(row, role),
        type=_string(row, f"{role}_type") or None,
        aliases=_strings(row, f"{role}_aliases"),
        mentions=_number(row, f"{role}_mentions", int),
        documents=_number(row, f"{role}_documents", int),
        entity_ids=_strings(row, f"{role}_entity_ids"),
    )


def _string(row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    return "" if value is None else str(value)


def _number(row: Mapping[str, Any], column: str, kind: Callable[[Any], _Value]) -> _Value:
    try:
        return kind(row[column])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{column!r} is {shorten(row[column])}; expected a number") from error


def _strings(row: Mapping[str, Any], column: str) -> tuple[str, ...]:
    values = json.loads(_string(row, column) or "[]")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{column!r} is {shorten(row[column])}; expected a list of strings in JSON")
    return tuple(values)
