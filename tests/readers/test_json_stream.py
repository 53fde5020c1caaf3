"""Records of large JSON files, one at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import InputError, RecordError
from relscout.io.readers.json_stream import grouped_records, list_records
from relscout.io.readers.source import Source


def source(tmp_path: Path, content: str | bytes) -> Source:
    path = tmp_path / "large.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Source(path)


def listed(tmp_path: Path, content: str | bytes) -> list[tuple[str, Any]]:
    return list(list_records(source(tmp_path, content)))


def test_a_list_gives_its_items_with_their_numbers(tmp_path: Path) -> None:
    assert listed(tmp_path, ' [1, {"a": [2]}\n, "x"] ') == [
        ("record 1", 1),
        ("record 2", {"a": [2]}),
        ("record 3", "x"),
    ]


def test_an_object_gives_the_items_of_its_lists_with_key_and_index(tmp_path: Path) -> None:
    found = list(grouped_records(source(tmp_path, '{"a.b{}": [1, 2], "c": []\n, "d": [3]}')))
    assert found == [("a.b{}[0]", "a.b{}", 1), ("a.b{}[1]", "a.b{}", 2), ("d[0]", "d", 3)]


def test_records_larger_than_the_window_are_whole(tmp_path: Path) -> None:
    items = [{"text": letter * 300_000 + 'é\U0001f600\\"'} for letter in "abc"]
    for ascii_only in (True, False):
        assert [value for _, value in listed(tmp_path, json.dumps(items, ensure_ascii=ascii_only))] == items


def test_a_value_cut_by_the_edge_of_the_window_is_whole(tmp_path: Path) -> None:
    for padding in range(65_510, 65_540):
        content = f'[{" " * padding}12345, true, -Infinity, "\\ud83d\\ude00", "é"]'
        values = [value for _, value in listed(tmp_path, content)]
        assert values == [12345, True, float("-inf"), "\U0001f600", "é"]


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        ("[1, 2", "after record 2", "cut off"),
        ("[1, 2,", "record 3", "cut off"),
        ('[1, {"a": "b', "record 2", "cut off"),
        ("[1, tru", "record 2", "not JSON"),
        ("[1 2]", "after record 1", "expected ',' or ']', got '2]'"),
        ("[1, }, 3]", "record 2", "not JSON"),
        ("[1, 2] [3]", "after the last record", "expected the end of the file"),
        ("[1, 2]\x00", "after the last record", "expected the end of the file"),
        ("[1, " + "9" * 5_000 + "]", "record 2", "not JSON"),
        ("[1, " + "[" * 100_000, "record 2", "nested too deeply"),
        ('[1, "line\nbreak"]', "record 2", "Invalid control character"),
    ],
)
def test_json_that_cannot_be_followed_ends_in_one_error(
    tmp_path: Path, content: str, place: str, reason: str
) -> None:
    *before, (last_place, error) = listed(tmp_path, content)
    assert before[:1] == [("record 1", 1)]
    assert isinstance(error, RecordError)
    assert (last_place, error.place) == (place, place)
    assert reason in error.reason
    assert "\n" not in str(error)


def test_a_byte_that_is_not_utf_8_costs_one_record(tmp_path: Path) -> None:
    found = listed(tmp_path, b'["caf\xc3\xa9", "caf\xe9", "tea"]')
    assert [value for _, value in found if not isinstance(value, RecordError)] == ["café", "tea"]
    assert isinstance(found[1][1], RecordError)
    assert "byte 0xe9 is not UTF-8" in found[1][1].reason


def test_a_byte_order_mark_is_no_part_of_the_json(tmp_path: Path) -> None:
    assert listed(tmp_path, b"\xef\xbb\xbf[1]") == [("record 1", 1)]


@pytest.mark.parametrize("content", ["{}", "5", "", "\ufeff\ufeff[1]"])
def test_what_is_no_list_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match="expected a JSON list"):
        listed(tmp_path, content)
