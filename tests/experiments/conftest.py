"""Small data folders and presets, on which an experiment takes no time worth mentioning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

PEOPLE = ("ada", "bob", "carl", "dora", "emil", "fred")
PHRASES = {"P19": "was born in", "P108": "works for", "P800": "wrote"}


def sentences(phrase: str, places: Iterable[str] = ("london", "paris")) -> list[dict[str, Any]]:
    """Return records of FewRel: everyone with every place."""
    records = []
    for person in PEOPLE:
        for place in places:
            tokens = [person, *phrase.split(), place, "."]
            ends = [[person, "Q1", [[0]]], [place, "Q2", [[len(tokens) - 2]]]]
            records.append({"tokens": tokens, "h": ends[0], "t": ends[1]})
    return records


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder for the protocol ``fewrel-nyt-unsupervised``: 36 instances of three relations."""
    folder = tmp_path / "data"
    (folder / "fewrel").mkdir(parents=True)
    written = {relation: sentences(phrase) for relation, phrase in PHRASES.items()}
    (folder / "fewrel" / "val_nyt.json").write_text(json.dumps(written))
    return folder


@pytest.fixture
def transfer_data(data: Path) -> Path:
    """A data folder for the protocols on pre-defined relations: 20 of them, and three novel ones."""
    novel = {relation: sentences(phrase) for relation, phrase in PHRASES.items()}
    (data / "fewrel" / "val_wiki.json").write_text(json.dumps(novel))
    names = {relation: [f"novel {relation}", "…"] for relation in PHRASES}
    (data / "fewrel" / "pid2name.json").write_text(json.dumps(names))
    (data / "wiki80").mkdir()
    for part, number in (("dev", 0), ("train_0.1", 1), ("train_0.1_untyped", 1)):
        lines = [
            opennre(f"relation {relation:02}", PEOPLE[number], f"verbs{relation}", place)
            for relation in range(20)
            for place in ("london", "paris")
        ]
        lines.append(opennre("novel P19", "emil", "was", f"rome{number}"))
        (data / "wiki80" / f"{part}.txt").write_text("".join(lines))
    return data


def opennre(relation: str, head: str, verb: str, tail: str) -> str:
    ends = {
        "h": {"name": head, "id": "Q1", "pos": [0, 1]},
        "t": {"name": tail, "id": "Q2", "pos": [2, 3]},
    }
    return json.dumps({"token": [head, verb, tail], **ends, "relation": relation}) + "\n"


@pytest.fixture
def description(tiny_bert: Path) -> dict[str, Any]:
    """What a preset's file says: two rows on a tiny encoder."""
    return {
        "title": "A small experiment",
        "protocol": "fewrel-nyt-unsupervised",
        "n_relations": "gold",
        "encoder": {"model": str(tiny_bert), "pooling": "sentence"},
        "settings": {"kmeans": {"start": "k-means++", "n_init": 1}},
        "rows": [
            {"name": "plain", "method": "kmeans", "kind": "frozen"},
            {"name": "spans", "method": "kmeans", "encoder": {"pooling": "span-mean"}},
        ],
        "seeds": [0, 1],
    }


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a preset's file."""

    def write(description: dict[str, Any] | str, name: str = "small.yaml") -> Path:
        text = description if isinstance(description, str) else yaml.safe_dump(description)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def taught(relation: str, verb: str, places: Iterable[int]) -> str:
    """Return lines of OpenNRE's format, each sentence another one."""
    return "".join(opennre(relation, "ada", verb, f"town{place}") for place in places)


@pytest.fixture
def supervised_data(data: Path) -> Path:
    """A data folder for the supervised protocols on SemEval and Wiki80: two relations, and ``Other``."""
    files = {"train_0.01": range(1), "train_0.1": range(2), "train": range(3), "dev": range(10, 11)}
    for folder, more in (("semeval", {"test": range(20, 22)}), ("wiki80", {})):
        (data / folder).mkdir()
        for part, places in {**files, **more}.items():
            several = [4 * place + step for place in places for step in range(4)]
            lines = (
                taught("born", "in", several[::2])
                + taught("Other", "saw", several[1::4])
                + taught("died", "at", several[3::4])
            )
            (data / folder / f"{part}.txt").write_text(lines)
    return data


def of_tacred(relation: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Return records of TACRED, each sentence another one."""
    return [
        {
            "id": f"{relation} {number}",
            "token": ["ada", relation.replace(" ", ""), "rome", f"no{number}", "."],
            "subj_start": 0,
            "subj_end": 0,
            "subj_type": "PERSON",
            "obj_start": 2,
            "obj_end": 2,
            "obj_type": ("CITY", "COUNTRY")[number % 2],
            "relation": relation,
        }
        for number in numbers
    ]


@pytest.fixture
def tacred_data(transfer_data: Path) -> Path:
    """A data folder with TACRED and FewRel's training relations, too.

    TACRED has three frequent relations with 12 instances each, ten rare ones with 6, and unrelated pairs, which are
    the most frequent; FewRel has four training relations.
    """
    sizes = (
        {"no_relation": 30} | {f"frequent {n}": 12 for n in range(3)} | {f"rare {n}": 6 for n in range(10)}
    )
    (transfer_data / "tacred").mkdir()
    for place, part in enumerate(("train", "dev", "test")):
        records = [
            record for name, size in sizes.items() for record in of_tacred(name, range(size)[place::3])
        ]
        (transfer_data / "tacred" / f"{part}.json").write_text(json.dumps(records))
    training = {f"P{1000 + n}": sentences(f"verb{n} of") for n in range(4)}
    (transfer_data / "fewrel_train").mkdir()
    (transfer_data / "fewrel_train" / "train_wiki.json").write_text(json.dumps(training))
    return transfer_data


def many_of_fewrel(data: Path) -> None:
    """Give three novel relations of FewRel 1,707 instances, more than are scored unseen."""
    ends = {"h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}
    novel = {
        relation: [{"tokens": ["ada", f"{relation}x{n}", "rome"], **ends} for n in range(569)]
        for relation in PHRASES
    }
    (data / "fewrel/val_wiki.json").write_text(json.dumps(novel))
