"""Distillation: train an encoder to repeat the neighbourhoods of a teacher.

What a teacher knows of a sentence is which other sentences it is near. A student of another size cannot repeat the
teacher's vectors, but their similarities: relational knowledge distillation (Park, Kim, Lu, Cho, CVPR 2019), with the
similarities to a queue of earlier sentences as distributions (Fang, Wang, Wang, Zhang, Yang, Liu: "SEED:
Self-supervised Distillation for Visual Representation", ICLR 2021, equation 5). No label is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class Neighbourhoods:
    """The neighbourhoods of a teacher, and the loss of a student that is to have the same.

    The distribution of a sentence is the softmax of its cosines to the other sentences of the batch and of the queue.
    The loss is the mean Kullback-Leibler divergence of the student's distributions from the teacher's, in nats.

    Args:
        vectors: The teacher's vectors of all contents (M, D), float32.
        turned: The same with head and tail exchanged (M, D), float32; ``None`` if the student does not see them.
        size: Maximum number of vectors in the queue, at least 0.
        sharpness: Factor of the cosines before the softmax, above 0.
        weight: Factor of the loss.
    """

    # SEED compares the student with a queue of the teacher's vectors, since both have the same dimensions there. Here
    # they do not, so that the student has a queue of its own, as in CompRess (Koohpayegani, Tejankar, Pirsiavash,
    # NeurIPS 2020). It holds few steps only: older vectors are those of another student.

    def __init__(
        self,
        vectors: NDArray[np.float32],
        turned: NDArray[np.float32] | None,
        *,
        size: int,
        sharpness: float,
        weight: float,
    ) -> None:
        import torch
        from torch.nn.functional import normalize

        views = [vectors] if turned is None else [vectors, turned]
        self._teacher = [normalize(torch.from_numpy(view), dim=1) for view in views]
        self._size, self._sharpness, self._weight = size, sharpness, weight
        self._queues: tuple[torch.Tensor, torch.Tensor] | None = None

    def clear(self) -> None:
        """Empty the queue, so that an epoch does not depend on the one before."""
        self._queues = None

    def loss(self, contents: NDArray[np.int64], vectors: torch.Tensor) -> torch.Tensor:
        """Return the weighted loss of a batch, a scalar, and add the batch to the queue.

        Args:
            contents: Numbers of the contents (B,), int64.
            vectors: The student's vectors of unit length (B, D), or (2B, D) with the exchanged ones after the others.
        """
        import torch

        rows = torch.from_numpy(contents)
        wanted = torch.cat([view[rows] for view in self._teacher]).to(vectors.device)
        student, teacher = vectors, wanted
        if self._queues is not None:
            student, teacher = torch.cat([student, self._queues[0]]), torch.cat([teacher, self._queues[1]])
        self._queues = student[: self._size].detach(), teacher[: self._size]
        return self._weight * _divergence(
            self._sharpness * (vectors @ student.T), self._sharpness * (wanted @ teacher.T)
        )


def _divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return the mean divergence of the distributions of B rows, whose first B columns are the rows themselves."""
    import torch
    from torch.nn.functional import kl_div, log_softmax

    itself = torch.eye(*student.shape, dtype=torch.bool, device=student.device)
    # a large negative number, as infinities would give 0 · ∞
    wanted = log_softmax(teacher.masked_fill(itself, -1e4), dim=1)
    return kl_div(
        log_softmax(student.masked_fill(itself, -1e4), dim=1), wanted, reduction="batchmean", log_target=True
    )
