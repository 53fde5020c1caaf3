from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from relscout.core.errors import ArtifactError, SettingError
from relscout.core.instances import RelationInstance
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.pretraining import pretrain
from relscout.pretraining.trainer import Alone, Together, check_batch, check_same_step, processes

pytest.importorskip("accelerate")

SETTINGS = {"steps": 3, "batch": 5, "learning_rate": 1e-3, "micro_batch": 4}
TOGETHER = """
import sys
from pathlib import Path

from relscout import bundled_corpus
from relscout.encoders import EncoderSettings, TransformerEncoder
from relscout.pretraining import pretrain

told = [one for one in bundled_corpus() if one.relation in ("spouse", "orbits")][::5]
read_by = EncoderSettings(sys.argv[1], "C+M", "start", 64)
done = pretrain(told, TransformerEncoder(read_by), settings={settings}, out=Path(sys.argv[2]))
assert done.report["processes"] == 2
"""


def test_two_processes_learn_what_one_does(
    without_dropout: Path, corpus: list[RelationInstance], tmp_path: Path
) -> None:
    told = [one for one in corpus if one.relation in ("spouse", "orbits")][::5]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    out = tmp_path / "out"
    program = TOGETHER.format(settings=SETTINGS)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, without_dropout, out],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "ACCELERATE_USE_CPU": "true"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    complaints = [one.communicate(timeout=300)[1] for one in running]
    assert [one.returncode for one in running] == [0, 0], complaints
    together = TransformerEncoder(EncoderSettings(str(out), "C+M", "start", 64))
    read_by = EncoderSettings(str(without_dropout), "C+M", "start", 64)
    alone = pretrain(told, TransformerEncoder(read_by), settings=SETTINGS).encoder
    before = TransformerEncoder(read_by).encode(told)
    assert np.allclose(together.encode(told), alone.encode(told), atol=1e-5)
    assert not np.allclose(before, alone.encode(told), atol=1e-2)


class Fellows(Alone):
    """One of two processes, whose fellow tells what is given here."""

    rank, count = 0, 2

    def __init__(self, other: int) -> None:
        super().__init__(torch.device("cpu"))
        self._other = other

    def gather(self, mine: torch.Tensor, n: int) -> torch.Tensor:
        assert n == self.count
        return torch.cat([mine, torch.full_like(mine, self._other)])


def test_processes_that_would_go_on_from_different_steps_are_refused() -> None:
    check_same_step(7, Fellows(7))
    with pytest.raises(
        ArtifactError, match=r"different steps \(0, 7\): not all of them see the same checkpoints"
    ):
        check_same_step(7, Fellows(0))


def test_a_batch_smaller_than_the_processes_is_refused() -> None:
    check_batch(2, Fellows(0))
    with pytest.raises(SettingError, match="batch is 1, but 2 processes share it"):
        check_batch(1, Fellows(0))


def test_accelerate_is_asked_where_it_was_launched_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "ACCELERATE_MIXED_PRECISION"):
        monkeypatch.delenv(name, raising=False)
    cpu = torch.device("cpu")
    assert isinstance(processes(cpu), Alone)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    found = processes(cpu)
    assert isinstance(found, Together)
    assert (found.count, found.dtype) == (1, "bfloat16")
    rows = torch.arange(6.0).reshape(3, 2)
    assert torch.equal(found.gather(rows, 3), rows)
