"""The command line: parses, calls plain functions, prints."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from _thread import interrupt_main
from types import FrameType
from typing import Any, TextIO, cast

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with 0 (success), 1 (interruption or bug) or 2 (user error)."""
    # warnings of libraries are meant for programmers
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    sys.stdout, sys.stderr = _reliable(sys.stdout), _reliable(sys.stderr)
    stopping = [
        number for number in _STOPPING if number is not None and signal.getsignal(number) is signal.SIG_DFL
    ]
    ours = os.getpid()

    def stop(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != ours:  # a process that a library has forked
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        raise KeyboardInterrupt

    def interrupt_again(ignored: Any) -> None:
        """Stop a moment later if Python had to ignore an interruption, as in a destructor."""
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(ignored)
            return
        # from another thread: here, it would be ignored again
        again = threading.Timer(0.01, interrupt_main, (stopping or [signal.SIGINT])[:1])
        again.daemon = True
        again.start()

    sys.unraisablehook = interrupt_again
    for number in stopping:
        signal.signal(number, stop)
    try:
        from relscout.cli.app import run

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        code = 1
    for number in stopping:
        signal.signal(number, signal.SIG_DFL)
    sys.exit(code)


#: Signals that end a command as Ctrl-C does, so that it removes its temporary files; closing a terminal sends SIGHUP.
_STOPPING = (signal.SIGTERM, getattr(signal, "SIGHUP", None))


def _reliable(stream: TextIO | None) -> TextIO:
    """Return a stream that accepts every character and raises an error if it cannot write everything."""
    if stream is None:  # the parent process has closed it
        return io.TextIOWrapper(io.BytesIO())
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
    if isinstance(stream.buffer, io.RawIOBase):
        # PYTHONUNBUFFERED: on a full disk, a raw file drops the rest of a write without an error
        encoding, on_terminal = stream.encoding, stream.isatty()
        buffered = io.BufferedWriter(cast(io.RawIOBase, stream.detach()))
        return io.TextIOWrapper(buffered, encoding=encoding, errors="replace", line_buffering=on_terminal)
    return stream
