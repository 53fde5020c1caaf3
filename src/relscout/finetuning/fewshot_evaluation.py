"""Scores of few-shot classification: many episodes, of several shapes, from vectors that are made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import OnLoss, loss_warnings
from relscout.encoders.learnt import learnt_note
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


@dataclass(frozen=True)
class Drawable:
    """What episodes can be drawn from.

    Args:
        instances: The instances, each content once, in an order that they decide.
        names: Names of the relations.
        classes: Relation of each instance (N,), int64.
        chosen: For each shape of episodes the relations that have instances enough, and in words those that have not.
        left_out: What else was left out, in words.
    """

    instances: list[RelationInstance]
    names: list[str]
    classes: NDArray[np.int64]
    chosen: list[tuple[NDArray[np.int64], list[str]]]
    left_out: list[str]

    @classmethod
    def of(
        cls,
        instances: Sequence[RelationInstance],
        shapes: Sequence[Episode],
        *,
        seen: Sequence[Seen],
        known: Known,
    ) -> Self:
        """Return what episodes of some shapes can be drawn from; see :func:`scores_of`.

        Raises:
            InputError: An instance has no gold relation, there are fewer relations (with instances enough) than ways,
                or some of them were seen.
        """
        unseen, left_out = list(instances), list[str]()
        for one in seen:
            unseen, told = one.apart(unseen, known, where="the test")
            left_out += told
        asked, repeated = canonical(unseen)
        names, classes = classes_of(asked)
        chosen = [large_enough(classes, names, shape) for shape in shapes]
        return cls(asked, names, classes, chosen, [*left_out, *repeated])


def scores_of(
    instances: Sequence[RelationInstance],
    shapes: Sequence[Episode],
    *,
    seen: Sequence[Seen],
    model: str,
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
        seen: What was learnt from, and what the weights were chosen by.
        model: Name or folder of the encoder, which may have learnt relations before.
        known: What becomes of relations that were seen.
        episodes: Number of episodes of each shape.
        seed: Draws them.
        similarity: How a query is compared with a prototype.
        vectors: Makes the vectors, once.
        progress: Told how far it is.

    Raises:
        InputError: An instance has no gold relation, there are fewer relations (with instances enough) than ways, or
            some of them were seen.
        SettingError: There are fewer than two episodes.
    """
    if episodes < 2:
        raise SettingError(f"episodes is {episodes}, expected at least 2: one episode has no standard error")
    # what cannot be drawn is told before anything is encoded
    drawn_from = Drawable.of(instances, shapes, seen=seen, known=known)
    names, classes = drawn_from.names, drawn_from.classes
    streams = [generator(seed, f"episodes {shape}") for shape in shapes]
    lost: Counter[str] = Counter()
    found = vectors(drawn_from.instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
    scores = []
    for number, (shape, (relations, small), random) in enumerate(
        zip(shapes, drawn_from.chosen, streams, strict=True), 1
    ):
        drawn = draw_episodes(classes, relations, shape, episodes=episodes, random=random)
        right = accuracies(found, drawn, shots=shape.shots, similarity=similarity)
        note = learnt_note(model, [names[place] for place in relations])
        warnings = (*drawn_from.left_out, *loss_warnings(lost), *small, *([note] if note else ()))
        scores.append(FewShotScore.of(right, shape, relations=len(relations), warnings=warnings))
        progress("evaluate", number, len(shapes))
    return scores
