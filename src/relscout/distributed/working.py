"""The working folder of a distributed run: whose it is, that one command at a time uses it, and its removal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

from relscout.core.errors import OutputError, SettingError
from relscout.core.files import WORKING, parsed_json, resolved
from relscout.distributed.shards import (
    APPLIED,
    CHECKPOINTS,
    FITTED,
    INPUT,
    READ,
    SCORED,
    TRIPLES_FOLDER,
    VECTORS,
)

_OURS = (INPUT, READ, SCORED, TRIPLES_FOLDER, VECTORS, FITTED, CHECKPOINTS, APPLIED)
#: What ``flock`` says of a file system that has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
#: Folders that this thread has claimed.
_CLAIMED: ContextVar[frozenset[Path]] = ContextVar("claimed", default=frozenset())


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Create a working folder or continue one, and keep other commands out of it; yield it.

    A file in it marks it as ours, and is locked until the block ends or the process dies. A claim within a claim of
    the same folder has no effect. Windows, and file systems without locks, keep no command out.

    Raises:
        OutputError: It cannot be written.
        SettingError: Another command uses it, or it holds files but is no working folder.
    """
    place = resolved(folder)
    if place in _CLAIMED.get():
        yield folder
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = sorted(entry.name for entry in folder.iterdir())
        if entries and WORKING not in entries:
            raise SettingError(
                f"{folder} holds {entries[0]!r} and is not a working folder of relscout; name a new or an empty folder"
            )
        handle = os.open(folder / WORKING, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    token = None
    try:
        _lock(handle, folder)
        token = _CLAIMED.set(_CLAIMED.get() | {place})
        yield folder
    finally:
        if token is not None:
            _CLAIMED.reset(token)
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingError(
                f"{folder} is in use by another command{_owner(folder)}; wait for it, or name another folder with "
                "--work"
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise OutputError(f"cannot lock {folder / WORKING}: {error.strerror or error}") from error
    try:
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps({"node": platform.node(), "process": os.getpid()}).encode())
    except OSError as error:
        raise OutputError(f"cannot write {folder / WORKING}: {error.strerror or error}") from error


def _owner(folder: Path) -> str:
    """Return which process has claimed a folder, after a blank; empty if that is not known."""
    try:
        owner = parsed_json((folder / WORKING).read_text(encoding="utf-8"))
        return f" (process {owner['process']} on {owner['node']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def check_apart(folder: Path, inputs: Sequence[Path]) -> None:
    """Check that no input is in a working folder, where it would be overwritten.

    Raises:
        SettingError: One is.
    """
    place = resolved(folder)
    for path in inputs:
        if resolved(path).is_relative_to(place):
            raise SettingError(
                f"the input {path} is in the working folder {folder}; name another folder with --work"
            )


def remove(folder: Path) -> None:
    """Remove what relscout wrote to a working folder, and the folder if nothing else is in it."""
    if not (folder / WORKING).is_file():
        return
    for name in _OURS:
        shutil.rmtree(folder / name, ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / WORKING).unlink()
        folder.rmdir()
