"""The part of a file that was downloaded so far: ``NAME.part``, kept until the file is whole."""

from __future__ import annotations

import os
from pathlib import Path

from relscout.datasets.description import DataFile


class Part:
    """The part of a file on disk.

    Beside it, ``NAME.part.etag`` holds by which name the server knows that state of the file (a strong ETag), so that
    a later run does not glue the halves of two different states together.

    Args:
        target: The final name of the file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._etag = target.with_name(f"{target.name}.part.etag")

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def etag(self) -> str | None:
        """The server's name of the state that the part belongs to, where it gave one."""
        return self._etag.read_text("latin-1") if self._etag.is_file() else None

    def can_grow_into(self, file: DataFile) -> bool:
        """Whether the rest may be asked for: a mix of two states would be noticed, and the part is not too long."""
        noticed = file.sha256 is not None or self.etag is not None
        return noticed and self.size > 0 and (file.size is None or self.size <= file.size)

    def begin(self, etag: str | None) -> None:
        """Start anew, with the first byte of the state that the server calls ``etag``."""
        self.discard()
        if etag is not None:
            self._etag.write_text(etag, encoding="latin-1")
        self.path.touch()

    def discard(self) -> None:
        """Remove the part and what is known of it."""
        self.path.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its final name."""
        with self.path.open("rb") as written:
            os.fsync(written.fileno())
        self.path.replace(self.target)
        self._etag.unlink(missing_ok=True)
