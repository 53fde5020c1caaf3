from __future__ import annotations

import pytest
import torch

from relscout.core.errors import SettingError
from relscout.encoders.settings import choose_device


def test_the_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_takes_what_is_there() -> None:
    found = choose_device("auto")
    assert torch.ones(1, device=found).sum() == 1


def test_a_cuda_device_that_is_not_there_is_refused() -> None:
    n_devices = torch.cuda.device_count()
    with pytest.raises(
        SettingError, match=f"device 'cuda:{n_devices}' was asked for, but torch sees {n_devices}"
    ):
        choose_device(f"cuda:{n_devices}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(SettingError, match="device 'cuda' was asked for, but torch sees 0 CUDA devices"):
        choose_device("cuda")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an MPS device")
def test_mps_is_refused_where_there_is_none() -> None:
    with pytest.raises(SettingError, match="device 'mps' was asked for, but torch sees none"):
        choose_device("mps")
