"""Work on shards in this process, without Ray: one shard after the other, with results on disk.

:class:`Here` has the few functions of Ray that this package uses, so that the same code runs on one machine in the
memory of one shard, and on a cluster.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relscout.core.errors import OutputError


@dataclass(frozen=True)
class _Stored:
    """A result on disk, as a reference of Ray is one in its object store."""

    path: Path


class Here:
    """Takes the place of the connected Ray.

    Args:
        folder: An empty folder for results, removed by the caller.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    @staticmethod
    def put(value: Any) -> Any:
        """Return a value itself, which this process holds already."""
        return value

    def get(self, references: Any) -> Any:
        """Return the value of a reference, or a list of those of a list; anything else is a value."""
        if isinstance(references, list):
            return [self.get(reference) for reference in references]
        if not isinstance(references, _Stored):
            return references
        with references.path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - this process wrote it

    def remote(self, *, num_returns: int | str, **_: Any) -> Callable[[Callable[..., Any]], _Task]:
        """Return what makes a task of a function.

        Args:
            num_returns: Number of results, which the function returns as a list, or ``"streaming"`` if it yields them.
        """
        return lambda function: _Task(self, function, num_returns)

    def store(self, values: Iterable[Any]) -> list[_Stored]:
        """Write values to the folder, and return references to them.

        Raises:
            OutputError: The folder cannot be written, or its disk is full.
        """
        stored = []
        for value in values:
            path = self._folder / f"{self._count}.pickle"
            try:
                with path.open("wb") as file:
                    pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
            except OSError as error:
                raise OutputError(
                    f"cannot write {path}: {error.strerror or error}; set TMPDIR to a folder with more space"
                ) from error
            self._count += 1
            stored.append(_Stored(path))
        return stored


@dataclass(frozen=True)
class _Task:
    """A function that is called at once, and whose results are on disk."""

    here: Here
    function: Callable[..., Any]
    returns: int | str

    def remote(self, *arguments: Any) -> Any:
        """Return references to the results; as with Ray, that of a single result is not in a list."""
        result = self.function(*map(self.here.get, arguments))
        if self.returns == 1:
            return self.here.store([result])[0]
        return self.here.store(result)
