"""The presets of "Learning from Context or Names?", each run end to end on small data with a random model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.lab import learners
from relscout.lab.preset import preset, presets
from relscout.lab.protocols import PROTOCOLS
from relscout.lab.records import read_records
from relscout.lab.runner import run_preset
from relscout.lab.summaries import Measured
from relscout.lab.tables import supervised_table

PAPER = [name for name in presets() if name.startswith("names-") and name.endswith("-paper")]
#: Settings with which a method is fitted in a moment.
QUICK: dict[str, dict[str, Any]] = {
    "fewshot": {"iterations": 2, "check_every": 2, "train_ways": 2},
    "fewshot-cnn": {"iterations": 2, "check_every": 2, "train_ways": 2, "train_shots": 1, "train_queries": 1},
    "classifier": {"epochs": 1, "least_steps": 0},
    "cnn": {"epochs": 1, "least_steps": 0, "dimension": 8, "word_dimension": 4, "position_dimension": 2},
}
#: The tagger is for English.
REST = ("and", "it", "was", "in", "the", "night", "of", "day")
ENDS = {"h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}


def fewrel(relations: list[str], count: int) -> str:
    """FewRel's JSON: some relations, each with a verb of its own."""
    written = {
        name: [{"tokens": ["ada", name.lower(), "rome", f"{place}"], **ENDS} for place in range(count)]
        for name in relations
    }
    return json.dumps(written)


def opennre(part: str) -> str:
    """OpenNRE's lines: two relations with four sentences of each."""
    spans = {"h": {"name": "ada", "pos": [0, 1]}, "t": {"name": "rome", "pos": [2, 3]}}
    lines = [
        json.dumps({"token": ["ada", verb, "rome", *REST, f"{part}{place}"], **spans, "relation": verb})
        for verb in ("saw", "left")
        for place in range(4)
    ]
    return "\n".join(lines)


def tacred(part: str) -> str:
    spans = {"subj_start": 0, "subj_end": 0, "obj_start": 2, "obj_end": 2}
    types = {"subj_type": "PERSON", "obj_type": "CITY"}
    records = [
        {
            "id": f"{part}{verb}{place}",
            "token": ["ada", verb, "rome", *REST, f"{place}"],
            "relation": verb,
            **spans,
            **types,
        }
        for verb in ("no_relation", "lives")
        for place in range(4)
    ]
    return json.dumps(records)


def chemprot(part: str) -> str:
    lines = [
        json.dumps({"text": f"<< aspirin >> {verb} [[ cox ]] {part} {place}", "label": verb, "metadata": []})
        for verb in ("blocks", "binds")
        for place in range(4)
    ]
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder for every supervised and few-shot protocol."""
    written = {
        "fewrel/val_wiki.json": fewrel([f"P{number}" for number in range(10)], 6),
        "fewrel/pid2name.json": json.dumps({f"P{number}": [f"novel {number}", ""] for number in range(10)}),
        "fewrel_train/train_wiki.json": fewrel(["P90", "P91"], 4),
        "fewrel_pubmed/val_pubmed.json": fewrel([f"causes_{number}" for number in range(10)], 6),
    }
    for name in ("semeval", "chemprot", "wiki80"):
        for part in ("train_0.01", "train_0.1", "train_0.1_untyped", "train", "dev", "test"):
            written[f"{name}/{part}.txt"] = chemprot(part) if name == "chemprot" else opennre(part)
    for part in ("train", "dev", "test"):
        written[f"tacred/{part}.json"] = tacred(part)
    for part in ("train", "val"):
        written[f"wiki80_full/wiki80_{part}.txt"] = opennre(part)
    for place, text in written.items():
        (tmp_path / "data" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / place).write_text(text)
    return tmp_path / "data"


@pytest.mark.parametrize(
    "name", [*PAPER, "names-fewrel2", "names-encoders", "names-cnn", "names-fewshot-cnn"]
)
def test_a_preset_runs_with_a_small_model_in_place_of_each_encoder(
    name: str, folder: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    shipped = preset(name)
    assert not [file for each in shipped.each() for file in PROTOCOLS[each.protocol].missing(folder)]
    given = dict.fromkeys(shipped.given_names, str(tiny_bert))
    small = replace(
        shipped,
        protocols=shipped.protocols[:1],
        rows=tuple(
            replace(
                row,
                settings={**row.settings, **(QUICK[row.method] if row.kind != "frozen" else {})},
                encoder={
                    "pooling": "start",
                    **row.encoder,
                    "model": shipped.encoder_of(row).get("model", str(tiny_bert)),
                },
            )
            for row in shipped.rows
        ),
    )
    # bert-base-uncased is replaced by a copy, as from the command line
    copies = any(row.encoder["model"] == "bert-base-uncased" for row in small.rows)
    results = tmp_path / "results.jsonl"
    chosen = [small.rows[0].name, small.rows[-1].name]
    waiting = any(row.encoder["model"] == "given" for row in small.rows)
    records = list(
        run_preset(
            small,
            data=folder,
            results=results,
            seeds=small.seeds[:1],
            rows=chosen,
            encoder={**given, **({"": str(tiny_bert)} if copies or waiting else {})},
        )
    )
    assert [record["row"] for record in records] == chosen
    assert all(record["seed"] == shipped.seeds[0] for record in records)
    (under, *_) = small.each()
    table = supervised_table(Measured(under, read_records(results)))
    printed = {row[0].text: row[1].text for row in table.rows}
    assert all(float(printed[row].split()[0]) >= 0 for row in chosen)


@pytest.mark.parametrize("name", PAPER)
def test_the_seeds_are_those_of_the_paper(name: str) -> None:
    """Five seeds for supervised tasks, and a single run with 10,000 episodes for few-shot (appendix B)."""
    few_shot = PROTOCOLS[preset(name).protocol].kind == "few-shot"
    assert preset(name).seeds == ((42,) if few_shot else (42, 43, 44, 45, 46))
    assert learners.N_EPISODES == 10_000


def test_few_shot_settings_are_those_of_the_paper() -> None:
    """Section 4.1 and table 10: dot products of hidden states, four episodes in a step."""
    for name in ("names-fewshot-paper", "names-fewrel2-paper"):
        settings = preset(name).settings["fewshot"]
        assert (settings["similarity"], settings["unit_length"], settings["train_batch"]) == ("dot", False, 4)
        row = preset(name).row("BERT, C+M, [CLS], Euclid")
        assert (row.settings["similarity"], row.encoder["pooling"]) == ("euclid", "cls")
