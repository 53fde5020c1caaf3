"""An optimizer's memory as arrays, so that training can go on behind an interruption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

_PREFIX = "optimizer."


def memory(optimizer: torch.optim.Optimizer) -> dict[str, NDArray[np.float32]]:
    """Return a copy of what the optimizer remembers of each parameter."""
    return {
        f"{_PREFIX}{number}.{name}": tensor.detach().cpu().float().numpy().copy()
        for number, entry in optimizer.state_dict()["state"].items()
        for name, tensor in entry.items()
    }


def restore_memory(optimizer: torch.optim.Optimizer, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Let the optimizer remember what :func:`memory` gave; other arrays are passed over."""
    import torch

    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in arrays.items():
        if key.startswith(_PREFIX):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = torch.from_numpy(array.copy())
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
