from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from relscout.core.instances import Triple
from relscout.io.writers import write

MakeTriple = Callable[..., Triple]


def read_back(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_triple_is_one_object_with_its_provenance(tmp_path: Path, make_triple: MakeTriple) -> None:
    write(
        [make_triple(ids=("Q937", None), instance_id="7", source="a.txt, line 1")], tmp_path / "facts.jsonl"
    )
    assert read_back(tmp_path / "facts.jsonl") == [
        {
            "head": {"text": "Albert Einstein", "type": "PERSON", "entity_id": "Q937", "start": 0, "end": 15},
            "relation": "was born in",
            "relation_id": 0,
            "tail": {"text": "Ulm", "type": "CITY", "entity_id": None, "start": 28, "end": 31},
            "confidence": 0.75,
            "related": None,
            "polarity": "asserted",
            "phrase": "",
            "text": "Albert Einstein was born in Ulm.",
            "id": "7",
            "source": "a.txt, line 1",
            "document": "",
            "document_start": None,
        }
    ]


def test_every_character_comes_back(tmp_path: Path, nasty: str, nasty_triple: Triple) -> None:
    write([nasty_triple, nasty_triple], tmp_path / "facts.jsonl")
    first, second = read_back(tmp_path / "facts.jsonl")
    assert first == second
    assert first["text"] == nasty_triple.instance.text
    assert first["head"]["text"] == first["relation"] == first["id"] == first["source"] == nasty


def test_two_lone_surrogates_in_a_row_do_not_shift_the_offsets(
    tmp_path: Path, make_triple: MakeTriple
) -> None:
    write([make_triple("Zoe \ud83d\ude00")], tmp_path / "facts.jsonl")
    (record,) = read_back(tmp_path / "facts.jsonl")
    assert record["text"][record["tail"]["start"] : record["tail"]["end"]] == "Ulm"


def test_letters_are_written_as_they_are(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple("Zoë 李 \U0001f600")], tmp_path / "facts.jsonl")
    assert '"Zoë 李 \U0001f600"'.encode() in (tmp_path / "facts.jsonl").read_bytes()


def test_packed_lines_hold_the_same(tmp_path: Path, make_triple: MakeTriple) -> None:
    write([make_triple()], tmp_path / "facts.jsonl.gz")
    with gzip.open(tmp_path / "facts.jsonl.gz", "rt", encoding="utf-8") as lines:
        assert json.loads(lines.read())["relation"] == "was born in"


def test_a_packed_file_holds_no_time_of_day(tmp_path: Path) -> None:
    write([], tmp_path / "facts.jsonl.gz")
    modified = slice(4, 8)  # MTIME in RFC 1952
    assert (tmp_path / "facts.jsonl.gz").read_bytes()[modified] == bytes(4)


def test_no_triples_give_an_empty_file(tmp_path: Path) -> None:
    write([], tmp_path / "facts.jsonl")
    assert (tmp_path / "facts.jsonl").read_bytes() == b""
