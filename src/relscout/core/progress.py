"""Progress callbacks: how long-running work reports its progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the name of a stage, the steps done so far and their total (``None``: not known)."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Receive the progress of a stage."""
        ...


def silent(stage: str, done: int, total: int | None) -> None:
    """Ignore all progress: the default everywhere outside the command line."""
