"""The command line: parses, calls plain functions, prints."""

from __future__ import annotations

import io
import os
import sys
import warnings

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with 0 (done), 1 (interrupted, or a fault of ours) or 2 (the user's error)."""
    # what libraries would tell a programmer must not stand between our lines
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # whoever started us may have closed a stream
    sys.stdout = sys.stdout or io.TextIOWrapper(io.BytesIO())
    sys.stderr = sys.stderr or io.TextIOWrapper(io.BytesIO())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark

    try:
        from relscout.cli.app import run
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(1)
    sys.exit(run())
