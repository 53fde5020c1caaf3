"""A text file that appears whole or not at all, packed where its name says so."""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO, cast

from relscout.files import whole_file


@contextlib.contextmanager
def text_file(path: Path, *, errors: str = "strict") -> Iterator[TextIO]:
    """Open ``path`` for UTF-8 text with line feeds as they are written; gzip where the name ends in ``.gz``.

    The same text gives the same bytes: the gzip header holds neither time nor name.

    Args:
        path: The final name of the file; see :func:`relscout.files.whole_file`.
        errors: What to do with lone surrogates, as :meth:`str.encode` understands it.

    Raises:
        OutputError: The file cannot be written.
    """
    with whole_file(path) as partial, partial.open("wb") as raw, contextlib.ExitStack() as stack:
        stream: IO[bytes] = raw
        if path.name.lower().endswith(".gz"):
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
            stream = stack.enter_context(cast(IO[bytes], packed))
        yield stack.enter_context(io.TextIOWrapper(stream, encoding="utf-8", errors=errors, newline=""))
