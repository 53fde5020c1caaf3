"""The training loop: a generator of steps, consumed by progress bars, reports and checkpoints alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from relscout.errors import DivergedError
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an optimizer.

    Args:
        epoch: Epoch it belongs to, from 0.
        number: Steps done so far, this one included.
        total: Steps of all epochs.
        loss: Loss of its batch.
        ends_epoch: Whether it is the last one of its epoch.
    """

    epoch: int
    number: int
    total: int
    loss: float
    ends_epoch: bool


def train(
    batches: Callable[[int], Sequence[Batch]],
    loss: Callable[[int, Batch], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    first_epoch: int = 0,
    warm_up: float = 0.1,
    falls: bool = True,
    clip: float | None = None,
    seed: int,
) -> Iterator[Step]:
    """Yield a step after it was taken.

    Random numbers that torch draws inside (dropout) come from a stream of each epoch's own, so that training resumed
    at an epoch goes on exactly as it would have; the program's other random numbers are left alone.

    Args:
        batches: Batches of an epoch; every epoch has as many.
        loss: Loss of a batch in an epoch.
        optimizer: Its learning rates are the highest ones; they rise linearly from 0 and fall linearly to 0,
            or stay.
        epochs: Number of epochs in all.
        first_epoch: Where to go on, if some are done.
        warm_up: Share of the steps in which learning rates rise, in [0, 1].
        falls: Whether learning rates fall behind that, or stay.
        clip: Longest gradient of all parameters together: longer ones are shortened to it; ``None`` leaves them.
        seed: Decides the streams.

    Raises:
        DivergedError: The loss is no longer a number.
    """
    highest = [group["lr"] for group in optimizer.param_groups]
    for epoch in range(first_epoch, epochs):
        planned = batches(epoch)
        total = epochs * len(planned)
        dice = _Dice(int(generator(seed, f"epoch {epoch}").integers(2**62)), _devices(optimizer))
        for place, batch in enumerate(planned):
            number = epoch * len(planned) + place + 1
            for group, rate in zip(optimizer.param_groups, highest, strict=True):
                group["lr"] = rate * _factor(number, total, warm_up, falls=falls)
            with dice.thrown():
                found = loss(epoch, batch)
                optimizer.zero_grad()
                found.backward()  # type: ignore[no-untyped-call]
                if clip is not None:
                    _shorten(optimizer, clip)
                optimizer.step()
            value = found.item()
            if value != value or value in (float("inf"), float("-inf")):
                raise DivergedError(
                    f"training diverged in step {number}: the loss is {value}; lower the learning rate"
                )
            yield Step(epoch, number, total, value, place + 1 == len(planned))
    for group, rate in zip(optimizer.param_groups, highest, strict=True):
        group["lr"] = rate


def _shorten(optimizer: torch.optim.Optimizer, longest: float) -> None:
    from torch.nn.utils import clip_grad_norm_

    clip_grad_norm_([one for group in optimizer.param_groups for one in group["params"]], longest)


def _factor(number: int, total: int, warm_up: float, *, falls: bool) -> float:
    rising = warm_up * total
    if number <= rising:
        return number / rising
    if not falls:
        return 1.0
    return (total - number + 1) / (total - rising + 1)


class _Dice:
    """Random numbers of our own, on every device that is used, in place of the program's."""

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


def _devices(optimizer: torch.optim.Optimizer) -> Sequence[torch.device]:
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
