"""The training loop: a generator of steps, with its batches, random numbers, optimizer state and terms of the loss."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import DivergedError
from relscout.core.seeding import generator

if TYPE_CHECKING:
    import torch


#: Batches among which sentences are sorted by length, so that little is padded and batches still vary.
_WINDOW = 20


def batches_by_length(
    lengths: NDArray[np.int64], size: int, random: np.random.Generator, *, least: int = 1
) -> list[NDArray[np.int64]]:
    """Return rows (B,), int64, of each batch of one pass; there are equally many in every pass.

    Args:
        lengths: Tokens of each sentence (N,).
        size: Most sentences in a batch.
        random: Shuffles sentences and batches.
        least: Fewest sentences in a batch, as far as there are so many: a smaller one joins another.
    """
    order = random.permutation(len(lengths))
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(order), size * _WINDOW):
        window = order[start : start + size * _WINDOW]
        window = window[np.argsort(lengths[window], kind="stable")]
        found += [window[begin : begin + size] for begin in range(0, len(window), size)]
    found = [found[place] for place in random.permutation(len(found))]
    # all but the last batch of the last window are whole
    small = [place for place, rows in enumerate(found) if len(rows) < least]
    if small and len(found) > 1:
        joined = found.pop(small[0])
        found[0] = np.concatenate([found[0], joined])
    return found


class RandomStream:
    """A stream of random numbers, on every device that is used, independent of the program's own.

    Args:
        seed: Random seed of the stream.
        devices: The devices on which torch draws.
    """

    def __init__(self, seed: int, devices: Sequence[torch.device]) -> None:
        import torch

        self._states = {device: torch.Generator(device).manual_seed(seed).get_state() for device in devices}

    @contextmanager
    def isolated_rng(self) -> Iterator[None]:
        """Within the block, let torch draw from this stream; restore the program's random state afterwards."""
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


class Terms:
    """Accumulates the terms of a loss."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, loss: torch.Tensor) -> torch.Tensor:
        """Record a term, a scalar, and return it."""
        self._values[name].append(loss.item())
        return loss

    def means(self) -> dict[str, float]:
        """Return the mean of each term since the last call."""
        found = {name: round(float(np.mean(values)), 6) for name, values in self._values.items()}
        self._values.clear()
        return found


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
    """Train, and yield each step after it was taken.

    Random numbers that torch draws inside (dropout) come from a stream of each epoch's own, so that training resumed at
    an epoch continues exactly as it would have; the program's other random numbers are unaffected.

    Args:
        batches: Batches of an epoch; every epoch has as many.
        loss: Loss of a batch in an epoch.
        optimizer: Its learning rates are the highest ones; they rise linearly from 0 and fall linearly to 0,
            or stay.
        epochs: Number of epochs in all.
        first_epoch: The first epoch to train, above 0 when resuming.
        warm_up: Share of the steps in which learning rates rise, in [0, 1].
        falls: Whether learning rates fall after that, or stay.
        clip: Largest norm of the gradient of all parameters together: larger ones are scaled down to it; ``None``
            leaves them.
        seed: Random seed of the streams.

    Raises:
        DivergedError: The loss is no longer a number.
    """
    highest = [group["lr"] for group in optimizer.param_groups]
    for epoch in range(first_epoch, epochs):
        planned = batches(epoch)
        total = epochs * len(planned)
        stream = RandomStream(int(generator(seed, f"epoch {epoch}").integers(2**62)), devices_of(optimizer))
        for place, batch in enumerate(planned):
            number = epoch * len(planned) + place + 1
            for group, rate in zip(optimizer.param_groups, highest, strict=True):
                group["lr"] = rate * share_of_rate(number, total, rising=warm_up * total, falls=falls)
            with stream.isolated_rng():
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
        falls: Whether it falls after these, or stays.
    """
    if number <= rising:
        return number / rising
    if not falls:
        return 1.0
    return (total - number + 1) / (total - rising + 1)
