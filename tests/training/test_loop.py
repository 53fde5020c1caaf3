from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relscout.core.errors import SettingError
from relscout.training.loop import Step, train

Loss = Callable[[int, int], torch.Tensor]


class Line:
    """One weight that is pulled to 3, through noise that torch draws."""

    def __init__(self, *, rate: float = 0.1, noise: float = 0.5) -> None:
        self.weight = torch.zeros(1, requires_grad=True)
        self.optimizer = torch.optim.AdamW([self.weight], lr=rate)
        self.noise = noise
        self.seen: list[tuple[int, int]] = []
        self.rates: list[float] = []

    def loss(self, epoch: int, batch: int) -> torch.Tensor:
        self.seen.append((epoch, batch))
        self.rates.append(self.optimizer.param_groups[0]["lr"])
        return (self.weight + self.noise * torch.randn(1) - 3).square().sum()

    def train(self, n_batches: int = 4, **options: Any) -> Iterator[Step]:
        options = {"epochs": 3, "seed": 0, **options}
        return train(lambda epoch: range(n_batches), self.loss, self.optimizer, **options)


def test_learning_rates_may_stay_behind_the_warm_up() -> None:
    line = Line(rate=0.1)
    list(line.train(warm_up=0.25, falls=False))
    assert line.rates == pytest.approx([0.1 / 3, 0.2 / 3, *[0.1] * 10])


def test_gradients_that_are_too_long_are_shortened() -> None:
    line = Line(noise=0.0)
    line.optimizer = torch.optim.SGD([line.weight], lr=1.0)
    # the gradient at 0 is -6; shortened to 2, it moves the weight by 2
    next(line.train(warm_up=0.0, falls=False, clip=2.0))
    assert line.weight.item() == pytest.approx(2, rel=1e-4)


def test_every_batch_of_every_epoch_is_a_step() -> None:
    line = Line()
    steps = list(line.train())
    assert line.seen == [(epoch, batch) for epoch in range(3) for batch in range(4)]
    assert [(step.epoch, step.number, step.total) for step in steps] == [
        (number // 4, number + 1, 12) for number in range(12)
    ]
    assert [step.number for step in steps if step.ends_epoch] == [4, 8, 12]


def test_batches_may_differ_from_epoch_to_epoch() -> None:
    line = Line()
    orders: list[Sequence[int]] = [(1, 2), (2, 1)]
    list(train(orders.__getitem__, line.loss, line.optimizer, epochs=2, seed=0))
    assert line.seen == [(0, 1), (0, 2), (1, 2), (1, 1)]


def test_it_learns() -> None:
    line = Line(rate=0.3, noise=0.0)
    steps = list(line.train(20, epochs=5))
    assert steps[-1].loss < 0.01 * steps[0].loss
    assert line.weight.item() == pytest.approx(3, abs=0.1)


def test_learning_rates_rise_and_then_fall() -> None:
    line = Line(rate=1.0)
    list(line.train(5, epochs=2, warm_up=0.4))
    # ten steps: four rise to the highest rate, six fall towards 0
    expected = [1 / 4, 2 / 4, 3 / 4, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]
    assert line.rates == pytest.approx(expected)


@pytest.mark.parametrize(
    ("warm_up", "expected"), [(0.0, [4 / 5, 3 / 5, 2 / 5, 1 / 5]), (1.0, [1 / 4, 2 / 4, 3 / 4, 1])]
)
def test_learning_rates_may_only_fall_or_only_rise(warm_up: float, expected: list[float]) -> None:
    line = Line(rate=1.0)
    list(line.train(4, epochs=1, warm_up=warm_up))
    assert line.rates == pytest.approx(expected)


@given(st.integers(1, 60), st.floats(0, 1))
def test_learning_rates_stay_above_zero_and_reach_no_more_than_the_highest(
    total: int, warm_up: float
) -> None:
    line = Line(rate=1.0)
    list(line.train(total, epochs=1, warm_up=warm_up))
    highest = int(np.argmax(line.rates))
    assert all(0 < rate <= 1 + 1e-9 for rate in line.rates)
    assert line.rates[: highest + 1] == sorted(line.rates[: highest + 1])
    assert line.rates[highest:] == sorted(line.rates[highest:], reverse=True)


def test_each_group_keeps_its_own_highest_rate() -> None:
    slow, fast = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [slow], "lr": 0.01}, {"params": [fast], "lr": 0.1}])
    seen = []

    def loss(epoch: int, batch: int) -> torch.Tensor:
        seen.append([group["lr"] for group in optimizer.param_groups])
        return (slow + fast - 1).square().sum()

    list(train(lambda epoch: range(4), loss, optimizer, epochs=1, warm_up=0.5, seed=0))
    np.testing.assert_allclose(seen, [[0.005, 0.05], [0.01, 0.1], [0.02 / 3, 0.2 / 3], [0.01 / 3, 0.1 / 3]])
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.1], "they are what they were"


@pytest.mark.parametrize("done", [1, 2])
def test_training_that_goes_on_ends_as_if_it_had_never_stopped(done: int) -> None:
    whole = Line()
    expected = [step.loss for step in whole.train()]
    first, second = Line(), Line()
    steps = first.train()
    before = [next(steps).loss for _ in range(4 * done)]
    with torch.no_grad():
        second.weight.copy_(first.weight)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.optimizer.param_groups[0]["lr"] = 0.1
    torch.rand(7)
    after = [step.loss for step in second.train(first_epoch=done)]
    assert before + after == expected
    assert second.weight.item() == whole.weight.item()


def test_the_seed_decides_what_is_drawn() -> None:
    losses = [[step.loss for step in Line().train(seed=seed)] for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_the_random_numbers_of_the_program_are_left_alone() -> None:
    state = torch.get_rng_state()
    for _ in Line().train():
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_the_program_draws_between_steps_changes_nothing() -> None:
    expected = [step.loss for step in Line().train()]
    found = []
    for step in Line().train():
        torch.rand(3)
        found.append(step.loss)
    assert found == expected


def test_a_loss_that_breaks_off_leaves_the_random_numbers_alone_too() -> None:
    state = torch.get_rng_state()
    line = Line()

    def loss(epoch: int, batch: int) -> torch.Tensor:
        found = line.loss(epoch, batch)
        if batch == 2:
            raise KeyboardInterrupt
        return found

    with pytest.raises(KeyboardInterrupt):
        list(train(lambda epoch: range(4), loss, line.optimizer, epochs=1, seed=0))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_no_number_ends_it(value: float) -> None:
    line = Line()

    def loss(epoch: int, batch: int) -> torch.Tensor:
        return line.weight.sum() + (value if batch == 1 else 0)

    steps = train(lambda epoch: range(4), loss, line.optimizer, epochs=1, seed=0)
    assert next(steps).number == 1
    with pytest.raises(
        SettingError, match=r"training diverged in step 2: the loss is .*; lower the learning rate"
    ):
        next(steps)


def test_no_epochs_are_no_steps() -> None:
    assert list(Line().train(epochs=0)) == []
    assert list(Line().train(epochs=3, first_epoch=3)) == []
