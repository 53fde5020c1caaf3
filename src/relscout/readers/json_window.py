"""A window that moves over a JSON file, so that a file of any size is parsed one value at a time.

The standard library's parser reads from it, so values come out as :mod:`json` gives them. (The compiled
streaming parsers put question marks for half surrogate pairs and crash on very long numbers.)
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from relscout.errors import RecordError
from relscout.readers.source import Source, shorten

_DECODER = json.JSONDecoder()
_NO_BLANK = re.compile(r"[^ \t\r\n]")
#: What the codec's ``surrogateescape`` makes of bytes that are not UTF-8.
_FOREIGN_BYTE = re.compile("[\udc80-\udcff]")
#: An unfinished literal, number or pair of escapes at the end of the window is at most this long.
_LONGEST_CUT = 16
_ENDS_EARLY = "the file ends in the middle of the JSON; it was cut off"


class BrokenJsonError(ValueError):
    """The JSON cannot be followed any further; the text says why."""


class JsonWindow:
    """The part of a JSON file that is being read.

    Args:
        source: The file.

    Attributes:
        source: The file.
        place: What is being read, for the errors: ``"record 7"``.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.place = "start of the file"
        self._chunks = source.chunks()
        # a byte that is not UTF-8 must cost one record only, so it travels through the parser in disguise
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._text = ""
        self._position = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is not white space, ``""`` at the end of the file."""
        while not (found := _NO_BLANK.search(self._text, self._position)):
            self._position = len(self._text)
            if self._ended:
                return ""
            self._grow(1)
        self._position = found.start()
        return found[0]

    def peek_for(self, expected: str) -> str:
        """Return the next character that is not white space.

        Raises:
            BrokenJsonError: It is none of ``expected``.
        """
        found = self.peek()
        if not found:
            raise BrokenJsonError(_ENDS_EARLY)
        if found not in expected:
            raise BrokenJsonError(
                f"not JSON: expected {' or '.join(map(repr, expected))}, got {self.next_text()}"
            )
        return found

    def take(self, expected: str) -> str:
        """Step over the next character, which must be one of ``expected``, and return it.

        Raises:
            BrokenJsonError: It is none of ``expected``.
        """
        found = self.peek_for(expected)
        self._position += 1
        return found

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
            # a number at the end of the window may go on behind it
            if end < len(self._text) or self._ended:
                break
            self._grow(1)
        foreign = _FOREIGN_BYTE.search(self._text, self._position, end)
        self._position = end
        if foreign:
            byte = ord(foreign[0]) - 0xDC00
            return self.source.error(self.place, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8")
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
        # as much again: a record that is far larger than a chunk is tried a few times only
        self._grow(len(self._text) - self._position)

    def _grow(self, characters: int) -> None:
        parts = [self._text[self._position :]]
        self._position = 0
        while characters > 0 and not self._ended:
            chunk = next(self._chunks, b"")
            self._ended = not chunk
            parts.append(self._decode(chunk, final=self._ended))
            characters -= len(parts[-1])
        self._text = "".join(parts)
