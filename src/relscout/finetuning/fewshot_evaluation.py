"""Scores of few-shot classification: many episodes, of several shapes, from vectors that are made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import OnLoss, loss_warnings
from relscout.errors import SettingError
from relscout.finetuning.episodes import Episode, FewShotScore, draw_episodes, large_enough
from relscout.finetuning.prototypes import accuracies
from relscout.finetuning.seen import Known, Seen
from relscout.instances import RelationInstance
from relscout.progress import Progress
from relscout.seeding import generator
from relscout.training.labels import canonical, classes_of


class Vectors(Protocol):
    """What turns instances into vectors (N, D), float32."""

    def __call__(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        """Return the vectors in the order of the instances."""
        ...


def drawable(
    instances: Sequence[RelationInstance], shapes: Sequence[Episode], *, seen: Seen, known: Known
) -> tuple[list[RelationInstance], NDArray[np.int64], list[tuple[NDArray[np.int64], list[str]]], list[str]]:
    """Return what episodes can be drawn from, and check that they can.

    Args:
        instances: Instances with gold relations.
        shapes: Shapes of the episodes.
        seen: What was learnt from, or will be.
        known: What becomes of relations that were learnt.

    Returns:
        The instances that are left, in an order that they decide; the relation of each (N,); for each shape the
        relations with instances enough, and in words those without; and in words what else was left out.

    Raises:
        InputError: An instance has no gold relation, there are fewer relations (with instances enough) than ways, or
            some of them were learnt.
    """
    unseen, left_out = seen.apart(instances, known, where="the test")
    asked, repeated = canonical(unseen)
    names, classes = classes_of(asked)
    chosen = [large_enough(classes, names, shape) for shape in shapes]
    return asked, classes, chosen, [*left_out, *repeated]


def scores_of(
    instances: Sequence[RelationInstance],
    shapes: Sequence[Episode],
    *,
    seen: Seen,
    known: Known,
    episodes: int,
    seed: int,
    similarity: str,
    vectors: Vectors,
    progress: Progress,
) -> list[FewShotScore]:
    """Return the score of each shape of episodes.

    Args:
        instances: Instances with gold relations.
        shapes: Shapes of the episodes.
        seen: What was learnt from.
        known: What becomes of relations that were learnt.
        episodes: Number of episodes of each shape.
        seed: Draws them.
        similarity: How a query is compared with a prototype.
        vectors: Makes the vectors, once.
        progress: Told how far it is.

    Raises:
        InputError: An instance has no gold relation, there are fewer relations (with instances enough) than ways, or
            some of them were learnt.
        SettingError: There are fewer than two episodes.
    """
    if episodes < 2:
        raise SettingError(f"episodes is {episodes}, expected at least 2: one alone has no standard error")
    # what cannot be drawn is told before anything is encoded
    asked, classes, chosen, left_out = drawable(instances, shapes, seen=seen, known=known)
    streams = [generator(seed, f"episodes {shape}") for shape in shapes]
    lost: Counter[str] = Counter()
    found = vectors(asked, progress=progress, on_loss=lambda _, what: lost.update([what]))
    scores = []
    for number, (shape, (relations, small), random) in enumerate(
        zip(shapes, chosen, streams, strict=True), 1
    ):
        drawn = draw_episodes(classes, relations, shape, episodes=episodes, random=random)
        right = accuracies(found, drawn, shots=shape.shots, similarity=similarity)
        warnings = (*left_out, *loss_warnings(lost), *small)
        scores.append(FewShotScore.of(right, shape, relations=len(relations), warnings=warnings))
        progress("evaluate", number, len(shapes))
    return scores
