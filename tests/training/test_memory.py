from __future__ import annotations

import numpy as np
import torch

from relscout.training.loop import memory, restore_memory


def stepped(steps: int) -> tuple[torch.Tensor, torch.optim.Optimizer]:
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([weight, torch.ones(2, requires_grad=True)], lr=0.1)
    for _ in range(steps):
        step(weight, optimizer)
    return weight, optimizer


def step(weight: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    (weight**2).sum().backward()
    optimizer.step()


def test_an_optimizer_goes_on_as_if_it_had_never_stopped() -> None:
    weight, optimizer = stepped(3)
    kept, arrays = weight.detach().clone(), memory(optimizer)
    step(weight, optimizer)
    other, fresh = stepped(0)
    with torch.no_grad():
        other.copy_(kept)
    restore_memory(fresh, {**arrays, "something else": np.zeros(1)})
    step(other, fresh)
    assert other.tolist() == weight.tolist()


def test_what_was_not_moved_is_not_remembered() -> None:
    arrays = memory(stepped(1)[1])
    assert {name.split(".")[1] for name in arrays} == {"0"}
