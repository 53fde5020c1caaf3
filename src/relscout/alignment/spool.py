"""Instances on disk, to be read once more in the order in which they were written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from relscout.errors import OutputError
from relscout.instances import Mention, RelationInstance


class Spool:
    """A temporary file of instances, which is gone when the block ends; ``TMPDIR`` says where it is.

    Raises:
        OutputError: The file cannot be made or is full.
    """

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile("w+", encoding="ascii", newline="\n")  # noqa: SIM115 - closed at exit
        except OSError as error:
            raise _no_room(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, instance: RelationInstance) -> None:
        """Write one instance."""
        # JSON escapes all that ASCII has not, lone surrogates among it
        head, tail = (
            (mention.start, mention.end, mention.type, mention.entity_id)
            for mention in (instance.head, instance.tail)
        )
        record = (instance.text, head, tail, instance.relation, instance.id, instance.source)
        try:
            self._file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise _no_room(error) from error

    def __iter__(self) -> Iterator[RelationInstance]:
        """Yield all instances that were written, from the first."""
        try:
            self._file.seek(0)
        except OSError as error:  # what was buffered is written only now
            raise _no_room(error) from error
        for line in self._file:
            text, head, tail, *rest = json.loads(line)
            yield RelationInstance(text, Mention(*head), Mention(*tail), *rest)


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"cannot store the aligned instances in {tempfile.gettempdir()}: {error.strerror or error}; set TMPDIR to a "
        "folder with more space"
    )
