from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from relscout.encoders.cache import VectorCache, instance_key
from relscout.errors import ArtifactError, OutputError
from relscout.instances import Mention, RelationInstance

ENCODER, OTHER = "ab" * 16, "cd" * 16
KEYS = [bytes([number]) * 16 for number in range(1, 5)]
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
LOST = ["", "context", "between", "mention"]
INSTANCE = RelationInstance("Ann met Bob", Mention(0, 3, "PERSON"), Mention(8, 11, "PERSON"))

MANY_AT_ONCE = """
import sys
from pathlib import Path
import numpy as np
from relscout.encoders.cache import VectorCache
cache = VectorCache(Path(sys.argv[1]))
for number in range(20):
    cache.store("ab" * 16, [bytes([number, int(sys.argv[2])]) * 8], np.ones((1, 3), dtype=np.float32), [""])
"""


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "vectors.sqlite" if request.param == "disk" else None)


def test_what_was_stored_is_loaded(cache: VectorCache) -> None:
    cache.store(ENCODER, KEYS, VECTORS, LOST)
    found = cache.load(ENCODER, KEYS, dimension=3)
    assert {key: (vector.tolist(), lost) for key, (vector, lost) in found.items()} == {
        key: (vector.tolist(), lost) for key, vector, lost in zip(KEYS, VECTORS, LOST, strict=True)
    }


def test_vectors_come_back_bit_for_bit(cache: VectorCache) -> None:
    odd = np.array([[np.nan, -0.0, 1e-45]], dtype=np.float32)
    cache.store(ENCODER, KEYS[:1], odd, [""])
    assert cache.load(ENCODER, KEYS, dimension=3)[KEYS[0]][0].tobytes() == odd.tobytes()


def test_what_was_not_stored_is_left_out(cache: VectorCache) -> None:
    cache.store(ENCODER, KEYS[:1], VECTORS[:1], LOST[:1])
    assert set(cache.load(ENCODER, KEYS, dimension=3)) == {KEYS[0]}


def test_no_encoder_gets_the_vectors_of_another(cache: VectorCache) -> None:
    cache.store(ENCODER, KEYS, VECTORS, LOST)
    assert cache.load(OTHER, KEYS, dimension=3) == {}


def test_a_vector_is_never_replaced(cache: VectorCache) -> None:
    cache.store(ENCODER, KEYS, VECTORS, LOST)
    cache.store(ENCODER, KEYS, -VECTORS, LOST)
    assert cache.load(ENCODER, KEYS, dimension=3)[KEYS[1]][0].tolist() == VECTORS[1].tolist()


def test_more_keys_than_one_statement_takes_are_loaded(cache: VectorCache) -> None:
    keys = [number.to_bytes(16) for number in range(1200)]
    cache.store(ENCODER, keys, np.ones((1200, 3), dtype=np.float32), [""] * 1200)
    assert len(cache.load(ENCODER, keys, dimension=3)) == 1200


def test_another_process_finds_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    VectorCache(path).store(ENCODER, KEYS, VECTORS, LOST)
    assert set(VectorCache(path).load(ENCODER, KEYS, dimension=3)) == set(KEYS)


def test_several_processes_fill_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    command = [sys.executable, "-c", MANY_AT_ONCE, str(path)]
    writers = [subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(3)]
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [(b"", 0)] * 3
    keys = [bytes([number, writer]) * 8 for number in range(20) for writer in range(3)]
    assert len(VectorCache(path).load(ENCODER, keys, dimension=3)) == 60


def test_a_file_that_another_process_sets_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY]

    class Locked(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if "journal_mode" in sql and refusals:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = refusals.pop()
                raise error
            return super().execute(sql, *values)

    connect = partial(sqlite3.connect, factory=Locked)
    monkeypatch.setattr("relscout.encoders.cache.sqlite3.connect", connect)
    VectorCache(tmp_path / "vectors.sqlite").store(ENCODER, KEYS, VECTORS, LOST)
    assert not refusals
    assert set(VectorCache(tmp_path / "vectors.sqlite").load(ENCODER, KEYS, dimension=3)) == set(KEYS)
    refusals.append(sqlite3.SQLITE_IOERR)
    with pytest.raises(OutputError, match="cannot open the vector cache"):
        VectorCache(tmp_path / "other.sqlite")


def test_several_threads_use_one_cache(cache: VectorCache) -> None:
    threads = [
        threading.Thread(target=cache.store, args=(ENCODER, KEYS[place:], VECTORS[place:], LOST[place:]))
        for place in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache.load(ENCODER, KEYS, dimension=3)) == 4


def test_missing_folders_are_made(tmp_path: Path) -> None:
    VectorCache(tmp_path / "a" / "b" / "vectors.sqlite")
    assert (tmp_path / "a" / "b" / "vectors.sqlite").is_file()


def test_a_file_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk " * 100)
    with pytest.raises(
        OutputError, match=r"cannot open the vector cache .*notes\.txt: file is not a database"
    ):
        VectorCache(tmp_path / "notes.txt")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot open the vector cache"):
        VectorCache(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot open the vector cache"):
        VectorCache(tmp_path / "file" / "vectors.sqlite")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.sqlite"
    cache = VectorCache(path)
    cache.store(
        ENCODER, [number.to_bytes(16) for number in range(500)], np.ones((500, 3), np.float32), [""] * 500
    )
    cache.close()
    return path


def load(path: Path, *, dimension: int = 3) -> int:
    keys = [number.to_bytes(16) for number in range(500)]
    return len(VectorCache(path).load(ENCODER, keys, dimension=dimension))


def test_a_closed_file_is_whole(filled: Path) -> None:
    assert load(filled) == 500


def test_a_file_damaged_in_the_middle_is_told(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    content[4096:] = b"\xa5" * len(content[4096:])
    filled.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"the vector cache .*vectors\.sqlite is damaged: .*; remove it"):
        load(filled)


def test_a_file_cut_short_is_told(filled: Path) -> None:
    filled.write_bytes(filled.read_bytes()[:5000])
    with pytest.raises((ArtifactError, OutputError), match="vector cache"):
        load(filled)


def test_a_vector_with_a_flipped_bit_is_told(filled: Path) -> None:
    ones = np.ones(3, dtype=np.float32).tobytes()
    content = filled.read_bytes()
    assert ones in content
    filled.write_bytes(content.replace(ones, ones[:-1] + b"\x3e", 1))
    with pytest.raises(ArtifactError, match="is damaged: a vector has changed; remove it"):
        load(filled)


def test_a_vector_of_another_width_is_told(filled: Path) -> None:
    with pytest.raises(ArtifactError, match="is damaged"):
        load(filled, dimension=4)


def test_a_database_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE encodings (song TEXT)")
    other.close()
    with pytest.raises(ArtifactError, match=r"other\.sqlite is damaged: no such column"):
        load(path)


def test_a_file_that_can_no_longer_be_written_is_told(filled: Path) -> None:
    cache = VectorCache(filled)
    holder = sqlite3.connect(filled)
    holder.execute("DROP TABLE encodings")
    holder.close()
    with pytest.raises(OutputError, match="cannot write the vector cache"):
        cache.store(ENCODER, KEYS, VECTORS, LOST)


@pytest.mark.parametrize(
    "other",
    [
        replace(INSTANCE, text="Ann met Bo!", id=""),
        replace(INSTANCE, head=Mention(0, 2, "PERSON"), id=""),
        replace(INSTANCE, head=Mention(0, 3, "ANIMAL"), id=""),
        replace(INSTANCE, tail=Mention(8, 11), id=""),
        INSTANCE.swapped(),
    ],
)
def test_what_reads_differently_has_another_key(other: RelationInstance) -> None:
    assert instance_key(other) != instance_key(INSTANCE)


@pytest.mark.parametrize(
    "same",
    [
        replace(INSTANCE, id="7"),
        replace(INSTANCE, relation="met", source="line 3"),
        replace(INSTANCE, head=Mention(0, 3, "PERSON", "Q1")),
    ],
)
def test_what_reads_the_same_has_the_same_key(same: RelationInstance) -> None:
    assert instance_key(same) == instance_key(INSTANCE)


def test_a_lone_surrogate_has_a_key() -> None:
    assert len(instance_key(RelationInstance("A \ud800", Mention(0, 1), Mention(2, 3)))) == 16
