from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.given import as_instances

TEXT = "Ada Lovelace was born in London."
INSTANCE = RelationInstance(TEXT, Mention(0, 12, "PERSON"), Mention(25, 31, "CITY"), relation="born in")
RECORD = {
    "text": TEXT,
    "head": {"start": 0, "end": 12, "type": "PERSON"},
    "tail": {"start": 25, "end": 31, "type": "CITY"},
    "relation": "born in",
}
ROW = {
    "text": TEXT,
    "head": "Ada Lovelace",
    "tail": "London",
    "head_type": "PERSON",
    "tail_type": "CITY",
    "relation": "born in",
}


class FrameOfPolars:
    """The part of a polars frame that is used, for where polars is not installed."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    @property
    def columns(self) -> list[str]:
        return list(self._rows[0])

    def select(self, columns: list[str]) -> FrameOfPolars:
        return FrameOfPolars([{name: row[name] for name in columns} for row in self._rows])

    def iter_rows(self, *, named: bool) -> Any:
        assert named
        return iter(self._rows)


FrameOfPolars.__module__ = "polars.dataframe.frame"


def frame_of_polars(rows: list[dict[str, Any]]) -> Any:
    try:
        import polars
    except ImportError:
        return FrameOfPolars(rows)
    return polars.DataFrame(rows)


def frame_of_pandas(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(rows)


FRAMES = pytest.mark.parametrize(
    "frame", [frame_of_pandas, frame_of_polars, pa.Table.from_pylist], ids=["pandas", "polars", "pyarrow"]
)


@pytest.mark.parametrize("given", [INSTANCE, RECORD, ROW], ids=["instance", "record", "row of a table"])
def test_a_program_gives_instances_in_three_forms(given: Any) -> None:
    (found,) = as_instances(iter([given]))
    assert found == INSTANCE or (found.source == "row 1" and found.id == INSTANCE.id)
    assert (found.type_pair, found.relation) == (("PERSON", "CITY"), "born in")


@FRAMES
def test_the_rows_of_a_frame_are_instances(frame: Any) -> None:
    found = as_instances(frame([{**ROW, "note": 1}, {**ROW, "relation": None, "head_type": None}]))
    assert [one.id for one in found] == [INSTANCE.id] * 2
    assert [one.relation for one in found] == ["born in", None]
    assert found[1].type_pair == (None, "CITY")


@FRAMES
def test_a_frame_may_have_offsets(frame: Any) -> None:
    row = {"text": TEXT, "head_start": 0, "head_end": 12, "tail_start": 25, "tail_end": 31}
    assert as_instances(frame([row]))[0].id == INSTANCE.id


@FRAMES
def test_a_wrong_row_of_a_frame_is_named(frame: Any) -> None:
    with pytest.raises(RecordError, match="labeled, row 2: the tail 'Paris' does not occur in the text"):
        as_instances(frame([ROW, {**ROW, "tail": "Paris"}]), what="labeled")


@FRAMES
def test_a_column_that_a_frame_lacks_is_named(frame: Any) -> None:
    with pytest.raises(InputError, match=r"no column for 'tail' \(or .*\); its columns are 'text', 'head'"):
        as_instances(frame([{"text": TEXT, "head": "Ada Lovelace"}]))


def test_missing_values_and_numbers_of_numpy_are_understood() -> None:
    row = {"text": TEXT, "head_start": np.int64(0), "head_end": 12.0, "tail": "London", "relation": np.nan}
    (found,) = as_instances([row])
    assert (found.head_text, found.relation) == ("Ada Lovelace", None)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([INSTANCE, "text"], "instances, row 2: expected a RelationInstance or a dictionary, got a string"),
        ([RECORD, {"text": TEXT}], "instances, row 2: the field 'head' is missing"),
        ([{**RECORD, "head": {"start": 0}}], "instances, row 1: the field 'head.end' is missing"),
    ],
)
def test_a_wrong_row_is_named(given: Any, complaint: str) -> None:
    with pytest.raises(RecordError, match=complaint):
        as_instances(given)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("corpus.jsonl", r"to read a file, use relscout\.read\(path\)"),
        (RECORD, "instances is an object, expected a list"),
        (3, "instances is a whole number, expected a list"),
    ],
)
def test_what_is_no_corpus_is_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        as_instances(given)
