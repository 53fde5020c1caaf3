from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from relscout.pretraining.objectives import backpropagate, contrast_as_printed

SIZES = (3, 1, 4)


@pytest.mark.parametrize("objective", ["over all", "one by one"])
def test_cached_gradients_are_those_of_one_pass_with_the_same_dropout(objective: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Dropout(0.4), nn.Tanh(), nn.Linear(7, 3))
    groups = torch.randn(8, 5).split(SIZES)
    everyone = torch.ones((8, 8), dtype=torch.bool)

    def read(group: int, *, words: bool) -> tuple[Tensor, Tensor | None]:
        torch.manual_seed(group)
        x = model(groups[group])
        return x, x.square().sum() / 8 if words else None

    def loss(x: Tensor) -> Tensor:
        return contrast_as_printed(x, everyone) if objective == "over all" else x.exp().sum()

    found = []
    for at_once in (True, False):
        model.zero_grad()
        told = backpropagate(read, SIZES, loss, at_once=at_once)
        found.append(([parameter.grad.clone() for parameter in model.parameters()], told))
    (gradients, told), (cached, told_cached) = found
    for one, other in zip(gradients, cached, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(told, told_cached)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
