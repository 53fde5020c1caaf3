"""The presets of SelfORE on NYT+FB, each run on a small stand-in for the sample."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from relscout.core.errors import SettingError
from relscout.encoders import VectorCache
from relscout.lab.preset import preset
from relscout.lab.records import Record, read_records
from relscout.lab.runner import run_preset
from relscout.lab.schema import Preset
from relscout.lab.summaries import Measured
from relscout.lab.tables import names_tables, scores_table, sweep_table

QUICK = {
    "layers": "16-4",
    "autoencoder_steps": 10,
    "autoencoder_epochs": 1,
    "cluster_epochs": 2,
    "classifier_epochs": 2,
    "frozen_epochs": 1,
    "trained_layers": 1,
    "start": "k-means++",
}


@pytest.fixture
def nytfb(tmp_path: Path) -> Path:
    """A data folder with 24 sentences of NYT+FB, of three relations."""
    folder = tmp_path / "data" / "nyt_fb"
    folder.mkdir(parents=True)
    phrases = {0: "was born in", 1: "works for", 2: "died in the city of"}
    for part, people in (
        ("train", ("Ada", "Bob", "Carl", "Dora", "Emil")),
        ("validate", ("Fred", "Gus", "Hal")),
    ):
        lines = [
            (f"<e1:PERSON> {person} </e1:PERSON> {phrase} <e2:CITY> Rome </e2:CITY> .", relation)
            for person in people
            for relation, phrase in phrases.items()
        ]
        (folder / f"{part}_sentence.json").write_text(json.dumps([text for text, _ in lines]))
        (folder / f"{part}_label_id.json").write_text(json.dumps([relation for _, relation in lines]))
    return tmp_path / "data"


def small(name: str, encoder: Path, **changes: Any) -> Preset:
    """A preset of the rows of SelfORE with a tiny encoder, three relations and quick training."""
    shipped = preset(name)
    rows = tuple(
        replace(row, settings={**row.settings, **QUICK}) for row in shipped.rows if row.method == "selfore"
    )
    encoding = {"model": str(encoder), "pooling": "span-mean"}
    changes = {"sweep": None, "figures": (), "n_relations": 3, "encoder": encoding, **changes}
    return replace(shipped, rows=rows, settings={"selfore": shipped.settings["selfore"]}, **changes)


def run(experiment: Preset, data: Path, results: Path) -> list[Record]:
    rows = [row.name for row in experiment.rows]
    done = run_preset(experiment, data=data, results=results, seeds=[0], rows=rows, cache=VectorCache())
    return list(done)


def test_training_goes_on_until_few_pseudo_labels_change(
    tiny_bert: Path, nytfb: Path, tmp_path: Path
) -> None:
    experiment, results = small("selfore-nytfb-converged", tiny_bert), tmp_path / "results.jsonl"
    records = {record["row"]: record for record in run(experiment, nytfb, results)}
    assert list(records) == [
        "SelfORE w/o classification",
        "SelfORE w/o adaptive clustering",
        "SelfORE",
    ]
    for name in ("SelfORE w/o adaptive clustering", "SelfORE"):
        loops, stopped = (records[name]["report"][key] for key in ("loops", "stopped"))
        assert loops[-1]["changed"] < 0.1 or len(loops) == 20
        assert ("fewer than 10.0%" in stopped) == (loops[-1]["changed"] < 0.1)
    assert records["SelfORE w/o adaptive clustering"]["settings"]["adaptive"] is False
    mapped = scores_table(Measured(experiment, read_records(results)), "majority-mapped")
    published = [row[0].text for row in mapped.rows if row[0].text.endswith(", published")]
    assert "UIE-BERT, random start, published" in published


def test_our_names_stand_next_to_those_of_the_paper_and_gold_names(
    tiny_bert: Path, nytfb: Path, tmp_path: Path
) -> None:
    experiment, results = small("selfore-nytfb-converged", tiny_bert), tmp_path / "results.jsonl"
    run(replace(experiment, rows=experiment.rows[:1]), nytfb, results)
    measured = Measured(experiment, read_records(results))
    assert names_tables(measured, experiment.names) == [], "the preset lists the whole method only"
    (table,) = names_tables(measured)
    assert [column.title for column in table.columns] == [
        "extracted name",
        "most frequent n-gram",
        "size",
        "majority gold relation",
        "its share",
    ]
    assert sum(int(row[2].text) for row in table.rows) == 24
    assert {row[1].text for row in table.rows} <= {"was born in", "works for", "died in the city of"}


def test_the_sweep_over_pseudo_labels_covers_the_whole_method_and_both_ways_of_merging(
    tiny_bert: Path, nytfb: Path, tmp_path: Path
) -> None:
    shipped = preset("selfore-nytfb-khat")
    assert shipped.sweep is not None
    assert not any(shipped.settings_of(row).get("classification") is False for row in shipped.rows)
    sweep = replace(shipped.sweep, values=(8,))
    settings = {"selfore": {**shipped.settings["selfore"], "max_loops": 2}}
    experiment = replace(small("selfore-nytfb-khat", tiny_bert, sweep=sweep), settings=settings)
    results = tmp_path / "results.jsonl"
    records = run(experiment, nytfb, results)
    assert {record["settings"]["merge"] for record in records} == {"means", "centroids"}
    assert {record["report"]["pseudo_labels"] for record in records} == {3, 8}
    assert all(record["n_relations"] <= 3 for record in records)
    shown = sweep_table(Measured(experiment, read_records(results)), "raw")
    assert shown is not None
    assert [row[1].text for row in shown.rows] == ["8", "8"]


TABLE_1 = (
    ["rel-LDA", "rel-LDA-full", "March", "UIE-March", "UIE-PCNN", "UIE-BERT"],
    ["SelfORE w/o classification", "SelfORE w/o adaptive clustering", "SelfORE"],
)


@pytest.fixture
def trex(tmp_path: Path) -> Path:
    """A data folder with 24 sentences of T-REx, of three relations between entities that occur in several."""
    people, places = ("Ada", "Bob", "Carl", "Dora"), ("Rome", "Oslo")
    phrases = {"P19": "was born in", "P937": "works near", "P20": "died at"}
    documents = []
    for property, phrase in phrases.items():
        for person in people:
            for place in places:
                text = f"{person} {phrase} {place} ."
                start = text.index(place)
                entity = {"uri": "http://www.wikidata.org/entity/"}
                triple = {
                    "sentence_id": 0,
                    "predicate": {"uri": f"http://www.wikidata.org/prop/direct/{property}"},
                    "subject": {**entity, "boundaries": [0, len(person)], "surfaceform": person},
                    "object": {**entity, "boundaries": [start, start + len(place)], "surfaceform": place},
                }
                for end, name in (
                    ("subject", f"Q{people.index(person)}"),
                    ("object", f"Q9{places.index(place)}"),
                ):
                    triple[end]["uri"] += name
                documents.append(
                    {
                        "docid": text,
                        "text": text,
                        "sentences_boundaries": [[0, len(text)]],
                        "triples": [triple],
                    }
                )
    (tmp_path / "data" / "trex-spo").mkdir(parents=True)
    (tmp_path / "data" / "trex-spo" / "documents.json").write_text(json.dumps(documents))
    return tmp_path / "data"


@pytest.mark.parametrize("data", ["nytfb", "trex-spo", "trex-ds"])
def test_every_system_of_table_1_has_a_row_and_a_published_one(data: str) -> None:
    shipped = preset(f"selfore-{data}-paper")
    names = [name for part in TABLE_1 for name in part]
    assert [row.name for row in shipped.rows] == ["frozen + k-means", *names]
    assert [(published.row, published.reference) for published in shipped.published] == [
        (name, False) for name in names
    ]


def test_every_row_of_table_1_runs_on_a_stand_in_for_t_rex(
    tiny_bert: Path, trex: Path, tmp_path: Path
) -> None:
    quick = {name: {"epochs": 1, "annotate": False} for name in ("march", "uie-march")}
    quick |= {"rel-lda": {"n_init": 1, "annotate": False}, "selfore": {**QUICK, "max_loops": 1}}
    quick |= {name: {"epochs": 1} for name in ("uie-pcnn", "uie-bert")}
    shipped = preset("selfore-trex-spo-paper")
    rows = tuple(
        replace(row, settings={**row.settings, **quick[row.method]})
        for row in shipped.rows
        if row.name not in ("frozen + k-means", "SelfORE w/o classification")
    )
    encoding = {"model": str(tiny_bert), "marking": "markers", "pooling": "start"}
    changes: dict[str, Any] = {"sweep": None, "figures": (), "n_relations": 3, "encoder": encoding}
    records = run(replace(shipped, rows=rows, **changes), trex, tmp_path / "results.jsonl")
    assert [record["row"] for record in records] == [row.name for row in rows]
    assert all((record["instances"], record["scored"]) == (24, 24) for record in records)
    assert {relation["gold"] for record in records for relation in record["names"]} <= {"P19", "P937", "P20"}


def test_names_of_a_row_that_is_not_there_are_refused(tmp_path: Path) -> None:
    described = {
        "title": "Names",
        "protocol": "bundled",
        "n_relations": 3,
        "rows": [{"name": "plain", "method": "kmeans"}],
        "names": ["plian"],
    }
    (tmp_path / "names.yaml").write_text(yaml.safe_dump(described))
    with pytest.raises(SettingError, match=r"names.yaml.*unknown row 'plian': did you mean 'plain'\?"):
        preset(tmp_path / "names.yaml")
