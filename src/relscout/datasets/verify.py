"""Whether a file is the one that was published."""

from __future__ import annotations

import hashlib
from pathlib import Path

from relscout.datasets.description import DataFile


def difference(path: Path, file: DataFile) -> str | None:
    """Return in what a file differs from the published one, or ``None`` where it does not as far as that can be told.

    Args:
        path: The file on disk.
        file: What was published: its size and its checksum are compared, where they are known.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"expected {file.size:,} bytes, got {size:,}"
    if file.size is None and not size:
        return "expected some bytes, got none"
    if file.sha256 is None:
        return None
    with path.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if got == file.sha256 else f"expected the sha256 checksum {file.sha256}, got {got}"
