"""The presets of RoCORE that need licensed or larger data, each run on a small stand-in for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.encoders import VectorCache
from relscout.lab.preset import learns_from_no_labels, preset
from relscout.lab.records import Record, read_records
from relscout.lab.runner import run_preset
from relscout.lab.schema import Preset
from relscout.lab.summaries import Measured
from relscout.lab.tables import scores_table, sweep_table

QUICK = {"layers": "16-4", "pretrain_epochs": 1, "epochs": 3, "stop_change": 0.0, "fresh_starts": 1}
TACRED = ["rocore-tacred-paper", "rocore-fewrel-to-tacred-paper"]


def small(name: str, encoder: Path, **changes: Any) -> Preset:
    """A preset with a tiny encoder and few epochs."""
    shipped = preset(name)
    rows = tuple(
        replace(row, settings={**row.settings, **QUICK}) for row in shipped.rows if row.method == "rocore"
    )
    settings = {name: values for name, values in shipped.settings.items() if name == "rocore"}
    encoding = {"model": str(encoder), "pooling": "span-max@2"}
    return replace(shipped, rows=rows, settings=settings, encoder=encoding, sweep=None, figures=(), **changes)


def run(experiment: Preset, data: Path, results: Path, rows: list[str] | None = None) -> list[Record]:
    done = run_preset(experiment, data=data, results=results, seeds=[0], rows=rows, cache=VectorCache())
    return list(done)


@pytest.mark.parametrize("name", TACRED)
def test_a_preset_on_tacred_scores_every_epoch_on_unseen_instances(
    name: str, tiny_bert: Path, tacred_data: Path, tmp_path: Path
) -> None:
    experiment, results = small(name, tiny_bert), tmp_path / "results.jsonl"
    (record,) = run(experiment, tacred_data, results, ["RoCORE"])
    assert (record["instances"], record["scored"]) == (51, 9)
    selected = record["scores"]["gold_selected"]
    curve = selected["epochs_b3_f1"]
    assert len(curve) == len(record["report"]["epochs"]) == 3
    assert selected["b3_f1"] == pytest.approx(max(curve), abs=1e-6)
    assert record["scores"]["last_epoch"]["b3_f1"] == pytest.approx(curve[-1], abs=1e-6)
    label_free = curve[record["report"]["kept_epoch"] - 1]
    assert record["scores"]["raw"]["b3_f1"] == pytest.approx(label_free, abs=1e-6)
    (row, *published) = scores_table(Measured(experiment, read_records(results)), "gold-selected").rows
    texts = [cell.text for cell in row]
    assert texts[:4] == [
        "RoCORE",
        *(f"{100 * b3:.1f}" for b3 in (curve[-1], label_free, selected["b3_f1"])),
    ]
    assert "RoCORE, published" in [line[0].text for line in published]


def test_ablations_have_the_columns_too(tiny_bert: Path, tacred_data: Path, tmp_path: Path) -> None:
    experiment = small("rocore-tacred-paper", tiny_bert)
    records = run(experiment, tacred_data, tmp_path / "results.jsonl")
    of_rocore = [record for record in records if record["method"] == "rocore"]
    assert [record["row"] for record in of_rocore] == [
        "RoCORE w/o center loss",
        "RoCORE w/o reconstruction",
        "RoCORE w/o CE",
        "RoCORE",
    ]
    assert all("last_epoch" in record["scores"] for record in of_rocore)


BASELINES = ["HAC", "RW-HAC", "VAE", "EType+", "SelfORE"]


@pytest.mark.parametrize("name", ["rocore-tacred-paper", "rocore-fewrel-full-paper", "rocore-fewrel-minilm"])
def test_the_baselines_of_table_2_learn_from_no_labels(name: str) -> None:
    without = [row.name for row in preset(name).rows if learns_from_no_labels(row)]
    assert without == ["frozen + k-means", *BASELINES]


def test_baselines_without_use_for_labels_run_next_to_rocore(
    tiny_bert: Path, tacred_data: Path, tmp_path: Path
) -> None:
    shipped = preset("rocore-tacred-paper")
    quick: dict[str, dict[str, Any]] = {
        "march": {"epochs": 1},
        "etype-plus": {"steps": 2, "n_init": 1},
        "selfore": {"classification": False, "cluster_epochs": 1, "autoencoder_steps": 1},
    }
    rows = tuple(replace(shipped.row(name), encoder={}) for name in BASELINES)
    # as many relations as the stand-in has pairs of entity types
    experiment = replace(small(shipped.name, tiny_bert), rows=rows, settings=quick, n_relations=2)
    records = run(experiment, tacred_data, tmp_path / "results.jsonl", BASELINES)
    assert [(record["row"], record["labeled"], record["scored"]) for record in records] == [
        (row, 0, 9) for row in BASELINES
    ]


def test_a_sweep_over_relations_keeps_the_number_of_instances(
    tiny_bert: Path, tacred_data: Path, tmp_path: Path
) -> None:
    shipped = preset("rocore-tacred-paper").sweep
    assert shipped is not None
    assert shipped.fixed == {"labeled.instances": 12000}
    fewer = replace(shipped, values=(2, 3), fixed={"labeled.instances": 20}, rows=("RoCORE",))
    results = tmp_path / "results.jsonl"
    experiment = replace(small("rocore-tacred-paper", tiny_bert), sweep=fewer)
    records = run(experiment, tacred_data, results, ["RoCORE"])
    assert [(record["labeled"], record["report"]["predefined"]) for record in records] == [
        (36, 3),
        (20, 2),
        (20, 3),
    ]
    shown = sweep_table(Measured(experiment, read_records(results)), "raw")
    assert shown is not None
    assert [row[1].text for row in shown.rows] == ["2", "3"]
    assert all(row[2].text != "–" for row in shown.rows)


@pytest.mark.parametrize("name", ["rocore-fewrel-full-paper", "rocore-tacred-to-fewrel-paper"])
def test_a_preset_on_fewrel_reads_the_labels_of_its_protocol(
    name: str, tiny_bert: Path, tacred_data: Path, tmp_path: Path
) -> None:
    from tests.experiments.conftest import many_of_fewrel

    many_of_fewrel(tacred_data)
    (record,) = run(small(name, tiny_bert), tacred_data, tmp_path / "results.jsonl", ["RoCORE"])
    assert (record["instances"], record["scored"]) == (107, 1600)
    assert record["labeled"] == {"rocore-fewrel-full-paper": 48}.get(name, 36)
    assert "gold_selected" in record["scores"]
    assert "choice" not in record["report"], (
        "a row is its own method, not what a comparison with k-means keeps"
    )


def test_the_rows_of_table_2_are_run_on_the_same_instances_as_rocore() -> None:
    shipped = preset("rocore-fewrel-minilm")
    methods = {row.name: row.method for row in shipped.rows}
    assert {
        name: methods[name] for name in ("VAE", "RW-HAC", "EType+", "SelfORE", "RSN", "RSN-BERT", "HAC")
    } == {
        "VAE": "march",
        "RW-HAC": "rw-hac",
        "EType+": "etype-plus",
        "SelfORE": "selfore",
        "RSN": "rsn",
        "RSN-BERT": "rsn",
        "HAC": "hac",
    }
    assert shipped.protocol == "fewrel-transfer"
    assert shipped.settings_of(shipped.row("RSN"))["reads"] == "words"
    assert not [one.row for one in shipped.published if one.reference]


def test_figure_4_stands_next_to_a_classifier_with_labels_of_all_relations(
    tiny_bert: Path, tacred_data: Path, tmp_path: Path
) -> None:
    shipped, of_fewrel = preset("rocore-tacred-incremental-paper"), preset("rocore-fewrel-incremental-paper")
    assert (shipped.rows, shipped.sweep) == (of_fewrel.rows, of_fewrel.sweep)
    assert shipped.settings["rocore"]["incremental"]
    assert shipped.sweep is not None
    quick = {"rocore": QUICK, "classifier": {"epochs": 1}}
    rows = tuple(replace(row, settings=quick[row.method]) for row in shipped.rows)
    encoding = {**shipped.encoder, "model": str(tiny_bert), "pooling": "span-max@2"}
    experiment = replace(
        shipped, rows=rows, encoder=encoding, figures=(), sweep=replace(shipped.sweep, values=(0.5,))
    )
    records = run(experiment, tacred_data, tmp_path / "results.jsonl", [row.name for row in rows])
    scores = {
        (record["row"], bool(record["variation"])): record["scores"]["open_world"] for record in records
    }
    assert set(scores) == {(row.name, varied) for row in rows for varied in (False, True)}
    assert all(0 <= found["novel_accuracy"] <= 1 for found in scores.values())
    labeled = {(record["row"], bool(record["variation"])): record["labeled"] for record in records}
    assert labeled["RoCORE", True] < labeled["RoCORE", False] < labeled["labels of all relations", False]
