"""Whether a file or folder can be written, asked before long work begins."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from relscout.errors import OutputError, SettingError
from relscout.files import check_makeable, check_replaceable


def check_file(path: Path) -> None:
    """Refuse a file that could not be written at the end.

    Raises:
        OutputError: It is a folder, or its own folder is missing or not writable.
    """
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a directory; add a file name")
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {folder}; create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {path}: no permission to write in {folder}")


def check_exchange_file(path: Path) -> None:
    """Refuse a file for instances that could not be written at the end, or that is not named as relscout's own format.

    Raises:
        SettingError: The name ends in neither ``.jsonl`` nor ``.jsonl.gz``.
        OutputError: It cannot be written; see :func:`check_file`.
    """
    if not path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        raise SettingError(f"--out is {str(path)!r}; expected a file name that ends in .jsonl or .jsonl.gz")
    check_file(path)


def check_folder(path: Path, *, contents: Collection[str], overwrite: bool) -> None:
    """Refuse a folder that could not be written at the end.

    Args:
        path: The folder.
        contents: File names that an older one of its kind may hold.
        overwrite: Whether an older one may be replaced.

    Raises:
        OutputError: It holds something else, or an older one that may not be replaced, or cannot be written.
    """
    check_makeable(path)
    check_replaceable(path, contents=contents)
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise OutputError(f"{path} exists; choose another directory, or add --overwrite")
