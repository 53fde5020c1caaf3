"""The presets of a model of BERT-base's size, each run with a random model of as many layers in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relscout.core.errors import SettingError
from relscout.lab.preset import preset, presets
from relscout.lab.records import read_records
from relscout.lab.runner import run_preset
from relscout.lab.summaries import Measured

BASE = [name for name in presets() if name.endswith("-base")]
MODEL = "sentence-transformers/all-mpnet-base-v2"
CLUSTERS = {"layers": "16-8", "autoencoder_steps": 2, "cluster_epochs": 1, "start": "k-means++"}
#: Settings with which a method is fitted in a moment.
QUICK: dict[str, dict[str, Any]] = {
    "kmeans": {"start": "k-means++", "n_init": 1},
    "selfore": CLUSTERS | {"classifier_epochs": 1, "frozen_epochs": 0, "max_loops": 1},
    "siamese": {
        "epochs": 1,
        "warm_up_epochs": 0,
        "neighbours": 3,
        "predictor_width": 16,
        "start": "k-means++",
    },
    "hiure": {"epochs": 1, "warm_up_epochs": 0, "granularities": "2-4", "start": "k-means++"},
    "rocore": {"layers": "16-8", "pretrain_steps": 2, "epochs": 1, "epoch_steps": 2, "start": "k-means++"},
    "transfer": CLUSTERS | {"supervised_layers": 1, "supervised_steps": 2, "known_fnr": 0.5, "neighbours": 3},
    "fewshot": {"iterations": 2, "check_every": 2, "trained_layers": 1, "train_ways": 4},
    "classifier": {"epochs": 1, "least_steps": 1, "trained_layers": 1},
}


@pytest.fixture(scope="module")
def deep_bert(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random BERT of 12 layers and 32 dimensions."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("models") / "all-mpnet-base-v2"
    shutil.copytree(tiny_bert, folder)
    config = BertConfig.from_pretrained(tiny_bert, num_hidden_layers=12)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture
def all_data(transfer_data: Path) -> Path:
    """A data folder for all protocols: ten novel relations, and SemEval with two relations and ``Other``."""
    ends = {"h": ["ada", "Q1", [[0]]], "t": ["rome", "Q2", [[2]]]}
    novel = {
        f"P{n}": [{"tokens": ["ada", f"verb{n}", "rome", str(i)], **ends} for i in range(6)]
        for n in range(10)
    }
    (transfer_data / "fewrel/val_wiki.json").write_text(json.dumps(novel))
    names = {name: [f"novel {name}", "…"] for name in novel}
    (transfer_data / "fewrel/pid2name.json").write_text(json.dumps(names))
    (transfer_data / "semeval").mkdir()
    spans = {"h": {"name": "ada", "pos": [0, 1]}, "t": {"name": "rome", "pos": [2, 3]}}
    for part in ("train_0.01", "train_0.1", "train", "dev", "test"):
        lines = [
            json.dumps({"token": ["ada", verb, "rome", f"{part}{i}"], **spans, "relation": relation})
            for relation, verb in (
                ("Cause-Effect(e1,e2)", "saw"),
                ("Other", "left"),
                ("Member(e1,e2)", "met"),
            )
            for i in range(3)
        ]
        (transfer_data / "semeval" / f"{part}.txt").write_text("\n".join(lines))
    return transfer_data


def test_there_is_one_for_each_method() -> None:
    methods = {row.method for name in BASE for row in preset(name).rows}
    assert methods == {*QUICK}


@pytest.mark.parametrize("name", BASE)
def test_it_runs_with_a_copy_of_the_model_in_a_folder(
    name: str, deep_bert: Path, all_data: Path, tmp_path: Path
) -> None:
    shipped = preset(name)
    assert {str(shipped.encoder_of(row)["model"]) for row in shipped.rows} == {MODEL}
    # the test instances of the protocol are more than there are here
    protocol = "dev-transfer-A" if shipped.protocol == "fewrel-transfer" else shipped.protocol
    rows = [
        replace(
            row, settings=dict(row.settings) | QUICK[row.method] if row.kind != "frozen" else row.settings
        )
        for row in shipped.rows
    ]
    small = replace(shipped, protocol=protocol, protocols=shipped.protocols[:1], rows=tuple(rows), figures=())
    small = replace(small, n_relations=None if shipped.n_relations is None else 3)
    results = tmp_path / "results.jsonl"
    last = shipped.rows[-1].name
    (record,) = run_preset(
        small, data=all_data, results=results, seeds=[0], rows=[last], encoder=str(deep_bert)
    )
    assert record["encoder"] is not None
    assert record["encoder"]["model"] == str(deep_bert)
    assert all(score is not None for score in record["scores"].values())
    (summary,) = [one for one in Measured(small, read_records(results)).table() if one.row == last]
    assert summary.outdated == [], "a copy of the model is no other model"


def test_bundled_encoders_are_not_replaced() -> None:
    with pytest.raises(SettingError, match="no row of preset 'kmeans-fewrel' needs an encoder"):
        preset("kmeans-fewrel").with_encoders({"": "mine"})


def test_rows_that_wait_for_an_encoder_are_the_only_ones_that_get_it() -> None:
    given = preset("names-semeval").with_encoders({"": "mine"})
    assert {row.name for row in given.rows if row.encoder.get("model") == "mine"} == {
        "own encoder, C+M",
        "own encoder, OnlyC",
        "own encoder, OnlyM",
    }
