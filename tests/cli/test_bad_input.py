from __future__ import annotations

import gzip
import json

import pytest

from relscout.methods import METHODS


@pytest.fixture
def complaint(refused, tmp_path, fast):
    """Return what 'discover' says of a file with the given content."""

    def of(content: str | bytes, *options: object) -> str:
        path = tmp_path / "input"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return refused("discover", path, *fast, "--out", tmp_path / "run", *options)

    return of


@pytest.fixture
def complaint_about_last(refused, with_one_more, tmp_path, fast):
    """Return what 'discover' says of the good instances with one more."""

    def of(line: str | bytes | None = None, /, **fields: object) -> str:
        return refused(
            "discover", with_one_more(line, **fields), *fast, "--no-cache", "--out", tmp_path / "run"
        )

    return of


@pytest.mark.parametrize("content", [b"", b" \r\n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file(complaint, content):
    assert "the file is empty" in complaint(content)


def test_a_binary_file(complaint):
    assert "the file is binary" in complaint(bytes(range(256)))


def test_a_file_of_no_known_format_says_how_to_name_it(complaint):
    said = complaint('{"who": "Ada", "where": "London"}\n')
    assert (
        "the format is not recognised from the content; it resembles none, its records have the fields"
        in said
    )
    assert "'where', 'who'; if you know it, name it with --format: relscout inspect " in said


def test_another_format_than_was_named(complaint, good):
    assert "expected a list of records" in complaint(good.read_bytes(), "--format", "fewrel")


def test_json_that_breaks_off(complaint):
    record = {"tokens": ["Ada", "in", "Rome"], "h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}
    assert "P19[1]: the file ends in the middle" in complaint(json.dumps({"P19": [record, record]})[:-10])


def test_a_line_of_json_that_breaks_off(complaint_about_last):
    assert "line 31: not JSON" in complaint_about_last('{"text": "Ada was born')


def test_a_gzip_file_that_breaks_off(complaint, good):
    assert "damaged or cut off" in complaint(gzip.compress(good.read_bytes())[:-20])


def test_latin_1(complaint_about_last):
    assert "line 31: byte 12 (0xeb) is not UTF-8" in complaint_about_last('{"text": "Zoë"}'.encode("latin-1"))


@pytest.mark.parametrize(
    ("field", "kind"), [("text", "a string"), ("head", "an object"), ("tail", "an object")]
)
def test_a_missing_field(complaint_about_last, field, kind):
    fields = {"text": "Ada in Rome", "head": {"start": 0, "end": 3}, "tail": {"start": 7, "end": 11}}
    del fields[field]
    said = complaint_about_last(json.dumps(fields) + "\n")
    assert f"line 31: the field '{field}' is missing; expected {kind}" in said


@pytest.mark.parametrize(
    ("head", "tail", "what"),
    [
        ((0, 3), (16, 99), "tail span [16, 99) does not fit the text of 24 characters"),
        ((-3, 3), (16, 22), "head span [-3, 3) does not fit"),
        ((3, 3), (16, 22), "head span [3, 3) does not fit"),
        ((3, 0), (16, 22), "head span [3, 0) does not fit"),
        ((3, 4), (16, 22), "covers only white space"),
        ((0, 10), (5, 22), "one may lie inside the other, but not overlap it in part"),
        ((0, 3), (0, 3), "head and tail are the same span"),
    ],
)
def test_spans_that_cannot_be(complaint_about_last, head, tail, what):
    said = complaint_about_last(head=head, tail=tail)
    assert "more.jsonl, line 31: " in said
    assert what in said


def test_half_an_emoji(complaint_about_last):
    line = '{"text": "\\ud83d in Rome", "head": {"start": 0, "end": 1}, "tail": {"start": 5, "end": 9}}\n'
    assert "half a surrogate pair" in complaint_about_last(line)


def test_one_id_for_two_sentences(refused, tmp_path, good, fast):
    first, second, *_ = (json.loads(line) for line in good.read_text().splitlines())
    path = tmp_path / "same.jsonl"
    path.write_text("".join(json.dumps({**one, "id": "7"}) + "\n" for one in (first, second)))
    assert "two different instances have the id '7' (same.jsonl, line 1; same.jsonl, line 2)" in refused(
        "discover", path, *fast, "--no-cache"
    )


def test_a_file_that_is_not_there(refused, good, tmp_path):
    assert "nowhere.json: no such file" in refused("discover", good, tmp_path / "nowhere.json")


def test_a_folder_without_text_or_annotations(refused, tmp_path):
    assert "the folder holds no pair of .txt and .ann files (brat), no .xmi files" in refused(
        "discover", tmp_path
    )


def test_more_relations_than_instances(refused, good, fast):
    assert "at most 30 relations" in refused("discover", good, *fast, "--relations", 31, "--no-cache")


def test_more_relations_than_different_instances(refused, tmp_path, good, fast):
    path = tmp_path / "same.jsonl"
    path.write_text(good.read_text().splitlines()[0] + "\n")
    twice = tmp_path / "twice.jsonl"
    twice.write_text(path.read_text() * 2)
    assert "instances are repeated, or the encoder cannot distinguish them" in refused(
        "discover", twice, *fast, "--no-cache"
    )


def test_nothing_left_after_skipping(tmp_path, relscout, fast):
    path = tmp_path / "all_wrong.jsonl"
    path.write_text('{"text": "x", "head": {"start": 0, "end": 9}, "tail": {"start": 0, "end": 1}}\n')
    done = relscout("discover", path, *fast, "--on-error", "skip")
    assert done.code == 2
    assert done.err.splitlines()[-1].endswith("no relation instances: all 1 record were skipped")


def test_a_control_character_in_a_name_does_not_reach_the_terminal(refused):
    assert "\x1b" not in refused("inspect", "a\x1b[31m\nb")


def test_a_very_long_value_is_cut(refused, good):
    said = refused("discover", good, "--method", "x" * 10_000)
    assert len(said) < 700
    assert said.startswith("error: unknown method 'xxx")
    assert said.endswith(f"known are {', '.join(sorted(METHODS))}\n")
