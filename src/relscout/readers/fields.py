"""Fields of JSON records, checked before they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from relscout.errors import InputError, RecordError
from relscout.instances import RelationInstance
from relscout.readers.source import Source, shorten

Kind = TypeVar("Kind", str, int, list[Any], dict[str, Any])

_KIND_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}

#: No text is longer; a larger number is a mistake, and Python refuses to print one of thousands of digits.
_LARGEST_NUMBER = 2**53


def attempt(
    source: Source, place: str, record: Any, parse: Callable[[Any, str], RelationInstance]
) -> RelationInstance | RecordError:
    """Return ``parse(record, provenance)``, or the error of that record when it raises an input error.

    Args:
        source: The file that the record was read from.
        place: Where in the file, for example ``"line 12"``.
        record: The record, or the error that reading it gave already, which is returned as it is.
        parse: Makes an instance of a record and its provenance.
    """
    if isinstance(record, RecordError):
        return record
    try:
        return parse(record, source.at(place))
    except InputError as error:
        return source.error(place, error)


def require(record: Any, field: str, kind: type[Kind], *, inside: str = "") -> Kind:
    """Return a field of a record, which must be there and of the kind that the format has there.

    Args:
        record: The record; anything but an object is an error.
        field: Name of the field.
        kind: ``str``, ``int`` (true and false are not whole numbers), ``list`` or ``dict``.
        inside: Name of the field that holds the record, where it is a part of a larger one.

    Raises:
        InputError: The record is not an object, or the field is missing, of another kind, a text that is not
            Unicode or a number beyond any offset.
    """
    if not isinstance(record, dict):
        what = f"the field {inside!r} as an object" if inside else "an object"
        raise InputError(f"expected {what} with a field {field!r}, got {kind_name(record)}")
    name = f"{inside}.{field}" if inside else field
    if field not in record:
        raise InputError(f"the field {name!r} is missing; expected {_KIND_NAMES[kind]}")
    value = record[field]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"the field {name!r} is {kind_name(value)}; expected {_KIND_NAMES[kind]}")
    if isinstance(value, str):
        check_unicode(name, value)
    elif isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
        raise InputError(f"the field {name!r} is a number far beyond any text")
    return value


def optional_text(record: Any, field: str, *, inside: str = "") -> str | None:
    """Return a field that may be missing, null or empty (all three: ``None``) but else must be a string.

    Raises:
        InputError: The record is not an object, or the field is of another kind.
    """
    if isinstance(record, dict) and record.get(field) is None:
        return None
    return require(record, field, str, inside=inside) or None


def optional_offset(record: Any, field: str) -> int | None:
    """Return a field that may be missing or null (both: ``None``) but else must be an offset, 0 or more.

    Raises:
        InputError: The record is not an object, or the field is of another kind or negative.
    """
    if isinstance(record, dict) and record.get(field) is None:
        return None
    value = require(record, field, int)
    if value < 0:
        raise InputError(f"the field {field!r} is {value}; expected an offset of 0 or more")
    return value


def check_unicode(name: str, value: str) -> None:
    r"""Refuse a text with half a surrogate pair, which JSON can spell (``\ud83d``) but no file can hold.

    Raises:
        InputError: There is one.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"the field {name!r} has half a surrogate pair ({shorten(value[error.start])}) at character "
            f"{error.start}, which is not Unicode text; was an emoji cut in two?"
        ) from error


def kind_name(value: Any) -> str:
    """Name the kind of a JSON value in words, such as ``"a string"``."""
    return _KIND_NAMES.get(type(value), f"a {type(value).__name__}")
