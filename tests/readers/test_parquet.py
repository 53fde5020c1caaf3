"""Parquet tables."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import RelationInstance
from relscout.io.readers import parquet, read, recognise
from relscout.io.readers.source import Source


def written(tmp_path: Path, table: Mapping[str, Any]) -> Path:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(dict(table)), path)
    return path


def results(
    tmp_path: Path, table: Mapping[str, Any], columns: Mapping[str, str] | None = None
) -> list[RelationInstance | RecordError]:
    return list(parquet.read(Source(written(tmp_path, table), columns=columns or {})))


def instance(tmp_path: Path, table: Mapping[str, Any]) -> RelationInstance:
    (found,) = results(tmp_path, table)
    assert isinstance(found, RelationInstance)
    return found


def reason(tmp_path: Path, table: Mapping[str, Any]) -> str:
    (found,) = results(tmp_path, table)
    assert isinstance(found, RecordError)
    assert found.place == "row 1"
    return found.reason


PLAIN = {"text": ["Ann of Rome"], "head": ["Ann"], "tail": ["Rome"]}
OFFSETS = {"head_start": [0], "head_end": [3], "tail_start": [7], "tail_end": [11]}


def test_surface_strings_are_found_in_the_text(tmp_path: Path) -> None:
    found = instance(tmp_path, PLAIN)
    assert (found.head_text, found.tail_text, found.source) == ("Ann", "Rome", "table.parquet, row 1")


def test_offsets_have_an_exclusive_end(tmp_path: Path) -> None:
    found = instance(tmp_path, {"text": ["Ann of Rome"], **OFFSETS})
    assert (found.head_text, found.tail_text) == ("Ann", "Rome")


def test_optional_columns_are_kept_and_others_ignored(tmp_path: Path) -> None:
    extra = {"relation": ["born in"], "id": [41], "head_id": ["Q1"], "score": [0.5], "when": [None]}
    found = instance(tmp_path, {**PLAIN, **extra})
    assert (found.relation, found.id, found.head.entity_id) == ("born in", "41", "Q1")


def test_a_null_relation_is_not_known(tmp_path: Path) -> None:
    assert instance(tmp_path, {**PLAIN, "relation": pa.array([None], pa.string())}).relation is None


def test_rows_keep_their_order_over_batches(tmp_path: Path) -> None:
    names = [f"Ann{number:04d}" for number in range(3_000)]
    found = results(
        tmp_path, {"text": [f"{name}! Rome" for name in names], "head": names, "tail": ["Rome"] * 3_000}
    )
    assert [each.head_text for each in found if isinstance(each, RelationInstance)] == names
    assert found[-1].source == "table.parquet, row 3000"  # type: ignore[union-attr]


def test_offsets_may_be_floats_that_are_whole(tmp_path: Path) -> None:
    found = instance(
        tmp_path, {"text": ["Ann of Rome"], **{name: [float(*at)] for name, at in OFFSETS.items()}}
    )
    assert (found.head_text, found.tail_text) == ("Ann", "Rome")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": [5]}, "'text' is a whole number; expected a string"),
        ({"text": pa.array([None], pa.string())}, "'text' is null"),
        ({"text": [["Ann of Rome"]]}, "'text' is a list"),
        ({"text": [{"value": "Ann of Rome"}]}, "'text' is an object"),
        ({"head": [b"Ann"]}, "'head' is a bytes; expected a string"),
        ({"head": ["Bob"]}, "does not occur in the text"),
        ({"head_start": [0.5], "head_end": [3.0]}, "'head_start' is a number; expected a whole number"),
        ({"head_start": [True], "head_end": [3]}, "'head_start' is true or false"),
        ({"head_start": [4], "head_end": pa.array([None], pa.int64())}, "head span covers"),
        ({"relation": [0.5]}, "'relation' is a number"),
        ({"id": [0.5]}, "'id' has a number"),
    ],
)
def test_a_wrong_value_is_told_plainly(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in reason(tmp_path, {**PLAIN, **changes})


def test_a_text_that_is_not_utf_8_spoils_only_its_row(tmp_path: Path) -> None:
    raw = pa.array([b"Ann of Rome", b"Ann of K\xf6ln", b"Ann of Rome"]).view(pa.string())
    found = results(tmp_path, {"text": raw, "head": ["Ann"] * 3, "tail": ["of"] * 3})
    assert [type(each) for each in found] == [RelationInstance, RecordError, RelationInstance]
    assert found[1].place == "row 2"  # type: ignore[union-attr]


def test_columns_are_mapped(tmp_path: Path) -> None:
    table = {"data.sentence": ["Ann of Rome"], "subj": ["Ann"], "obj": ["Rome"]}
    (found,) = results(tmp_path, table, {"text": "data.sentence", "head": "subj", "tail": "obj"})
    assert isinstance(found, RelationInstance)
    assert found.tail_text == "Rome"


def test_missing_columns_are_named_with_the_present_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column for 'text'; the columns are 'sentence', 'head', 'tail'"):
        results(tmp_path, {"sentence": ["Ann of Rome"], "head": ["Ann"], "tail": ["Rome"]})


def test_a_table_without_rows_gives_nothing(tmp_path: Path) -> None:
    empty = pa.array([], pa.string())
    assert results(tmp_path, {"text": empty, "head": empty, "tail": empty}) == []


@pytest.mark.parametrize("keep", [4, 40, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = written(tmp_path, PLAIN)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged or cut off"):
        list(parquet.read(Source(path)))


def test_damage_in_the_middle_ends_in_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    (found,) = parquet.read(Source(path))
    assert isinstance(found, RecordError)
    assert (found.place, "damaged" in found.reason) == ("after row 0", True)


def test_a_packed_table_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError, match="unpack it first"):
        list(parquet.read(Source(path)))


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_text("text,head,tail\n")
    with pytest.raises(InputError, match="not a Parquet file"):
        list(parquet.read(Source(path)))


def test_a_value_that_is_not_a_number_is_missing(tmp_path: Path) -> None:
    nan = [float("nan")]
    missing = {"relation": nan, "id": nan, "head_id": nan, "head_start": nan, "head_end": nan}
    assert instance(tmp_path, {**PLAIN, **missing}) == instance(tmp_path, PLAIN)


@pytest.mark.parametrize("number", [3, 3.0])
def test_relations_and_ids_may_be_numbers(tmp_path: Path, number: float) -> None:
    found = instance(tmp_path, {**PLAIN, "relation": [number], "id": [number]})
    assert (found.relation, found.id) == ("3", "3")


def test_damaged_names_of_columns_are_an_error(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "hexd": [1]})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content.replace(b"hexd", b"h\xe1\x01d", 1))
    with pytest.raises(InputError, match="names of the columns are damaged"):
        recognise(Source(tmp_path / "a.arrow"))


def named(name: str) -> dict[str, list[str]]:
    return {"text": [f"{name} of Rome"], "head": [name], "tail": ["Rome"]}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Return a folder of three Parquet files, with what Spark leaves among them."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, name in enumerate(["Ann", "Bob", "Cid"]):
        pq.write_table(pa.table(named(name)), folder / f"part-{number}.snappy.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").touch()
    return folder


def test_a_folder_of_parquet_files_is_read_in_the_order_of_their_names(shards: Path) -> None:
    assert recognise(Source(shards)) == "parquet"
    rows = [(row.head_text, row.source) for row in read(shards)]
    assert rows == [
        ("Ann", "shards, part-0.snappy.parquet, row 1"),
        ("Bob", "shards, part-1.snappy.parquet, row 1"),
        ("Cid", "shards, part-2.snappy.parquet, row 1"),
    ]


def test_a_shard_that_is_cut_off_is_named(shards: Path) -> None:
    path = shards / "part-1.snappy.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"part-1\.snappy\.parquet: the Parquet file is damaged or cut off"):
        list(read(shards))


def test_a_wrong_row_of_a_shard_has_its_place(shards: Path) -> None:
    pq.write_table(pa.table({**named("Dan"), "head": ["Eve"]}), shards / "part-1.snappy.parquet")
    with pytest.raises(
        RecordError, match=r"shards, part-1\.snappy\.parquet, row 1: the head 'Eve' does not occur"
    ):
        list(read(shards))
    assert [row.head_text for row in read(shards, on_error="skip")] == ["Ann", "Cid"]


def test_a_shard_with_other_columns_is_named(shards: Path) -> None:
    pq.write_table(pa.table({"text": ["Ann of Rome"], "head": ["Ann"]}), shards / "part-2.snappy.parquet")
    with pytest.raises(InputError, match=r"part-2\.snappy\.parquet: the column 'tail' is not in every file"):
        list(read(shards))


def test_a_folder_with_other_files_is_no_table(shards: Path) -> None:
    (shards / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"but 3 files with \.parquet, "):
        recognise(Source(shards))
    with pytest.raises(InputError, match="the file is not a Parquet file"):
        list(read(shards, format="parquet"))


def test_a_folder_of_tables_of_text_has_no_marked_pairs(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["Ann of Rome"]}), tmp_path / "table.parquet")
    with pytest.raises(InputError, match=r"1 file with \.parquet"):
        recognise(Source(tmp_path))


def test_columns_of_a_folder_are_mapped(tmp_path: Path) -> None:
    pq.write_table(pa.table(PLAIN).rename_columns(["text", "subj", "tail"]), tmp_path / "table.parquet")
    (row,) = read(tmp_path, columns={"head": "subj"})
    assert row.head_text == "Ann"
