"""Room for many vectors: in memory, or on disk where they would crowd it."""

from __future__ import annotations

import os
import tempfile

import numpy as np
from numpy.typing import NDArray

from relscout.errors import OutputError

#: Bytes above which vectors are kept on disk.
_IN_MEMORY = 1 << 30


def empty_vectors(count: int, dimension: int, *, in_memory: int = _IN_MEMORY) -> NDArray[np.float32]:
    """Return an array (count, dimension) of float32 to write vectors into.

    One of more than ``in_memory`` bytes is a memory map of a file without a name, which disappears with the array;
    ``TMPDIR`` says where.

    Raises:
        OutputError: The disk has not enough room.
    """
    n_bytes = count * dimension * np.dtype(np.float32).itemsize
    if n_bytes <= in_memory:
        return np.empty((count, dimension), dtype=np.float32)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):
                # a file with holes would end the process with SIGBUS once the disk is full
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.memmap(file, dtype=np.float32, mode="w+", shape=(count, dimension))
    except OSError as error:
        raise OutputError(
            f"cannot store {count} vectors of {dimension} dimensions ({n_bytes / 1e9:.1f} GB) in "
            f"{tempfile.gettempdir()}: {error.strerror or error}; set TMPDIR to a folder with more space"
        ) from error
