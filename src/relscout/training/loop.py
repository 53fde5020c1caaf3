"""The training loop: a generator of steps, consumed by progress bars, reports and checkpoints alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from relscout.errors import DivergedError
from relscout.seeding import generator
from relscout.training.dice import Dice, devices_of

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
        dice = Dice(int(generator(seed, f"epoch {epoch}").integers(2**62)), devices_of(optimizer))
        for place, batch in enumerate(planned):
            number = epoch * len(planned) + place + 1
            for group, rate in zip(optimizer.param_groups, highest, strict=True):
                group["lr"] = rate * share_of_rate(number, total, rising=warm_up * total, falls=falls)
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


def share_of_rate(number: int, total: int, *, rising: float, falls: bool = True) -> float:
    """Return the share of the highest learning rate in a step: it rises linearly from 0 and falls linearly to 0.

    Args:
        number: The step, from 1.
        total: Steps in all.
        rising: Steps in which it rises, at least 0.
        falls: Whether it falls behind these, or stays.
    """
    if number <= rising:
        return number / rising
    if not falls:
        return 1.0
    return (total - number + 1) / (total - rising + 1)
