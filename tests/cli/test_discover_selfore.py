"""A method that trains, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

QUICK = (
    "layers=16-4,autoencoder_steps=20,autoencoder_epochs=1,cluster_epochs=2,max_loops=2,stop_change=0,"
    "classifier_epochs=2,frozen_epochs=1,trained_layers=1,training_dtype=float32"
)


@pytest.fixture(scope="session")
def training(tiny_bert: Path, encoder_config: Callable[..., Path]) -> Sequence[object]:
    """Options of a discovery that trains for a moment."""
    encoder = (
        "--encoder",
        tiny_bert,
        "--encoder-config",
        encoder_config(pooling="sentence"),
        "--relations",
        2,
    )
    return (*encoder, "--method", "selfore", "--set", QUICK)


def test_settings_reach_the_method(relscout, good, training, tmp_path):
    done = relscout("discover", good, *training, "--json", "--out", tmp_path / "run")
    told = json.loads(done.out)
    assert done.code == 0
    assert (told["method"], told["settings"]["layers"], told["settings"]["max_loops"]) == (
        "selfore",
        "16-4",
        2,
    )
    assert [len(loop["classification_loss"]) for loop in told["loops"]] == [2, 0]
    assert told["stopped"] == "after 2 loops, the most that were allowed"
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"model", "run.json", "relations.jsonl"}


def test_a_saved_run_extracts_with_the_encoder_that_was_trained(relscout, good, training, tmp_path):
    relscout("discover", good, *training, "--out", tmp_path / "run")
    done = relscout("extract", tmp_path / "run", good)
    assert done.code == 0, done.err
    extracted = [json.loads(line) for line in done.out.splitlines()]
    assigned = [
        json.loads(line) for line in (tmp_path / "run" / "assignments.jsonl").read_text().splitlines()
    ]
    assert [one["relation_id"] for one in extracted] == [one["relation_id"] for one in assigned]


def test_work_in_progress_is_kept_next_to_the_vectors_and_leaves_nothing(relscout, good, training, tmp_path):
    assert relscout("discover", good, *training).code == 0
    assert list((tmp_path / ".cache" / "relscout" / "checkpoints").iterdir()) == []
    assert relscout("discover", good, *training, "--cache", tmp_path / "here" / "vectors.db").code == 0
    assert list((tmp_path / "here" / "checkpoints").iterdir()) == []


def test_without_a_cache_nothing_is_kept(relscout, good, training, tmp_path):
    assert relscout("discover", good, *training, "--no-cache").code == 0
    assert list(tmp_path.iterdir()) == []


def test_the_same_command_finds_the_same(relscout, good, training, tmp_path):
    for name in ("first", "second"):
        relscout("discover", good, *training, "--no-cache", "--out", tmp_path / name)
    first, second = ((tmp_path / name / "triples.jsonl").read_bytes() for name in ("first", "second"))
    assert first == second


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("loops=2", "unknown setting 'loops': did you mean 'max_loops'?"),
        ("layers=500x200", "layers is '500x200', expected whole numbers from 1 to 9,999 joined by '-'"),
        ("trained_layers=9", "trained_layers is 9, but the pooling 'sentence' reads 3 layers"),
        ("n_clusters=31", "n_clusters is 31, but there are only 30 instances"),
        ("n_clusters=1", "n_clusters is 1, but 2 relations were asked for"),
        ("adaptive=perhaps", "adaptive is 'perhaps', expected true or false"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting, complaint, refused, good, training):
    *others, quick = training
    name = setting.partition("=")[0]
    kept = [piece for piece in quick.split(",") if not piece.startswith(f"{name}=")]
    assert complaint in refused("discover", good, *others, ",".join([*kept, setting]), "--no-cache")
