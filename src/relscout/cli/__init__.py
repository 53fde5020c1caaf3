"""The command line: parses, calls plain functions, prints."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import TextIO, cast

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with 0 (done), 1 (interrupted, or a fault of ours) or 2 (the user's error)."""
    # warnings of libraries are for programmers
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    sys.stdout, sys.stderr = _reliable(sys.stdout), _reliable(sys.stderr)
    try:
        from relscout.cli.app import run
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(1)
    sys.exit(run())


def _reliable(stream: TextIO | None) -> TextIO:
    """Return the stream as one that takes every character, and that fails where it cannot write all of it."""
    if stream is None:  # whoever started us has closed it
        return io.TextIOWrapper(io.BytesIO())
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
    if isinstance(stream.buffer, io.RawIOBase):
        # PYTHONUNBUFFERED: a raw file takes what fits on a full disk and says nothing of the rest
        encoding, on_terminal = stream.encoding, stream.isatty()
        buffered = io.BufferedWriter(cast(io.RawIOBase, stream.detach()))
        return io.TextIOWrapper(buffered, encoding=encoding, errors="replace", line_buffering=on_terminal)
    return stream
