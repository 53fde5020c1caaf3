from __future__ import annotations

import numpy as np
import pytest

from relscout.core.errors import OutputError
from relscout.encoders.cache import empty_vectors


def test_few_vectors_are_in_memory() -> None:
    vectors = empty_vectors(10, 4, in_memory=160)
    assert (vectors.shape, vectors.dtype) == ((10, 4), np.float32)
    assert not isinstance(vectors, np.memmap)


def test_many_vectors_are_on_disk() -> None:
    vectors = empty_vectors(10, 4, in_memory=159)
    assert (vectors.shape, vectors.dtype) == ((10, 4), np.float32)
    assert isinstance(vectors, np.memmap)


def test_vectors_on_disk_are_written_and_read_like_others() -> None:
    vectors = empty_vectors(10, 4, in_memory=0)
    vectors[[3, 7]] = np.arange(4)
    assert vectors[7].tolist() == [0, 1, 2, 3]
    assert vectors.sum() == 12


def test_vectors_on_disk_leave_no_file(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    vectors = empty_vectors(10, 4, in_memory=0)
    vectors[:] = 1
    assert list(folder.iterdir()) == []


def test_no_vectors_take_no_room() -> None:
    assert empty_vectors(0, 4, in_memory=0).shape == (0, 4)


def test_a_disk_without_room_is_told() -> None:
    with pytest.raises(OutputError, match=r"cannot store 1125899906842624 vectors .* set TMPDIR to a folder"):
        empty_vectors(1 << 50, 384)
