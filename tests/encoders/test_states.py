from __future__ import annotations

import gc
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relscout.core.errors import OutputError
from relscout.encoders.tunable import ContentVectors, HiddenStates

LENGTHS = np.array([3, 1, 5, 2], dtype=np.int64)
WIDTH = 4


def given(lengths: NDArray[np.int64] = LENGTHS, width: int = WIDTH) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return [random.normal(size=(length, width)).astype(np.float32) for length in lengths]


def filled(in_memory: int) -> HiddenStates:
    states = HiddenStates(LENGTHS, WIDTH, in_memory=in_memory)
    for row, one in reversed(list(enumerate(given()))):
        states.write(row, one)
    return states


@pytest.fixture(params=["memory", "disk"])
def states(request: pytest.FixtureRequest) -> HiddenStates:
    return filled(1 << 20 if request.param == "memory" else 0)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Let no file grow beyond 50,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("rows", [[0], [2, 0], [3, 3, 1], [0, 1, 2, 3]])
def test_states_come_back_padded_with_zeros(states: HiddenStates, rows: list[int]) -> None:
    found = states.padded(rows)
    longest = max(LENGTHS[rows])
    assert (tuple(found.shape), found.dtype) == ((len(rows), longest, WIDTH), torch.float32)
    for place, row in enumerate(rows):
        assert found[place, : LENGTHS[row]].numpy().tobytes() == given()[row].tobytes()
        assert not found[place, LENGTHS[row] :].any()


def test_on_disk_they_are_the_same_bytes_as_in_memory() -> None:
    rows = np.array([3, 1, 0, 2])
    in_memory, on_disk = (filled(n_bytes).padded(rows).numpy().tobytes() for n_bytes in (1 << 20, 0))
    assert on_disk == in_memory


def test_what_was_read_is_a_copy(states: HiddenStates) -> None:
    states.padded([2])[:] = 0
    assert states.padded([2])[0].numpy().tobytes() == given()[2].tobytes()


def test_states_may_be_written_again(states: HiddenStates) -> None:
    states.padded([0, 1])
    states.write(1, np.ones((1, WIDTH), dtype=np.float32))
    assert states.padded([1]).tolist() == [[[1] * WIDTH]]
    assert states.padded([2])[0].numpy().tobytes() == given()[2].tobytes()


def test_states_that_lie_apart_in_memory_are_written_too(states: HiddenStates) -> None:
    states.write(2, np.asfortranarray(given()[2]))
    assert states.padded([2])[0].numpy().tobytes() == given()[2].tobytes()


def test_few_states_are_in_memory_and_many_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no-such-folder"))
    n_bytes = int(LENGTHS.sum()) * WIDTH * 4
    HiddenStates(LENGTHS, WIDTH, in_memory=n_bytes)
    with pytest.raises(OutputError, match=r"cannot store .* of hidden states"):
        HiddenStates(LENGTHS, WIDTH, in_memory=n_bytes - 1)


def test_states_on_disk_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    states = filled(0)
    assert list(tmp_path.iterdir()) == []
    del states
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_no_sentences_take_no_room() -> None:
    HiddenStates(np.empty(0, dtype=np.int64), WIDTH, in_memory=0)


def test_memory_does_not_grow_with_what_is_on_disk() -> None:
    # 64 MiB of states, read and written in rows of 1 MiB
    lengths = np.full(64, 1024, dtype=np.int64)
    states = HiddenStates(lengths, 256, in_memory=0)
    row = np.ones((1024, 256), dtype=np.float32)
    states.write(0, row)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(64):
        states.write(number, row)
        assert float(states.padded([number]).sum()) == row.size
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 16 * 1024, "kibibytes"


def test_a_disk_without_room_is_told_before_anything_is_computed(small_disk: None) -> None:
    with pytest.raises(
        OutputError, match=r"cannot store 0\.0 GB of hidden states in .*; set TMPDIR to a folder"
    ):
        HiddenStates(np.array([4000]), WIDTH, in_memory=0)


def test_a_disk_that_fills_up_is_told() -> None:
    lengths = np.array([4000], dtype=np.int64)
    states = HiddenStates(lengths, WIDTH, in_memory=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot store .*File too large; set TMPDIR"):
            states.write(0, np.ones((4000, WIDTH), dtype=np.float32))
        del states
        gc.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_vectors_of_contents_come_back(in_memory: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    kept = ContentVectors(5, 7, in_memory=in_memory)
    for content in (3, 0, 4, 1, 2):
        kept[content] = vectors[content]
    np.testing.assert_array_equal(kept[np.array([4, 0, 4])].numpy(), vectors[[4, 0, 4]])
