"""Random numbers that torch draws inside, from a stream of our own, so that training can go on as it would have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Dice:
    """Random numbers of our own, on every device that is used, in place of the program's.

    Args:
        seed: Where they start.
        devices: Where torch draws.
    """

    def __init__(self, seed: int, devices: Sequence[torch.device]) -> None:
        import torch

        self._states = {device: torch.Generator(device).manual_seed(seed).get_state() for device in devices}

    @contextmanager
    def thrown(self) -> Iterator[None]:
        """Let torch draw these numbers inside, and the program's own again behind it."""
        before = {device: _state(device) for device in self._states}
        for device, state in self._states.items():
            _set_state(device, state)
        try:
            yield
        finally:
            for device, state in before.items():
                self._states[device] = _state(device)
                _set_state(device, state)


def devices_of(optimizer: torch.optim.Optimizer) -> Sequence[torch.device]:
    """Return the devices that random numbers are drawn on while an optimizer's parameters train."""
    import torch

    used = {parameter.device for group in optimizer.param_groups for parameter in group["params"]}
    return [torch.device("cpu"), *sorted((device for device in used if device.type != "cpu"), key=str)]


def _state(device: torch.device) -> torch.Tensor:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()


def _set_state(device: torch.device, state: torch.Tensor) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)
