"""Formats in which every pair is judged: ``--pairs all``."""

from __future__ import annotations

import json

import pytest

ROWS = (
    ("Anna Berg", "Oslo", "Carl Dahl"),
    ("Maria Costa", "Rome", "John Miller"),
    ("Peter Novak", "Paris", "Laura Rossi"),
    ("Ida Kron", "Berlin", "Hugo Marsh"),
    ("Eva Lind", "Vienna", "Otto Brandt"),
)


def record(person: str, town: str, other: str) -> dict:
    tokens = [*person.split(), "was", "born", "in", town, ",", "as", *other.split(), "says", "."]
    return {
        "tokens": tokens,
        "entities": [
            {"type": "Peop", "start": 0, "end": 2},
            {"type": "Loc", "start": 5, "end": 6},
            {"type": "Peop", "start": 8, "end": 10},
        ],
        "relations": [{"type": "Born_In", "head": 0, "tail": 1}],
    }


@pytest.fixture
def judged(tmp_path):
    (tmp_path / "judged.json").write_text(json.dumps([record(*row) for row in ROWS]))
    return tmp_path / "judged.json"


def assigned(run) -> list[dict]:
    return [json.loads(line) for line in (run / "assignments.jsonl").read_text().splitlines()]


def test_pairs_with_a_relation_are_read_and_none_left_out(relscout, judged, fast, tmp_path):
    done = relscout("discover", judged, *fast, "--no-cache", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    found = assigned(tmp_path / "run")
    assert len(found) == 5
    assert all(one["relation_id"] >= 0 and one["related"] is None for one in found)


def test_all_pairs_are_read_and_those_without_a_relation_left_out(relscout, judged, fast, tmp_path):
    options = ("--pairs", "all", "--precision", 0.6, "--no-cache", "--out", tmp_path / "run")
    done = relscout("discover", judged, *options, *fast)
    assert done.code == 0, done.err
    found = assigned(tmp_path / "run")
    assert len(found) == 15
    assert all(0 < one["related"] < 1 for one in found)
    assert any(one["relation_id"] == -1 for one in found)
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert run["relatedness"]["precision"] == 0.6
    triples = [json.loads(line) for line in (tmp_path / "run/triples.jsonl").read_text().splitlines()]
    # what each sentence says is kept
    assert {(person, town) for person, town, _ in ROWS} <= {
        (one["head"]["text"], one["tail"]["text"]) for one in triples
    }


def test_all_pairs_of_a_format_that_is_not_judged_are_refused(refused, good):
    said = refused("discover", good, "--pairs", "all", "--no-cache")
    assert "pairs 'all' is for formats in which every pair is judged" in said
    assert "but the file is jsonl; leave it out" in said


def test_convert_writes_the_pairs_without_a_relation_too(relscout, tmp_path):
    sentence = {
        "tokens": ["Anna", "met", "Omar", "in", "Rome", "."],
        "entities": [
            {"type": "Peop", "start": 0, "end": 1},
            {"type": "Peop", "start": 2, "end": 3},
            {"type": "Loc", "start": 4, "end": 5},
        ],
        "relations": [{"type": "Live_In", "head": 1, "tail": 2}],
    }
    (tmp_path / "judged.json").write_text(json.dumps([sentence]))
    done = relscout("convert", tmp_path / "judged.json", "--pairs", "all", "--out", tmp_path / "all.jsonl")
    assert done.code == 0, done.err
    relations = [json.loads(line)["relation"] for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert sorted(relations) == ["Live_In", "no_relation", "no_relation"]
