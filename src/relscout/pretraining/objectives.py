"""The objectives of pre-training, CP (Peng et al. 2020) and MTB (Soares et al. 2019), over large batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.pretraining.corpus import Corpus
from relscout.pretraining.settings import PretrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def contrast_as_printed(x: Tensor, allowed: Tensor) -> Tensor:
    """Return the loss of eq. 2, a scalar: dot products, and one positive for each sentence, the other of its pair.

    L_CP = −log e^(x_A·x_B) / (e^(x_A·x_B) + Σ_i e^(x_A·x_Bⁱ)), the mean over all sentences as x_A. The paper draws N
    sentences as negatives; as its appendix A says, these are the sentences of the batch's other pairs.

    Args:
        x: Representations (2P, D); rows 2i and 2i + 1 are a pair.
        allowed: Which sentences can be negatives of which (2P, 2P), bool; those of the same pair never are.
    """
    import torch

    rows = torch.arange(len(x), device=x.device)
    partner = rows ^ 1
    other = (rows != rows[:, None]) & (rows != partner[:, None])
    similarity = x @ x.T  # (2P, 2P)
    positive = similarity[rows, partner]
    among = similarity.masked_fill(~(allowed & other), -torch.inf)
    among[rows, partner] = positive
    return (among.logsumexp(dim=1) - positive).mean()


def contrast_as_released(x: Tensor, positive: Tensor, allowed: Tensor, *, temperature: float) -> Tensor:
    """Return the loss of the released code, a scalar: cosines, and every sentence of the relation is a positive.

    For each anchor a and each of its positives p, −log e^(s_ap) / (e^(s_ap) + Σ_n e^(s_an)) over the negatives n, with
    s = cosine / temperature; the mean over all (a, p), 0 where there are none. Other positives are in no denominator.

    Args:
        x: Representations (B, D).
        positive: Which sentences are positives of which (B, B), bool; none is its own.
        allowed: Which are negatives of which (B, B), bool.
        temperature: Divides the cosines, > 0.
    """
    import torch
    from torch.nn.functional import normalize

    unit = normalize(x, dim=1)
    similarity = unit @ unit.T / temperature
    negatives = similarity.masked_fill(~allowed, -torch.inf).logsumexp(dim=1, keepdim=True)  # (B, 1)
    losses = torch.logaddexp(similarity, negatives) - similarity
    return losses[positive].sum() / positive.sum().clamp(min=1)


def matching(x: Tensor, same: Tensor) -> Tensor:
    """Return the loss of matching the blanks, a scalar: whether two sentences have the same entity pair.

    The binary cross entropy of p = 1 / (1 + e^(−x_A·x_B)) (Soares et al. 2019, section 4.1, which omits the sign of
    the exponent).

    Args:
        x: Representations (2P, D); rows 2i and 2i + 1 are a pair.
        same: Whether the sentences of each pair have the same entity pair (P,), bool.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    similarity = (x[0::2] * x[1::2]).sum(dim=1)  # (P,)
    return binary_cross_entropy_with_logits(similarity, same.to(similarity.dtype))


def nearest_is_positive(x: Tensor, positive: Tensor) -> Tensor:
    """Return whether the nearest sentence by cosine is a positive (A,), bool, for sentences with positives.

    Args:
        x: Representations (B, D).
        positive: Which sentences are positives of which (B, B), bool.
    """
    import torch
    from torch.nn.functional import normalize

    unit = normalize(x.detach().float(), dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
    hits = positive.gather(1, similarity.argmax(dim=1, keepdim=True))[:, 0]
    return hits[positive.any(dim=1)]


@dataclass(frozen=True)
class Contrast:
    """Positives and negatives among the sentences of a step.

    Args:
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`.
        positive: Which sentences are positives of which (B, B), bool: those of the same relation, or entity pair.
        allowed: Which are negatives of which (B, B), bool.
        same: Whether each pair is positive (P,), bool.
    """

    objective: str
    settings: PretrainingSettings
    positive: Tensor
    allowed: Tensor
    same: Tensor

    def loss(self, x: Tensor) -> Tensor:
        """Return the loss, a scalar, of representations (B, R); rows 2i and 2i + 1 are a pair."""
        if self.objective == "mtb":
            return matching(x, self.same)
        if self.settings.loss == "paper":
            return contrast_as_printed(x, self.allowed)
        return contrast_as_released(x, self.positive, self.allowed, temperature=self.settings.temperature)

    def hits(self, x: Tensor) -> tuple[int, int]:
        """Return for how many sentences the nearest one is a positive, and how many sentences have positives."""
        hits = nearest_is_positive(x, self.positive)
        return int(hits.sum()), len(hits)


def contrast(
    corpus: Corpus,
    pairs: NDArray[np.int64],
    same: NDArray[np.bool_],
    *,
    objective: str,
    settings: PretrainingSettings,
    device: torch.device,
) -> Contrast:
    """Return positives and negatives among pairs of sentences.

    Args:
        corpus: The sentences.
        pairs: Rows of the pairs of a step (P, 2), int64.
        same: Whether each pair is positive (P,), bool.
        objective: ``cp`` or ``mtb``.
        settings: See :class:`PretrainingSettings`.
        device: Device of the tensors.
    """
    import torch

    rows = pairs.ravel()
    one_text = corpus.content[rows] == corpus.content[rows][:, None]
    what = corpus.relation[rows] if objective == "cp" else corpus.pairs[rows]
    alike = what == what[:, None]
    near = np.ones_like(alike)
    if settings.among:
        block = np.arange(len(rows)) // (2 * settings.among)
        near = block == block[:, None]
    # equal texts with different relations, or different identifiers, are neither positives nor negatives
    positive = alike & ~one_text & near
    allowed = ~one_text & near
    if not (settings.loss == "paper" and settings.same_relation_negatives):
        allowed &= ~alike
    return Contrast(
        objective, settings, *(torch.from_numpy(array).to(device) for array in (positive, allowed, same))
    )


class Read(Protocol):
    """Encodes a group of sentences, with the same dropout in every call."""

    def __call__(self, group: int, *, words: bool) -> tuple[Tensor, Tensor | None]:
        """Return representations (B, R), and with ``words`` the group's share of the loss over masked words."""
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

    With ``at_once``, the graphs of all groups stay in memory until the end. Otherwise, every group is encoded twice:
    first without a graph, for all representations and the gradient of the objective with respect to them; then with a
    graph, through which this gradient reaches the parameters, one group at a time.

    Args:
        read: Encodes a group.
        sizes: Number of sentences of each group.
        objective: Returns the loss of the representations of all groups, concatenated (N, R).
        at_once: Whether to keep all graphs in memory.
        scaled: Scales a loss before its gradient is computed.

    Returns:
        The objective and the loss over masked words, without graphs; the latter is 0 if there are none.
    """
    import torch

    if at_once:
        groups = [read(group, words=True) for group in range(len(sizes))]
        contrast = objective(torch.cat([x for x, _ in groups]))
        words = [loss for _, loss in groups if loss is not None]
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
