"""JSON files of any size, read one record at a time.

The standard library's parser reads from it, so values come out as :mod:`json` gives them. (Compiled streaming parsers
replace half surrogate pairs with question marks and crash on very long numbers.)
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

from relscout.core.errors import InputError, RecordError
from relscout.io.readers.source import Source, kind_name, shorten

#: A string (perhaps truncated), with the first character of its value if it is a key; or a bracket.
_TOKEN = re.compile(
    r'"(?P<string>[^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)(?P<is_key>\s*:\s*(?=(?P<value>.?)))?|[\[\]{}]', re.DOTALL
)
_MOST_OBJECTS = 5
_DEEPEST = 20
_INNER = 40


def outlines(text: str, within: str = "") -> list[dict[str, str]]:
    """Return the keys of the first five objects, each with the first character of its value.

    Keys of objects further inside have the keys above them in front (``"spans.label"``), whatever lists lie between.
    The first character inside a list has the list's key with brackets (``"spans[]"``).

    Args:
        text: The beginning of a JSON text.
        within: The open brackets around the objects to return: ``"["`` for the items of a list,
            ``"{["`` for the items of lists in an object, ``""`` for objects that follow one another.
    """
    if text.lstrip()[:1] != f"{within}{{"[0]:
        return []
    objects: list[dict[str, str]] = []
    opened: list[str] = []
    # the last key of each open object
    keys: list[str] = []
    here = [*within, "{"]
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("{", "["):
            opened.append(token)
            keys.append("")
            if opened == here:
                if len(objects) == _MOST_OBJECTS:
                    break
                objects.append({})
            if len(opened) > _DEEPEST:
                break
        elif token in ("}", "]"):
            del opened[-1:]
            del keys[-1:]
        elif match["is_key"] is not None and objects and opened[: len(here)] == here and opened[-1] == "{":
            keys[-1] = match["string"]
            path = ".".join(key for key in keys[len(here) - 1 :] if key)
            objects[-1].setdefault(path, match["value"])
            if match["value"] == "[":
                inner = text[match.end() + 1 : match.end() + _INNER].lstrip()[:1]
                objects[-1].setdefault(f"{path}[]", inner)
    return objects


def record_outlines(source: Source) -> list[dict[str, str]]:
    """Return the keys of the first five records of :func:`records`, see :func:`outlines`."""
    objects = _record_outlines(source.sample_text)
    if len(objects) == 1 and source.long_sample_text is not source.sample_text:
        objects = _record_outlines(source.long_sample_text)
    return [dict(keys) for keys in objects]


@lru_cache(maxsize=8)  # all readers use the same result
def _record_outlines(sample: str) -> list[dict[str, str]]:
    text = sample.lstrip()
    if not text.startswith("{"):
        return outlines(text, "[")
    if _is_concatenated(text):
        return outlines(text)
    lines = (line for line in text.split("\n") if line.strip())
    return [outline for line in islice(lines, _MOST_OBJECTS) for outline in outlines(line)[:1]]


def has_fields(source: Source, *shapes: Mapping[str, str]) -> bool:
    """Return whether one of the first records has all the fields of a shape.

    Args:
        source: The file.
        shapes: Field, written as in :func:`outlines`, → the characters with which its value may begin.
    """
    return any(
        all(field in keys and keys[field] in begins for field, begins in shape.items())
        for keys in record_outlines(source)
        for shape in shapes
    )


def records(
    source: Source, marks: Collection[str], *, published: Literal["list", "lines"] = "list"
) -> Iterator[tuple[str, Any | RecordError]]:
    """Yield the records of a file with their places, whatever the layout of the file.

    These are the items of a JSON list (``"record 1"``), the lines of JSON Lines (``"line 1"``), JSON objects that
    follow one another over several lines (``"line 1"``, where they begin), and the rows of Parquet and Arrow
    (``"row 1"``). A wrong record comes as its error.

    Args:
        source: The file.
        marks: Fields that identify the format. A layout other than the published one is accepted if one of the first
            records has one of them.
        published: The published layout: a JSON list, or JSON Lines.

    Raises:
        InputError: The file cannot be read, or is not JSON although the format is published as a JSON list.
    """
    text = source.sample_text.lstrip()
    known = any(not keys.keys().isdisjoint(marks) for keys in record_outlines(source))
    if source.has_rows:
        from relscout.io.readers.rows import rows

        yield from rows(source.local)
    elif (known and text.startswith("[")) or (not known and published == "list"):
        yield from list_records(source)
    elif _is_concatenated(text):
        window = JsonWindow(source)
        yield from ((place, value) for place, _, value in _to_the_end(window, _values(window)))
    else:
        yield from ((f"line {number}", value) for number, value in source.json_lines())


def _is_concatenated(text: str) -> bool:
    """Return whether a text begins with a JSON object that ends on another line."""
    if not text.startswith("{") or "\n" not in text:
        return False
    try:
        return "\n" in text[: _DECODER.raw_decode(text)[1]]
    except json.JSONDecodeError as error:
        # the sample ends here; a string with a line break in it is a broken line
        first_line = text.index("\n")
        unclosed = error.msg.startswith("Unterminated string") and error.pos > first_line
        return unclosed or (error.pos > first_line and error.pos >= len(text.rstrip()) - _LONGEST_CUT)
    except (ValueError, RecursionError):
        return False


_DECODER = json.JSONDecoder()
_NO_BLANK = re.compile(r"[^ \t\r\n]")
#: Characters that stand for bytes that are not UTF-8, from the error handler ``surrogateescape``.
_FOREIGN_BYTE = re.compile("[\udc80-\udcff]")
#: An unfinished literal, number or pair of escapes at the end of the window is at most this long.
_LONGEST_CUT = 16
_ENDS_EARLY = "the file ends in the middle of the JSON; it was cut off"


class BrokenJsonError(ValueError):
    """The rest of the JSON cannot be parsed; the message says why."""


class JsonWindow:
    """A window on the part of a JSON file that is being read.

    Args:
        source: The file.

    Attributes:
        source: The file.
        place: The current record, for error messages: ``"record 7"``.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.place = "start of the file"
        self._chunks = source.chunks()
        # a byte that is not UTF-8 must affect one record only, so the parser gets it as an escape
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text = ""
        self._position = 0
        self._ended = False
        self._line = 1
        self._counted = 0

    def line(self) -> int:
        """Return the number of the line that is being read, from 1."""
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line

    def peek(self) -> str:
        """Return the next character that is not white space, ``""`` at the end of the file."""
        while not (match := _NO_BLANK.search(self._text, self._position)):
            self._position = len(self._text)
            if self._ended:
                return ""
            self._grow(1)
        self._position = match.start()
        return match[0]

    def peek_for(self, expected: str) -> str:
        """Return the next character that is not white space.

        Raises:
            BrokenJsonError: It is none of ``expected``.
        """
        character = self.peek()
        if not character:
            raise BrokenJsonError(_ENDS_EARLY)
        if character not in expected:
            raise BrokenJsonError(
                f"not JSON: expected {' or '.join(map(repr, expected))}, got {self.next_text()}"
            )
        return character

    def take(self, expected: str) -> str:
        """Step over the next character, which must be one of ``expected``, and return it.

        Raises:
            BrokenJsonError: It is none of ``expected``.
        """
        character = self.peek_for(expected)
        self._position += 1
        return character

    def value(self) -> Any | RecordError:
        """Step over the next value and return it; one with bytes that are not UTF-8 as an error.

        Raises:
            BrokenJsonError: There is none, or it is not JSON.
        """
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except RecursionError as error:
                raise BrokenJsonError("not JSON: nested too deeply") from error
            except json.JSONDecodeError as error:
                self._grow_past(error)
                continue
            except ValueError as error:  # a number of over 4,300 digits
                raise BrokenJsonError(f"not JSON: {error}") from error
            # a number at the end of the window may continue after it
            if end < len(self._text) or self._ended:
                break
            self._grow(1)
        foreign = _FOREIGN_BYTE.search(self._text, self._position, end)
        self._position = end
        if foreign:
            byte = ord(foreign[0]) - 0xDC00
            return self.source.error(
                self.place, f"byte 0x{byte:02x} is not UTF-8; name its encoding, such as --encoding cp1252"
            )
        return value

    def next_text(self, position: int | None = None) -> str:
        """Quote what comes next (or stands at ``position``), for an error message."""
        start = self._position if position is None else position
        text = self._text[start : start + 40].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return shorten(text) if text else "nothing"

    def _grow_past(self, error: json.JSONDecodeError) -> None:
        unclosed = error.msg.startswith("Unterminated string")
        if self._ended and (unclosed or error.pos >= len(self._text.rstrip())):
            raise BrokenJsonError(_ENDS_EARLY) from error
        if self._ended or not (unclosed or error.pos >= len(self._text) - _LONGEST_CUT):
            raise BrokenJsonError(f"not JSON ({error.msg}): {self.next_text(error.pos)}") from error
        # the window doubles, so that a very large record is parsed only a few times
        self._grow(len(self._text) - self._position)

    def _grow(self, characters: int) -> None:
        self.line()
        self._counted = 0
        parts = [self._text[self._position :]]
        self._position = 0
        while characters > 0 and not self._ended:
            chunk = next(self._chunks, b"")
            self._ended = not chunk
            parts.append(self._decode(chunk, final=self._ended))
            characters -= len(parts[-1])
        self._text = "".join(parts)


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


def _values(window: JsonWindow) -> Iterator[_Record]:
    while window.peek():
        window.place = f"line {window.line()}"
        yield window.place, "", window.value()


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
