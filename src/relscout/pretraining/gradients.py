"""The gradient of a contrast over more sentences than fit into memory, exactly (Gao et al. 2021, gradient caching)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Read(Protocol):
    """Runs one group of sentences, with the same dropout in every call."""

    def __call__(self, group: int, *, words: bool) -> tuple[Tensor, Tensor | None]:
        """Return representations (B, R), and the group's share of the loss over masked words where it is asked for."""
        ...


def backpropagate(
    read: Read,
    sizes: Sequence[int],
    objective: Callable[[Tensor], Tensor],
    *,
    at_once: bool,
    scaled: Callable[[Tensor], Tensor] = lambda loss: loss,
) -> tuple[Tensor, Tensor]:
    """Add the gradients of a batch's loss to those of the parameters.

    At once, all groups stay in memory until the end. Else every group is read twice: without a graph, to know all
    representations and the gradient of the objective with respect to them; and again with one, through which this
    gradient goes on to the parameters, one group at a time.

    Args:
        read: Runs a group.
        sizes: Sentences in each group.
        objective: Loss of all representations, those of the groups one after the other (N, R).
        at_once: Which of the two ways.
        scaled: What a loss is multiplied by before its gradient is taken.

    Returns:
        The objective and the loss over masked words, without a graph; the latter 0 where there is none.
    """
    import torch

    if at_once:
        found = [read(group, words=True) for group in range(len(sizes))]
        contrast = objective(torch.cat([x for x, _ in found]))
        words = [loss for _, loss in found if loss is not None]
        total = torch.stack(words).sum() if words else torch.zeros_like(contrast)
        scaled(contrast + total).backward()  # type: ignore[no-untyped-call]
        return contrast.detach(), total.detach()
    with torch.no_grad():
        everything = torch.cat([read(group, words=False)[0] for group in range(len(sizes))])
    x = everything.requires_grad_(True)
    contrast = objective(x)
    (wanted,) = torch.autograd.grad(contrast, x)
    total = torch.zeros_like(contrast.detach())
    for group, gradient in enumerate(torch.split(wanted, list(sizes))):
        again, loss = read(group, words=True)
        surrogate = (again * gradient).sum()
        if loss is not None:
            total += loss.detach()
            surrogate = surrogate + loss
        scaled(surrogate).backward()  # type: ignore[no-untyped-call]
    return contrast.detach(), total
