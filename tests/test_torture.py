"""A few kills and damages of those that ``make torture`` makes by the hundred."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.damage import Damaging
from benchmarks.torture import records
from relscout import discover, read
from relscout.encoders import EncoderSettings, TransformerEncoder

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_kills_leave_nothing_half_written() -> None:
    command = [sys.executable, "-m", "benchmarks.torture", "--kills", "2", "--only", "convert", "datasets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 kills") == 3


def test_damages_are_noticed_or_do_no_harm(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(records(["Ada", "Bob", "Carl"])), encoding="utf-8")
    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence"))
    for seed in (0, 1):
        discover(read(corpus), n_relations=2, encoder=encoder, seed=seed).save(tmp_path / str(seed))
    (tmp_path / "copies").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    damaging = Damaging(tmp_path / "0", tmp_path / "1", corpus, tmp_path / "copies")
    chance = random.Random(0)
    outcomes = [damaging.trial(chance) for _ in range(15)]
    assert [wrong for _, wrong in outcomes if wrong is not None] == []
    assert {outcome for outcome, _ in outcomes} == {"error", "right"}
