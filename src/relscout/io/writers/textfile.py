"""Writes text files atomically, compressed on request, with valid characters only.

Python strings may contain lone surrogates, from escapes in JSON, which UTF-8 cannot encode.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TextIO, cast

from relscout.core.files import whole_file

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_SURROGATES = re.compile("[\ud800-\udfff]")
_SURROGATES_AND_NUL = re.compile("[\x00\ud800-\udfff]")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encodable(text: str) -> str:
    """Return ``text`` with every lone surrogate replaced, so that UTF-8 can encode it."""
    return _SURROGATES.sub(REPLACEMENT, text)


def literal(text: str) -> str:
    """Return ``text`` with every lone surrogate and NUL replaced, as ``xsd:string`` requires."""
    return _SURROGATES_AND_NUL.sub(REPLACEMENT, text)


def xml(text: str) -> str:
    """Return ``text`` with control characters, lone surrogates, U+FFFE and U+FFFF replaced, as XML requires."""
    return _NOT_XML.sub(REPLACEMENT, text)


@contextlib.contextmanager
def text_file(path: Path, *, errors: str = "strict") -> Iterator[TextIO]:
    """Open ``path`` for UTF-8 text with line feeds as they are written; gzip where the name ends in ``.gz``.

    The same text gives the same bytes: the gzip header holds neither time nor name.

    Args:
        path: The final name of the file; see :func:`relscout.core.files.whole_file`.
        errors: How lone surrogates are encoded, as for :meth:`str.encode`.

    Raises:
        OutputError: The file cannot be written.
    """
    with whole_file(path) as partial, partial.open("wb") as raw, contextlib.ExitStack() as stack:
        stream: IO[bytes] = raw
        if path.name.lower().endswith(".gz"):
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
            stream = stack.enter_context(cast(IO[bytes], packed))
        yield stack.enter_context(io.TextIOWrapper(stream, encoding="utf-8", errors=errors, newline=""))


# legal inside JSON strings, but many tools (str.splitlines among them) break lines there
_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})

# as escapes, a high surrogate followed by a low one would be read as one character
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def write_json_lines(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write one JSON object per line, in UTF-8; only control characters and lone surrogates are escaped.

    Raises:
        OutputError: The file cannot be written.
    """
    # Python's backslash escape of a lone surrogate is identical to JSON's
    with text_file(path, errors="backslashreplace") as stream:
        for record in records:
            stream.write(json_line(record))


def json_line(record: Mapping[str, Any]) -> str:
    """Return a record as a line of JSON, to be encoded with ``errors="backslashreplace"``."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    return _SURROGATE_PAIR.sub(REPLACEMENT * 2, line).translate(_LINE_BREAKS) + "\n"
