from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import Mention, RelationInstance
from relscout.encoders.cache import StoredSentence, VectorCache, instance_key
from relscout.encoders.pooling import Pieces

ENCODER, OTHER = "ab" * 16, "cd" * 16
KEYS = [bytes([number]) * 16 for number in range(1, 5)]
INSTANCE = RelationInstance("Ann met Bob", Mention(0, 3, "PERSON"), Mention(8, 11, "PERSON"))

MANY_AT_ONCE = """
import sys
from pathlib import Path
import numpy as np
from relscout.encoders.cache import StoredSentence, VectorCache
from relscout.encoders.pooling import Pieces
cache = VectorCache(Path(sys.argv[1]))
for number in range(20):
    # a pair of a sentence of its own, and one of a sentence to which every process adds some
    key, pieces = bytes([number, int(sys.argv[2])]) * 8, Pieces(np.ones((1, 3), np.float32), np.zeros((1, 1), np.int32))
    sentence = StoredSentence([key], [""], pieces)
    cache.store("ab" * 16, {key: sentence, bytes([255]) * 16: sentence})
"""


def sentence(*pairs: int, lost: str = "", value: float = 1.0) -> StoredSentence:
    """A sentence whose pairs share one state, and have another each."""
    states = np.array([[value, 0, 0], *([value, pair, 0] for pair in pairs)], dtype=np.float32)
    uses = np.array([[0, 1 + row] for row in range(len(pairs))], dtype=np.int32)
    keys = [pair.to_bytes(16) for pair in pairs]
    return StoredSentence(keys, [lost] * len(pairs), Pieces(states, uses))


def plain(stored: StoredSentence) -> dict[int, tuple[str, list[list[float]]]]:
    """What is stored of each pair."""
    states = stored.pieces.states[stored.pieces.uses].tolist()
    keys = [int.from_bytes(key) for key in stored.keys]
    return dict(zip(keys, zip(stored.lost, states, strict=True), strict=True))


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "vectors.sqlite" if request.param == "disk" else None)


def load(
    cache: VectorCache | Path, *, encoder: str = ENCODER, keys: Sequence[bytes] = KEYS, width: int = 3
) -> Mapping[bytes, StoredSentence]:
    opened = VectorCache(cache) if isinstance(cache, Path) else cache
    return opened.load(encoder, keys, slots=2, width=width)


@pytest.mark.parametrize("lost", ["", "context", "between", "mention"])
def test_what_was_stored_is_loaded(cache: VectorCache, lost: str) -> None:
    cache.store(ENCODER, {KEYS[0]: sentence(1, 2, 3, lost=lost), KEYS[1]: sentence(1)})
    found = load(cache)
    assert set(found) == set(KEYS[:2])
    assert plain(found[KEYS[0]]) == {
        pair: (lost, [[1.0, 0.0, 0.0], [1.0, float(pair), 0.0]]) for pair in (1, 2, 3)
    }


def test_vectors_come_back_bit_for_bit(cache: VectorCache) -> None:
    odd = np.array([[np.nan, -0.0, 1e-45]], dtype=np.float32)
    cache.store(ENCODER, {KEYS[0]: StoredSentence(KEYS[:1], [""], Pieces(odd, np.zeros((1, 2), np.int32)))})
    assert load(cache)[KEYS[0]].pieces.states.tobytes() == odd.tobytes()


def test_no_encoder_gets_the_vectors_of_another(cache: VectorCache) -> None:
    cache.store(ENCODER, {KEYS[0]: sentence(1)})
    assert load(cache, encoder=OTHER) == {}


def test_pairs_are_added_to_a_known_sentence(cache: VectorCache) -> None:
    cache.store(ENCODER, {KEYS[0]: sentence(1, 2)})
    cache.store(ENCODER, {KEYS[0]: sentence(3, 4)})
    assert plain(load(cache)[KEYS[0]]) == plain(sentence(1, 2, 3, 4))


def test_a_vector_is_never_replaced(cache: VectorCache) -> None:
    cache.store(ENCODER, {KEYS[0]: sentence(1, 2)})
    cache.store(ENCODER, {KEYS[0]: sentence(2, 3, value=-1.0)})
    found = plain(load(cache)[KEYS[0]])
    assert found == {**plain(sentence(1, 2)), 3: plain(sentence(2, 3, value=-1.0))[3]}


def test_more_sentences_than_one_statement_takes_are_loaded(cache: VectorCache) -> None:
    keys = [number.to_bytes(16) for number in range(1200)]
    cache.store(ENCODER, dict.fromkeys(keys, sentence(1)))
    assert len(load(cache, keys=keys)) == 1200


def test_states_that_pairs_share_are_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    shared = Pieces(np.ones((1, 5000), np.float32), np.zeros((100, 2), np.int32))
    pairs = [number.to_bytes(16) for number in range(100)]
    VectorCache(path).store(ENCODER, {KEYS[0]: StoredSentence(pairs, [""] * 100, shared)})
    ((content,),) = sqlite3.connect(path).execute("SELECT length(content) FROM sentences").fetchall()
    assert content < 4 * 5000 + 100 * 30


def test_a_file_of_an_earlier_version_is_filled_anew(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    with sqlite3.connect(path) as earlier:
        earlier.execute(
            "CREATE TABLE encodings (encoder BLOB, instance BLOB, content BLOB, checksum INTEGER, "
            "PRIMARY KEY (encoder, instance)) WITHOUT ROWID"
        )
        earlier.execute("INSERT INTO encodings VALUES (?, ?, ?, ?)", (bytes(16), bytes(16), b"vector", 1))
    assert load(path) == {}
    VectorCache(path).store(ENCODER, {KEYS[0]: sentence(1)})
    assert set(load(path)) == {KEYS[0]}


def test_another_process_finds_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    VectorCache(path).store(ENCODER, {KEYS[0]: sentence(1)})
    assert set(load(path)) == {KEYS[0]}


def test_several_processes_fill_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    command = [sys.executable, "-c", MANY_AT_ONCE, str(path)]
    writers = [subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(3)]
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [(b"", 0)] * 3
    keys = [bytes([number, writer]) * 8 for number in range(20) for writer in range(3)]
    found = VectorCache(path).load(ENCODER, [bytes([255]) * 16, *keys], slots=1, width=3)
    assert len(found) == 61
    assert sorted(found[bytes([255]) * 16].keys) == sorted(keys)


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
    VectorCache(tmp_path / "vectors.sqlite").store(ENCODER, {KEYS[0]: sentence(1)})
    assert not refusals
    assert set(load(tmp_path / "vectors.sqlite")) == {KEYS[0]}
    refusals.append(sqlite3.SQLITE_IOERR)
    with pytest.raises(OutputError, match="cannot open the vector cache"):
        VectorCache(tmp_path / "other.sqlite")


def test_several_threads_use_one_cache(cache: VectorCache) -> None:
    threads = [
        threading.Thread(target=cache.store, args=(ENCODER, {KEYS[0]: sentence(place, place + 1)}))
        for place in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plain(load(cache)[KEYS[0]]) == plain(sentence(0, 1, 2, 3, 4))


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


MANY = [number.to_bytes(16) for number in range(500)]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.sqlite"
    cache = VectorCache(path)
    cache.store(ENCODER, dict.fromkeys(MANY, sentence(1)))
    cache.close()
    return path


def test_a_closed_file_is_whole(filled: Path) -> None:
    assert len(load(filled, keys=MANY)) == 500


def test_a_file_damaged_in_the_middle_is_told(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    content[4096:] = b"\xa5" * len(content[4096:])
    filled.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"the vector cache .*vectors\.sqlite is damaged: .*; remove it"):
        load(filled, keys=MANY)


def test_a_file_cut_short_is_told(filled: Path) -> None:
    filled.write_bytes(filled.read_bytes()[:5000])
    with pytest.raises((ArtifactError, OutputError), match="vector cache"):
        load(filled, keys=MANY)


def test_a_vector_with_a_flipped_bit_is_told(filled: Path) -> None:
    state = sentence(1).pieces.states.tobytes()
    content = filled.read_bytes()
    assert state in content
    filled.write_bytes(content.replace(state, state[:-1] + b"\x3e", 1))
    with pytest.raises(ArtifactError, match="is damaged: a vector has changed; remove it"):
        load(filled, keys=MANY)


def test_a_vector_of_another_width_is_told(filled: Path) -> None:
    with pytest.raises(ArtifactError, match="is damaged"):
        load(filled, keys=MANY, width=4)


def test_a_database_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE sentences (song TEXT)")
    other.close()
    with pytest.raises(ArtifactError, match=r"other\.sqlite is damaged: no such column"):
        load(path)


def test_a_file_that_can_no_longer_be_written_is_told(filled: Path) -> None:
    cache = VectorCache(filled)
    holder = sqlite3.connect(filled)
    holder.execute("DROP TABLE sentences")
    holder.close()
    with pytest.raises(OutputError, match="cannot write the vector cache"):
        cache.store(ENCODER, {KEYS[0]: sentence(1)})


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
