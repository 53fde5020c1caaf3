"""Input that looks broken and is not."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def discovered(noted, with_one_more, tmp_path, fast):
    """Discover the good instances and one more; return what is noted, and what was found in that one."""

    def of(line: str | None = None, /, **fields: object) -> tuple[str, dict]:
        folder = tmp_path / "run"
        said = noted("discover", with_one_more(line, **fields), *fast, "--no-cache", "--out", folder)
        return said, json.loads((folder / "triples.jsonl").read_text(encoding="utf-8").splitlines()[-1])

    return of


def test_one_entity_inside_the_other(discovered):
    _, triple = discovered(text="University of Paris is old .", head=(0, 19), tail=(14, 19))
    assert triple["head"]["text"] == "University of Paris"
    assert triple["tail"]["text"] == "Paris"


def test_entities_too_far_apart_for_the_encoder_are_noted(discovered):
    text = "Ada " + "word " * 400 + "London ."
    said, triple = discovered(text=text, head=(0, 3), tail=(2004, 2010))
    assert "note: in 1 instance, words between the entities were left out" in said
    assert (triple["text"], triple["tail"]["text"]) == (text, "London")


def test_an_entity_too_long_for_the_encoder_is_noted(discovered):
    said, triple = discovered(text="word " * 400 + "in London .", head=(0, 1999), tail=(2003, 2009))
    assert "note: in 1 instance, an entity was cut: it exceeds the maximum length" in said
    assert len(triple["head"]["text"]) == 1999


@pytest.mark.parametrize("filler", ["x y ", "xxxx"])
def test_a_sentence_of_a_hundred_thousand_characters(discovered, filler):
    text = filler * 25_000 + " Ada was born in London ."
    said, triple = discovered(text=text, head=(100_001, 100_004), tail=(100_017, 100_023))
    assert "words before or after both entities were left out" in said
    assert triple["text"] == text


@pytest.mark.parametrize(
    ("text", "head", "tail"),
    [
        ("👩‍👩‍👧 wohnt in 🏙️ .", "👩‍👩‍👧", "🏙️"),
        ("A\u0301da lebt in Co\u0302te .", "A\u0301da", "Co\u0302te"),
        ("وُلِد عمر في القاهرة .", "عمر", "القاهرة"),
        ("Ada\u0000 was born in Lon\u200bdon .", "Ada\u0000", "Lon\u200bdon"),
        ("Ada\r\nwas\tborn in\u2028London .", "Ada", "London"),
        ("[SEP] was [MASK] in London .", "[SEP]", "London"),
    ],
    ids=["emoji", "combining marks", "right to left", "NUL", "line breaks", "special tokens"],
)
def test_characters_of_all_kinds_come_out_as_they_went_in(discovered, text, head, tail):
    spans = [(text.index(part), text.index(part) + len(part)) for part in (head, tail)]
    _, triple = discovered(text=text, head=spans[0], tail=spans[1])
    assert (triple["text"], triple["head"]["text"], triple["tail"]["text"]) == (text, head, tail)


def test_windows_line_ends(noted, good, tmp_path, fast):
    (tmp_path / "windows.jsonl").write_bytes(good.read_bytes().replace(b"\n", b"\r\n"))
    for name, path in (("unix", good), ("windows", tmp_path / "windows.jsonl")):
        noted("discover", path, *fast, "--out", tmp_path / name)
    assert (tmp_path / "unix/relations.jsonl").read_bytes() == (
        tmp_path / "windows/relations.jsonl"
    ).read_bytes()


def test_duplicates_are_noted_and_kept(discovered, good, tmp_path):
    said, _ = discovered(good.read_text().splitlines()[0] + "\n")
    assert said.startswith("note: 1 of 31 instances repeat another one exactly\n")
    assert len((tmp_path / "run/assignments.jsonl").read_text().splitlines()) == 31


def test_a_single_relation(relscout, good, fast):
    assert relscout("discover", good, *fast, "--relations", 1).out.startswith("1 relation (given)")


def test_as_many_relations_as_instances(relscout, good, fast):
    assert relscout("discover", good, *fast, "--relations", 30).out.startswith("30 relations (given)")


@pytest.mark.parametrize("relations", ["1", "auto"])
def test_a_single_instance(relscout, good, fast, tmp_path, relations):
    (tmp_path / "one.jsonl").write_text(good.read_text().splitlines()[0] + "\n")
    done = relscout("discover", tmp_path / "one.jsonl", *fast, "--relations", relations)
    assert "1 relation (" in done.out
    assert "in 1 instance of 1 entity pair" in done.out
