"""JSON Lines that every reader of lines reads alike, whatever characters a corpus holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relscout.writers.characters import REPLACEMENT
from relscout.writers.textfile import text_file

# legal inside JSON strings, but many tools (str.splitlines among them) break lines there
_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})

# as escapes, a high and a low surrogate that stand apart in Python would be read as one character
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def write_json_lines(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write one JSON object per line, in UTF-8; only control characters and lone surrogates are escaped.

    Raises:
        OutputError: The file cannot be written.
    """
    # Python's backslash escape of a lone surrogate is, letter by letter, the one of JSON
    with text_file(path, errors="backslashreplace") as stream:
        for record in records:
            stream.write(json_line(record))


def json_line(record: Mapping[str, Any]) -> str:
    """Return a record as a line of JSON, to be encoded with ``errors="backslashreplace"``."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return _SURROGATE_PAIR.sub(REPLACEMENT * 2, line).translate(_LINE_BREAKS) + "\n"
