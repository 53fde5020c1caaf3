"""Tasks in this process with results on disk, for what is grouped in parts that do not fit into memory together.

:class:`Here` has the few functions of Ray that relscout uses, so that the same code runs in one process, in the memory
of one part, and on a cluster (:mod:`relscout.distributed`).
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from relscout.core.errors import OutputError


class Tasks(Protocol):
    """The connected Ray, or :class:`Here`."""

    def put(self, value: Any) -> Any:
        """Return a reference to a value, to be passed to tasks."""
        ...

    def get(self, references: Any) -> Any:
        """Return the value of a reference, or those of a list of references."""
        ...

    def remote(self, *, num_returns: int | str, **options: Any) -> Any:
        """Return what makes a task of a function."""
        ...


class Here:
    """Takes the place of the connected Ray in this process.

    Results are in a temporary folder until nothing refers to them, and the folder until nothing refers to this object.

    Raises:
        OutputError: No temporary folder can be created.
    """

    def __init__(self) -> None:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="relscout-"))
        except OSError as error:
            raise OutputError(
                f"cannot create a temporary folder ({error}); set TMPDIR to a folder that can be written"
            ) from error
        self._count = 0
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def __getstate__(self) -> Any:
        """Refuse to be copied or pickled.

        Raises:
            TypeError: Always: a copy would outlive the folder.
        """
        raise TypeError(
            f"results in {self.folder} are of this process alone and cannot be copied or pickled; pass a list of "
            "the facts or entities, or the run itself"
        )

    def put(self, value: Any) -> Any:
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

    def store(self, values: Iterable[Any]) -> list[Any]:
        """Write values to the folder, and return references to them.

        Raises:
            OutputError: The folder cannot be written, or its disk is full.
        """
        stored = []
        for value in values:
            path = self.folder / f"{self._count}.pickle"
            try:
                with path.open("wb") as file:
                    pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
            except OSError as error:
                raise OutputError(
                    f"cannot write {path}: {error.strerror or error}; set TMPDIR to a folder with more space"
                ) from error
            self._count += 1
            reference = _Stored(path)
            # the folder itself is removed when the process ends
            weakref.finalize(reference, path.unlink, missing_ok=True).atexit = False
            stored.append(reference)
        return stored


@dataclass(frozen=True, eq=False)
class _Stored:
    """A result on disk, as a reference of Ray is a result in its object store."""

    path: Path


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
