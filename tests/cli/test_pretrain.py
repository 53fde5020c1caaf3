from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relscout.instances import RelationInstance

Run = Callable[..., Any]


@pytest.fixture
def file(corpus: list[RelationInstance], tmp_path: Path) -> Path:
    """A file of instances of two relations."""
    path = tmp_path / "told.jsonl"
    told = [one for one in corpus if one.relation in ("spouse", "orbits")][::6]
    path.write_text(
        "".join(
            json.dumps(
                {
                    "text": one.text,
                    "head": {"start": one.head.start, "end": one.head.end},
                    "tail": {"start": one.tail.start, "end": one.tail.end},
                    "relation": one.relation,
                }
            )
            + "\n"
            for one in told
        )
    )
    return path


def test_an_encoder_is_pretrained_and_used(
    relscout: Run, file: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    pretrain = ("pretrain", "cp", file, "--encoder", tiny_bert, "--out", "mine", "--set", "steps=2,batch=4")
    done = relscout(*pretrain, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["steps"], told["pairs"]["relations"], told["mlm_head"]) == (2, 2, "fresh")
    assert "fresh one learns" in done.err
    assert sorted(place.name for place in tmp_path.iterdir() if not place.name.startswith(".")) == [
        "mine",
        "told.jsonl",
    ]
    found = relscout("discover", file, "--encoder", "mine", "--relations", "2", "--no-cache", "--json")
    assert (found.code, len(json.loads(found.out)["relations"])) == (0, 2)
    again = relscout(*pretrain)
    assert (again.code, again.out) == (2, "")
    assert "--overwrite" in again.err
    shown = relscout(*pretrain, "--overwrite")
    assert shown.out.splitlines()[-1].split()[0] == "1"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--set", "batch=1"], "batch is 1, expected at least 2"),
        (["--set", "speed=1"], "unknown setting 'speed'"),
        (["--preset", "papers"], "did you mean 'paper'"),
        (["--dtype", "float8"], "unknown dtype 'float8'"),
        (["--exclude", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_wrong_options_are_told_in_a_line(
    given: list[str], complaint: str, refused: Run, file: Path, tiny_bert: Path
) -> None:
    assert complaint in refused("pretrain", "cp", file, "--encoder", tiny_bert, "--out", "mine", *given)


def test_what_gives_no_pairs_is_told_in_a_line(refused: Run, file: Path, tiny_bert: Path) -> None:
    arguments = (file, "--encoder", tiny_bert, "--out", "mine")
    assert "0 have two or more" in refused("pretrain", "mtb", *arguments)
    assert "entity pair excluded" in refused("pretrain", "cp", *arguments, "--exclude", file)
