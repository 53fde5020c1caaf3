"""The records of a JSON file of any size, one at a time: of a list, or of the lists in an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from relscout.errors import InputError, RecordError
from relscout.readers.fields import kind_name
from relscout.readers.json_window import BrokenJsonError, JsonWindow
from relscout.readers.source import Source

_Record = tuple[str, str, Any | RecordError]


def list_records(source: Source) -> Iterator[tuple[str, Any | RecordError]]:
    """Yield ``("record N", value)`` for the items of a JSON list, N from 1.

    A wrong item comes as its error. JSON that breaks off or cannot be followed is one last error, named after
    the record where that happened.

    Raises:
        InputError: The file is not a JSON list or cannot be read.
    """
    window = _opened(source, "[", "list")
    for place, _, value in _to_the_end(window, _items(window, "", "record {}", first=1)):
        yield place, value


def grouped_records(source: Source) -> Iterator[tuple[str, str, Any | RecordError]]:
    """Yield ``("key[index]", key, value)`` for the items of ``{key: [item, …], …}``, the index from 0.

    Errors are as for :func:`list_records`.

    Raises:
        InputError: The file is not a JSON object or cannot be read.
    """
    window = _opened(source, "{", "object")
    yield from _to_the_end(window, _groups(window))


def _opened(source: Source, bracket: str, kind: str) -> JsonWindow:
    window = JsonWindow(source)
    if window.peek() != bracket:
        raise InputError(
            f"{source.path}: expected a JSON {kind}, but the file starts with {window.next_text()}"
        )
    return window


def _items(window: JsonWindow, key: str, place: str, *, first: int) -> Iterator[_Record]:
    window.take("[")
    if window.peek() == "]":
        window.take("]")
        return
    number = first
    while True:
        window.place = place.format(number)
        yield window.place, key, window.value()
        window.place = f"after {window.place}"
        if window.take(",]") == "]":
            return
        number += 1


def _groups(window: JsonWindow) -> Iterator[_Record]:
    window.take("{")
    if window.peek() == "}":
        window.take("}")
        return
    while True:
        key = _key(window)
        name = key if key.isprintable() else repr(key)
        window.place = name
        if window.peek() == "[":
            yield from _items(window, key, name.replace("{", "{{").replace("}", "}}") + "[{}]", first=0)
        else:
            value = window.value()
            error = window.source.error(name, f"expected a list of records, got {kind_name(value)}")
            yield name, key, value if isinstance(value, RecordError) else error
        window.place = f"after {name}"
        if window.take(",}") == "}":
            return


def _key(window: JsonWindow) -> str:
    window.peek_for('"')
    key = window.value()
    if isinstance(key, RecordError):
        raise BrokenJsonError(key.reason)
    window.take(":")
    return str(key)


def _to_the_end(window: JsonWindow, records: Iterator[_Record]) -> Iterator[_Record]:
    try:
        yield from records
        window.place = "after the last record"
        if window.peek():
            raise BrokenJsonError(f"expected the end of the file, got {window.next_text()}")
    except BrokenJsonError as error:
        yield window.place, "", window.source.error(window.place, error)
