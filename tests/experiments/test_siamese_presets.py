"""The presets of Siamese URE on TACRED, which is licensed: run on a small stand-in for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.encoders import VectorCache
from relscout.lab.preset import preset
from relscout.lab.records import Record, read_records
from relscout.lab.runner import run_preset
from relscout.lab.schema import Preset
from relscout.lab.summaries import Measured
from relscout.lab.tables import probes_table, scores_table, sweep_table

#: Settings with which a method is fitted in a moment.
QUICK: dict[str, dict[str, Any]] = {
    "rel-lda": {"n_init": 1, "annotate": False},
    "march": {"epochs": 1, "annotate": False},
    "uie-pcnn": {"epochs": 1},
    "uie-bert": {"epochs": 1},
    "selfore": {"classification": False, "cluster_epochs": 1, "autoencoder_steps": 1},
    "eiure": {"epochs": 1, "annotate": False},
    "hiure": {"epochs": 1, "warm_up_epochs": 0, "granularities": "2", "queue": 8},
    "siamese": {"epochs": 1, "warm_up_epochs": 0, "predictor_width": 8, "neighbours": 3},
}


def small(name: str, encoder: Path, **changes: Any) -> Preset:
    """A preset with a tiny encoder, few epochs, and as many relations as the stand-in has pairs of entity types."""
    shipped = preset(name)
    rows = tuple(
        replace(row, settings={**row.settings, **(QUICK.get(row.method, {}) if row.kind == "method" else {})})
        for row in shipped.rows
    )
    encoding = {**shipped.encoder, "model": str(encoder)}
    return replace(shipped, rows=rows, encoder=encoding, figures=(), n_relations=2, **changes)


def run(experiment: Preset, data: Path, results: Path) -> list[Record]:
    return list(run_preset(experiment, data=data, results=results, seeds=[0], cache=VectorCache()))


def test_every_row_of_table_2_runs_on_a_stand_in(tiny_bert: Path, tacred_data: Path, tmp_path: Path) -> None:
    shipped, results = preset("siamese-tacred-paper"), tmp_path / "results.jsonl"
    assert shipped.n_relations == 10
    assert shipped.probes is not None
    probes = replace(shipped.probes, neighbours=(1, 3), shots=(1,))
    experiment = small(shipped.name, tiny_bert, probes=probes)
    records = [record for record in run(experiment, tacred_data, results) if record["kind"] != "trivial"]
    assert [record["row"] for record in records] == [row.name for row in shipped.rows]
    assert all((record["instances"], record["scored"]) == (96, 96) for record in records)
    assert {record["row"] for record in records} >= {published.row for published in shipped.published}
    measured = Measured(experiment, read_records(results))
    texts = {row[0].text: [cell.text for cell in row] for row in scores_table(measured, "raw").rows}
    for row, published in (("HiURE", "55.8"), ("Siamese", "59.5")):
        assert texts[row][1] != "–"
        assert any(text.startswith(published) for text in texts[row]), texts[row]
    probed = probes_table(measured)
    assert probed is not None
    assert "Siamese" in [row[0].text for row in probed.rows]


def test_the_table_on_nyt_fb_has_the_same_rows_with_the_same_settings() -> None:
    tacred, nytfb = (preset(f"siamese-{data}-paper") for data in ("tacred", "nytfb"))
    assert nytfb.rows == tacred.rows
    assert nytfb.settings == tacred.settings
    assert [published.row for published in nytfb.published] == [
        published.row for published in tacred.published
    ]
    assert not any(published.reference for published in nytfb.published)


@pytest.mark.parametrize(
    ("name", "setting", "values"),
    [
        ("siamese-tacred-dropout", "dropout", (0.01, 0.05, 0.1, 0.15, 0.2, 0.5)),
        ("siamese-tacred-neighbours", "neighbours", (5, 10, 20, 30, 40, 50)),
    ],
)
def test_the_sweeps_have_the_values_of_the_paper_and_run(
    name: str, setting: str, values: tuple[float, ...], tiny_bert: Path, tacred_data: Path, tmp_path: Path
) -> None:
    sweep = preset(name).sweep
    assert sweep is not None
    assert (sweep.setting, tuple(sweep.values)) == (setting, values)
    experiment, results = (
        small(name, tiny_bert, sweep=replace(sweep, values=values[:1])),
        tmp_path / "results.jsonl",
    )
    varied = [record for record in run(experiment, tacred_data, results) if record["variation"]]
    assert [record["variation"] for record in varied] == [{setting: values[0]}]
    shown = sweep_table(Measured(experiment, read_records(results)), "raw")
    assert shown is not None
    assert [row[1].text for row in shown.rows] == [str(values[0])]
