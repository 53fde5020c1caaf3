from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from relscout import read
from relscout.core.errors import ArtifactError, OutputError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.shards import (
    ASSIGNMENTS,
    FACTS,
    INSTANCES,
    ROWS_PER_GROUP,
    Record,
    ShardedRows,
    read_columns,
    read_shards,
    shard_files,
    take,
    write_shard,
    write_shards,
)


def instance(number: int, **fields: Any) -> RelationInstance:
    text = f"Zoë {number} \U0001f600 met Bob ."
    head = Mention(0, 3, "PERSON" if number % 2 else None, f"Q{number}" if number % 3 else None)
    return RelationInstance(text, head, Mention(len(text) - 5, len(text) - 2), **fields)


INSTANCES_HERE = [
    instance(0),
    instance(1, relation="met", id="own", source="a.txt, line 1"),
    instance(2, document="d", document_start=7),
    *map(instance, range(3, 8)),
]
ASSIGNMENT: Record = {
    "id": "a",
    "relation_id": 3,
    "relation": "met",
    "confidence": 0.5,
    "related": None,
    "polarity": "asserted",
    "phrase": "",
}
FACT: Record = {
    "head": {"id": "q1", "name": "Zoë", "type": None},
    "relation_id": 3,
    "relation": "met",
    "tail": {"id": "q2", "name": "Bob", "type": "PERSON"},
    "support": 2,
    "documents": 1,
    "confidence": 0.1234,
    "phrase": "met",
    "evidence": ["a", "b"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three shards of three, three and two instances."""
    assert write_shards(tmp_path / "instances", INSTANCES_HERE, INSTANCES, rows_per_shard=3) == 3
    return tmp_path / "instances"


def test_instances_come_back_in_order_with_every_field(folder: Path) -> None:
    assert [path.name for path in shard_files(folder)] == [f"part-0000{index}.parquet" for index in range(3)]
    assert list(read_shards(folder, INSTANCES)) == INSTANCES_HERE


@pytest.mark.parametrize(("kind", "row"), [(ASSIGNMENTS, ASSIGNMENT), (FACTS, FACT)])
def test_records_come_back(tmp_path: Path, kind: Any, row: Record) -> None:
    write_shard(tmp_path, 0, [row, row], kind)
    assert list(read_shards(tmp_path, kind)) == [row, row]


def test_shards_may_be_written_in_any_order(tmp_path: Path) -> None:
    write_shard(tmp_path, 1, INSTANCES_HERE[4:], INSTANCES)
    write_shard(tmp_path, 0, INSTANCES_HERE[:4], INSTANCES)
    assert list(read_shards(tmp_path, INSTANCES, count=2)) == INSTANCES_HERE


def test_no_rows_give_one_empty_shard(tmp_path: Path) -> None:
    assert write_shards(tmp_path, [], INSTANCES) == 1
    assert len(shard_files(tmp_path)) == 1
    assert list(read_shards(tmp_path, INSTANCES)) == []
    assert len(ShardedRows(tmp_path, INSTANCES)) == 0


def test_rows_that_fill_their_shards_leave_no_empty_one(tmp_path: Path) -> None:
    write_shards(tmp_path, INSTANCES_HERE, INSTANCES, rows_per_shard=4)
    assert len(shard_files(tmp_path)) == 2


def test_the_same_rows_give_the_same_bytes_compressed_with_zstd(folder: Path, tmp_path: Path) -> None:
    again = write_shard(tmp_path, 0, INSTANCES_HERE[:3], INSTANCES)
    assert again.read_bytes() == shard_files(folder)[0].read_bytes()
    assert parquet.read_metadata(again).row_group(0).column(0).compression == "ZSTD"


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    row = {**FACT, "evidence": ["\ud83d"], "head": {**FACT["head"], "name": "Zo\ud83d"}}
    write_shard(tmp_path, 0, [row], FACTS)
    (back,) = read_shards(tmp_path, FACTS)
    assert (back["evidence"], back["head"]["name"]) == (["\ufffd"], "Zo\ufffd")


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> Iterator[RelationInstance]:
        yield from INSTANCES_HERE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path, 0, failing(), INSTANCES)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_shard(tmp_path / "file", 0, INSTANCES_HERE, INSTANCES)


def test_shards_of_instances_are_a_table_that_read_knows(folder: Path) -> None:
    loaded = list(read(shard_files(folder)[0]))
    assert [(row.id, row.text, row.head, row.tail, row.relation) for row in loaded] == [
        (row.id, row.text, row.head, row.tail, row.relation) for row in INSTANCES_HERE[:3]
    ]


def refused(folder: Path, kind: Any = INSTANCES, **options: Any) -> str:
    with pytest.raises(ArtifactError) as caught:
        list(read_shards(folder, kind, **options))
    return str(caught.value)


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "part-00001.parquet").unlink()
    assert "part-00001.parquet is missing" in refused(folder)


def test_a_missing_last_shard_is_named_if_the_number_is_known(folder: Path) -> None:
    (folder / "part-00002.parquet").unlink()
    assert "part-00002.parquet is missing" in refused(folder, count=3)
    assert "part-00001.parquet is one shard too many; expected 1" in refused(folder, count=1)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    assert "part-00000.parquet is missing" in refused(tmp_path)
    assert "expected a folder of shards" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("kept", [0, 3, 200, -9])
def test_a_shard_that_is_cut_off_is_named(folder: Path, kept: int) -> None:
    path = folder / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    assert "part-00001.parquet is damaged, cut off or no Parquet file" in refused(folder)


def test_damaged_content_is_named(folder: Path) -> None:
    path = folder / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    assert "part-00001.parquet is damaged" in refused(folder)


def test_a_foreign_file_is_named(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt is not a shard" in refused(folder)


def test_shards_of_other_rows_are_refused(folder: Path, tmp_path: Path) -> None:
    assert "part-00000.parquet holds instances; expected a shard of facts" in refused(folder, FACTS)
    parquet.write_table(pa.table({"text": ["x"]}), tmp_path / "part-00000.parquet")
    shutil.copy(tmp_path / "part-00000.parquet", folder)
    assert "part-00000.parquet was not written by relscout" in refused(folder)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    table = parquet.read_table(write_shard(tmp_path, 0, [FACT], FACTS))
    newer = table.replace_schema_metadata({**table.schema.metadata, b"relscout.version": b"2"})
    parquet.write_table(newer, tmp_path / "part-00000.parquet")
    assert "has version '2', this relscout reads version 1; update relscout" in refused(tmp_path, FACTS)


def test_a_shard_without_a_column_is_refused(tmp_path: Path) -> None:
    table = parquet.read_table(write_shard(tmp_path, 0, [FACT], FACTS))
    parquet.write_table(table.drop_columns(["support"]), tmp_path / "part-00000.parquet")
    assert "part-00000.parquet: the column 'support' of facts is missing" in refused(tmp_path, FACTS)


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    table = parquet.read_table(write_shard(tmp_path, 0, [ASSIGNMENT], ASSIGNMENTS))
    place = table.schema.get_field_index("relation_id")
    parquet.write_table(table.set_column(place, "relation_id", [["3"]]), tmp_path / "part-00000.parquet")
    assert "'relation_id' of assignments is string; expected int64, without" in refused(tmp_path, ASSIGNMENTS)


def test_a_column_of_all_rows_is_read(folder: Path) -> None:
    rows = ShardedRows(folder, INSTANCES)
    assert rows.column("id").to_pylist() == [row.id for row in rows]


def test_some_columns_are_read(folder: Path) -> None:
    table = read_columns(shard_files(folder)[1], INSTANCES, ["id", "head_start"])
    assert table.to_pydict() == {"id": [row.id for row in INSTANCES_HERE[3:6]], "head_start": [0, 0, 0]}


def test_a_sequence_of_shards_is_read_where_it_is_used(folder: Path) -> None:
    rows = ShardedRows(folder, INSTANCES)
    assert len(rows) == 8
    assert list(rows) == INSTANCES_HERE
    assert [rows[place] for place in (7, 0, -1, 3)] == [INSTANCES_HERE[place] for place in (7, 0, -1, 3)]
    assert rows[2:7:2] == INSTANCES_HERE[2:7:2]
    with pytest.raises(IndexError, match="row 8 of 8"):
        rows[8]
    assert take(rows, [7, 0, 7]) == take(INSTANCES_HERE, [7, 0, 7])
    assert list(pickle.loads(pickle.dumps(rows))) == INSTANCES_HERE  # noqa: S301 - our own bytes


def test_a_sequence_survives_writing_the_same_rows_again_and_refuses_others(folder: Path) -> None:
    rows = ShardedRows(folder, INSTANCES)
    write_shard(folder, 0, INSTANCES_HERE[:3], INSTANCES)
    assert rows[0] == INSTANCES_HERE[0]
    write_shard(folder, 1, INSTANCES_HERE[:3], INSTANCES)
    with pytest.raises(ArtifactError, match="was replaced by another shard since it was opened"):
        list(rows)


def test_a_sequence_knows_row_groups(tmp_path: Path) -> None:
    write_shards(
        tmp_path, ({**ASSIGNMENT, "relation_id": row} for row in range(2 * ROWS_PER_GROUP + 5)), ASSIGNMENTS
    )
    rows = ShardedRows(tmp_path, ASSIGNMENTS)
    places = [0, ROWS_PER_GROUP - 1, ROWS_PER_GROUP, 2 * ROWS_PER_GROUP + 4]
    assert [rows[place]["relation_id"] for place in places] == places
