from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pyarrow.parquet as pq

from relscout.core.instances import Triple
from relscout.io.writers import write
from relscout.io.writers.parquet import ROWS_PER_GROUP

MakeTriple = Callable[..., Triple]


def test_a_triple_is_one_flat_row(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(ids=("Q937", None), instance_id="7", source="a.txt, line 1")], tmp_path / "f.parquet")
    assert pq.read_table(tmp_path / "f.parquet").to_pylist() == [
        {
            "head_text": "Albert Einstein",
            "head_type": "PERSON",
            "head_id": "Q937",
            "head_start": 0,
            "head_end": 15,
            "relation": "was born in",
            "relation_id": 0,
            "tail_text": "Ulm",
            "tail_type": "CITY",
            "tail_id": None,
            "tail_start": 28,
            "tail_end": 31,
            "confidence": 0.75,
            "related": None,
            "polarity": "asserted",
            "phrase": "",
            "text": "Albert Einstein was born in Ulm.",
            "instance_id": "7",
            "source": "a.txt, line 1",
            "document": "",
            "document_start": None,
        }
    ]


def test_only_lone_surrogates_are_replaced(tmp_path: Path, nasty: str, nasty_triple: Triple) -> None:
    write([nasty_triple], tmp_path / "f.parquet")
    (row,) = pq.read_table(tmp_path / "f.parquet").to_pylist()
    expected = nasty.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    assert row["head_text"] == row["relation"] == row["head_type"] == row["instance_id"] == expected
    assert row["text"][row["tail_start"] : row["tail_end"]] == "Ulm"


def test_the_schema_does_not_depend_on_the_content(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([], tmp_path / "empty.parquet")
    write([make_triple(types=(None, None))], tmp_path / "untyped.parquet")
    empty, untyped = pq.read_table(tmp_path / "empty.parquet"), pq.read_table(tmp_path / "untyped.parquet")
    assert empty.schema == untyped.schema
    assert empty.num_rows == 0


def test_rows_are_written_in_groups(tmp_path: Path, make_triple: MakeTriple) -> None:
    number = ROWS_PER_GROUP + 1
    assert write(repeat(make_triple(), number), tmp_path / "f.parquet") == number
    metadata = pq.read_metadata(tmp_path / "f.parquet")
    assert (metadata.num_rows, metadata.num_row_groups) == (number, 2)


def test_the_relation_is_dictionary_encoded(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple(), make_triple("Zoë")], tmp_path / "f.parquet")
    group = pq.read_metadata(tmp_path / "f.parquet").row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    (relation,) = [column for column in columns if column.path_in_schema == "relation"]
    assert "RLE_DICTIONARY" in relation.encodings
