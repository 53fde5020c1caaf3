"""Relation instances from the rows of a table: the meaning of columns, and the parsing of rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from relscout.core.errors import InputError, UnknownNameError
from relscout.core.instances import Mention, RelationInstance
from relscout.core.surfaces import end_of, occurrences
from relscout.io.readers.offsets import Offsets, check_mention, in_characters, placed
from relscout.io.readers.source import Source, kind_name, optional_text, require, shorten

_ROLES = ("head", "tail")
#: The fields of a table; a column has its field's name, or the name that the user maps to it.
FIELDS = (
    "text",
    *(f"{role}{part}" for role in _ROLES for part in ("_start", "_end", "", "_type", "_id")),
    "relation",
    "id",
)

#: Our field → names that other tables have for it.
USUAL_NAMES = {
    "text": ("sentence", "content", "context", "sent", "passage", "body"),
    "head": ("subj", "subject", "e1", "entity1", "entity_1", "ent1", "source", "arg1"),
    "tail": ("obj", "object", "e2", "entity2", "entity_2", "ent2", "target", "arg2"),
    "relation": ("label", "predicate", "rel", "relation_type", "type"),
}
#: Fields in which a number is as good as a string: databases number their rows, and Excel makes a number of "1984".
_NUMBERED = frozenset(
    {*_ROLES, *(f"{role}{part}" for role in _ROLES for part in ("_type", "_id")), "relation", "id"}
)
#: How pandas and NumPy write a missing value as text; in columns of offsets also what R and databases write.
_MISSING = frozenset({"nan", "NaN", "<NA>"})
_MISSING_OFFSETS = _MISSING | {"NA", "None", "null", "NULL"}

#: Our field → DeepKE's column. Its tables give the start and the surface of a mention, which determine its end.
DEEPKE = {"text": "sentence", "head_start": "head_offset", "tail_start": "tail_offset"}


def columns_of(source: Source, present: Sequence[str]) -> dict[str, str]:
    """Return which column holds which field: ``{field: column}``.

    Args:
        source: The table, with the user's mapping in ``source.columns``.
        present: Names of the table's columns.

    Raises:
        UnknownNameError: The mapping has a field that does not exist.
        InputError: A mapped column is missing or occurs twice, or a required one is missing.
    """
    for field in source.columns:
        if field not in FIELDS:
            raise UnknownNameError("column field", field, FIELDS)
    names = {**_names(present), **source.columns}
    columns = {field: names.get(field, field) for field in FIELDS}
    columns = {
        field: column for field, column in columns.items() if column in present or field in source.columns
    }
    there = ", ".join(map(repr, present)) or "none"
    for field, column in columns.items():
        if present.count(column) != 1:
            state = "is not there" if column not in present else "stands there more than once"
            raise InputError(
                f"{source.path}: the column {column!r} for {field!r} {state}; the columns are {there}"
            )
    if missing := missing_fields(columns):
        raise InputError(
            f"{source.path}: no column for {' and '.join(missing)}; "
            f"the columns are {there}; say which is which, "
            "for example --columns text=sentence,head=subj (as an argument: columns={'text': 'sentence'})"
        )
    return columns


def warn_of_unread(source: Source, present: Sequence[str], fields: Collection[str]) -> None:
    """Announce columns that are not read although their names resemble that of a field that the table lacks.

    Args:
        source: The table.
        present: Names of the table's columns.
        fields: The fields that are read.
    """
    for field in FIELDS:
        # a start and a surface are enough, so that only the relation is missed under another name
        usual = (field, *USUAL_NAMES["relation"]) if field == "relation" else (field,)
        name = next((name for name in present if name.casefold() in usual), None)
        if field not in fields and name is not None and name not in source.columns.values():
            source.warn(
                f"the column {name!r} is not read; if it is the {field}, pass --columns {field}={name}"
            )


def is_table_of_ours(present: Sequence[str], mapping: Mapping[str, str]) -> bool:
    """Return whether all required columns are present, under our names or the user's."""
    names = {**_names(present), **mapping}
    return not missing_fields({field for field in FIELDS if names.get(field, field) in present})


def _names(present: Collection[str]) -> Mapping[str, str]:
    """Return DeepKE's names of columns if a table has all of them and none of ours."""
    theirs = set(DEEPKE.values()) <= set(present) and not DEEPKE.keys() & set(present)
    return DEEPKE if theirs else {}


def row_instance(
    row: Mapping[str, Any], provenance: str, *, offsets: Offsets = "characters"
) -> RelationInstance:
    """Return the instance of a row, given as ``{field: value}``.

    A mention lies at its offsets if the row has them; a start and the surface string are enough. Otherwise its surface
    string must occur exactly once in the text. NaN is a missing value. Numbers are accepted in place of strings, except
    as the text.

    Raises:
        InputError: A value is missing, of a wrong kind, or the mentions do not fit the text.
    """
    row = {field: _value(field, value) for field, value in row.items()}
    text = require(row, "text", str)
    instance = RelationInstance(
        text,
        _mention("head", row, text, offsets),
        _mention("tail", row, text, offsets),
        relation=optional_text(row, "relation"),
        id=_identifier(row, "id") or "",
        source=provenance,
    )
    for role, mention in (("head", instance.head), ("tail", instance.tail)):
        if surface := optional_text(row, role):
            check_mention(role, text, mention, surface, offsets)
    return instance


def _value(field: str, value: Any) -> Any:
    """Return the value of a cell: ``None`` for what stands for a missing one, numbers as strings where they may be."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if field not in _NUMBERED:
        return None if isinstance(value, str) and field != "text" and value in _MISSING_OFFSETS else value
    if isinstance(value, str):
        return None if field not in _ROLES and value in _MISSING else value
    # a column of whole numbers in which some are missing has floats
    if type(value) is int or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return value


def missing_fields(found: Collection[str]) -> list[str]:
    """Describe the missing fields of a table with only some fields; empty if it is complete."""
    missing = [] if "text" in found else ["'text'"]
    for role in _ROLES:
        if role not in found and not {f"{role}_start", f"{role}_end"} <= set(found):
            missing.append(f"'{role}' (or '{role}_start' and '{role}_end')")
    return missing


def _mention(role: str, row: Mapping[str, Any], text: str, offsets: Offsets) -> Mention:
    surface = optional_text(row, role)
    if f"{role}_start" in row and row.get(f"{role}_end") not in (None, ""):
        start, end = _span(role, row, text, offsets)
    elif row.get(f"{role}_start") not in (None, "") and surface is not None:
        start, _ = in_characters(text, _offset(row, f"{role}_start"), 0, offsets)
        end = end_of(surface, text, start)
    elif surface is None and f"{role}_start" in row and f"{role}_end" in row:
        start, end = _span(role, row, text, offsets)
    elif surface is None:
        raise InputError(f"the column {role!r} is empty; expected the {role} entity as it stands in the text")
    else:
        start, end = _only_place(role, surface, text)
    return Mention(start, end, optional_text(row, f"{role}_type"), _identifier(row, f"{role}_id"))


def _span(role: str, row: Mapping[str, Any], text: str, offsets: Offsets) -> tuple[int, int]:
    start, end = (_offset(row, f"{role}_{edge}") for edge in ("start", "end"))
    mention = placed(role, text, start, end, offsets, surface=row.get(role) or None)
    return mention.start, mention.end


def _only_place(role: str, surface: str, text: str) -> tuple[int, int]:
    places = occurrences(surface, text, most=2)
    if len(places) == 1:
        return places[0]
    occurs = "occurs more than once" if places else "does not occur"
    raise InputError(
        f"the {role} {shorten(surface)} {occurs} in the text {shorten(text)}; give its place with the "
        f"columns {role}_start and {role}_end (characters, the end exclusive)"
    )


def _offset(row: Mapping[str, Any], field: str) -> int:
    value = row[field]
    if isinstance(value, str):
        # a column of floats writes 4.0
        number = value.strip().removesuffix(".0")
        if not (number.isascii() and number.isdigit() and len(number) <= 15):
            raise InputError(
                f"the column {field!r} has {shorten(value)}; expected a whole number of characters"
            )
        return int(number)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return int(value)
    if value is None:
        raise InputError(f"the column {field!r} is empty; expected a whole number of characters")
    return require(row, field, int)


def _identifier(row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise InputError(f"the column {field!r} has {kind_name(value)}; expected a string or a whole number")
    return optional_text(row, field)
