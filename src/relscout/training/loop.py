"""The training loop: a generator of steps, and its batches, random numbers and learning rates."""

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


#: Sentences are sorted by length within so many batches: there is little padding, and batches still vary.
_WINDOW = 20


def batches_by_length(
    lengths: NDArray[np.int64], size: int, random: np.random.Generator, *, least: int = 1
) -> list[NDArray[np.int64]]:
    """Return the rows (B,), int64, of each batch of one pass. The number of batches is the same in every pass.

    Args:
        lengths: Number of tokens of each sentence (N,).
        size: Maximum number of sentences in a batch.
        random: Shuffles sentences and batches.
        least: Minimum number of sentences in a batch: a smaller batch is joined to another, which may exceed ``size``.
    """
    order = random.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), size * _WINDOW):
        window = order[start : start + size * _WINDOW]
        window = window[np.argsort(lengths[window], kind="stable")]
        batches += [window[begin : begin + size] for begin in range(0, len(window), size)]
    batches = [batches[place] for place in random.permutation(len(batches))]
    # only the last batch of the last window can be small
    small = [place for place, rows in enumerate(batches) if len(rows) < least]
    if small and len(batches) > 1:
        joined = batches.pop(small[0])
        batches[0] = np.concatenate([batches[0], joined])
    return batches


class RandomStream:
    """A stream of random numbers for torch, independent of the global random state.

    Args:
        seed: Random seed of the stream.
        devices: The devices on which torch draws.
    """

    def __init__(self, seed: int, devices: Sequence[torch.device]) -> None:
        import torch

        self._states = {device: torch.Generator(device).manual_seed(seed).get_state() for device in devices}

    @contextmanager
    def isolated_rng(self) -> Iterator[None]:
        """Let torch draw from this stream within the block, and restore the global random state afterwards."""
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
    """Return the CPU and the devices of an optimizer's parameters, on which training draws random numbers."""
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
        means = {name: round(float(np.mean(values)), 6) for name, values in self._values.items()}
        self._values.clear()
        return means


Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an optimizer.

    Args:
        epoch: Number of its epoch, from 0.
        number: Number of the step, from 1, over all epochs.
        total: Number of steps in all epochs.
        loss: Loss of its batch.
        ends_epoch: Whether it is the last step of its epoch.
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

    Each epoch has a random stream of its own for what torch draws (dropout), so that resumed training gives the same
    result. The global random state does not change.

    Args:
        batches: Returns the batches of an epoch; their number is the same in every epoch.
        loss: Returns the loss of a batch in an epoch.
        optimizer: The optimizer, with the highest learning rates. They increase linearly from 0, and then decrease
            linearly to 0 or stay constant.
        epochs: Number of epochs in all.
        first_epoch: The first epoch to train, above 0 when resuming.
        warm_up: Share of the steps in which learning rates increase, in [0, 1].
        falls: Whether learning rates decrease after that.
        clip: Maximum norm of the gradient of all parameters together; ``None`` does not clip.
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
                objective = loss(epoch, batch)
                optimizer.zero_grad()
                objective.backward()  # type: ignore[no-untyped-call]
                if clip is not None:
                    _clip_gradient(optimizer, clip)
                optimizer.step()
            value = objective.item()
            if value != value or value in (float("inf"), float("-inf")):
                raise DivergedError(
                    f"training diverged in step {number}: the loss is {value}; lower the learning rate"
                )
            yield Step(epoch, number, total, value, place + 1 == len(planned))
    for group, rate in zip(optimizer.param_groups, highest, strict=True):
        group["lr"] = rate


def _clip_gradient(optimizer: torch.optim.Optimizer, max_norm: float) -> None:
    from torch.nn.utils import clip_grad_norm_

    clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], max_norm)


def share_of_rate(number: int, total: int, *, rising: float, falls: bool = True) -> float:
    """Return the learning rate of a step as a share of the highest one, in [0, 1].

    Args:
        number: Number of the step, from 1.
        total: Number of steps.
        rising: Number of steps in which it increases linearly from 0, at least 0.
        falls: Whether it decreases linearly to 0 after these; otherwise it stays constant.
    """
    if number <= rising:
        return number / rising
    if not falls:
        return 1.0
    return (total - number + 1) / (total - rising + 1)
