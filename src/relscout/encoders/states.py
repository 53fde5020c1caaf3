"""Hidden states of frozen layers, and vectors of contents, kept while the layers above them train."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.errors import OutputError

if TYPE_CHECKING:
    import torch

#: Bytes above which states are kept on disk.
_IN_MEMORY = 1 << 30
#: The same for vectors of contents, which lie there while others of the same size are clustered.
_VECTORS_IN_MEMORY = 1 << 24


class HiddenStates:
    """Hidden states of sentences of different lengths, one after the other.

    More than ``in_memory`` bytes lie in a file without a name, which disappears with this object; they are read with
    plain reads rather than mapped, so that memory does not grow with the corpus. ``TMPDIR`` says where it is.

    Args:
        lengths: Tokens of each sentence (N,), int64.
        width: Dimensions D of a state.
        in_memory: Bytes that may be held in memory.

    Raises:
        OutputError: The disk has not enough room.
    """

    def __init__(self, lengths: NDArray[np.int64], width: int, *, in_memory: int = _IN_MEMORY) -> None:
        self.lengths = lengths
        self.width = width
        self._ends = np.cumsum(lengths)
        n_bytes = int(self._ends[-1] if len(lengths) else 0) * width * 4
        self._array: NDArray[np.float32] | None = None
        self._file: IO[bytes] | None = None
        if n_bytes <= in_memory:
            self._array = np.empty((n_bytes // (4 * width), width), dtype=np.float32)
            return
        try:
            # unbuffered: what a full disk refused must not be tried again when the file is closed
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this object
            weakref.finalize(self, self._file.close)
            self._file.truncate(n_bytes)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), 0, n_bytes)
        except OSError as error:
            raise _no_room(n_bytes, error) from error

    def write(self, row: int, states: NDArray[np.float32]) -> None:
        """Keep the states (length, D) of one sentence.

        Raises:
            OutputError: The disk is full.
        """
        end = int(self._ends[row])
        start = end - int(self.lengths[row])
        if self._array is not None:
            self._array[start:end] = states
            return
        file: Any = self._file
        try:
            file.seek(start * self.width * 4)
            left = np.ascontiguousarray(states, dtype=np.float32).data.cast("B")
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise _no_room(int(self._ends[-1]) * self.width * 4, error) from error

    def padded(self, rows: Sequence[int] | NDArray[np.int64]) -> torch.Tensor:
        """Return the states of some sentences (B, T, D), float32, zero behind the end of each."""
        import torch

        longest = int(self.lengths[rows].max())
        out = np.zeros((len(rows), longest, self.width), dtype=np.float32)
        for place, row in enumerate(rows):
            end, length = int(self._ends[row]), int(self.lengths[row])
            if self._array is not None:
                out[place, :length] = self._array[end - length : end]
            else:
                file: Any = self._file
                file.seek((end - length) * self.width * 4)
                left = out[place, :length].data.cast("B")
                while left:
                    left = left[file.readinto(left) :]
        return torch.from_numpy(out)


class ContentVectors:
    """Vectors of contents as an encoder gave them, read by the batch; on disk beyond 16 MiB.

    Args:
        count: Number of contents M.
        dimension: Dimensions D of a vector.
        in_memory: Bytes that may be held in memory.

    Raises:
        OutputError: The disk has not enough room.
    """

    def __init__(self, count: int, dimension: int, *, in_memory: int = _VECTORS_IN_MEMORY) -> None:
        self._rows = HiddenStates(np.ones(count, dtype=np.int64), dimension, in_memory=in_memory)

    def __setitem__(self, content: int, vector: NDArray[np.float32]) -> None:
        """Keep the vector (D,) of one content."""
        self._rows.write(content, vector[None])

    def __getitem__(self, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return the vectors (B, D), float32, of some contents."""
        return self._rows.padded(contents)[:, 0]


def _no_room(n_bytes: int, error: OSError) -> OutputError:
    return OutputError(
        f"cannot store {n_bytes / 1e9:.1f} GB of hidden states in {tempfile.gettempdir()}: {error.strerror or error}; "
        "set TMPDIR to a folder with more space, or train more layers, whose states are not stored"
    )
