"""What labelled instances teach: the similarity and, where asked for, layers of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.lloyd import check_finite
from relscout.encoders import Encoder, OnLoss
from relscout.encoders.prepared import Prepared
from relscout.encoders.tunable import TunableEncoder
from relscout.instances import RelationInstance
from relscout.methods.rsn.learning import Learner, Material, frozen, trained
from relscout.methods.rsn.network import Network
from relscout.methods.rsn.pairs import LabelledPairs
from relscout.methods.rsn.settings import RSNSettings
from relscout.methods.rsn.similarity import Similarity
from relscout.methods.vectors import encode, unit_length
from relscout.progress import Progress
from relscout.seeding import generator
from relscout.training.labels import canonical, classes_of
from relscout.training.trained import trainable
from relscout.training.work import Work


class Lesson:
    """Labelled instances as they can be learnt from: each content once, in an order of their own.

    Args:
        labeled: Instances with gold relations.

    Attributes:
        instances: Those that are learnt from.
        classes: Relation of each (N,), int64, from 0.
        pairs: Their pairs.
        warnings: What was left out or is of little use, in words.

    Raises:
        InputError: Relations are missing, or there are no pairs of one relation or none of two.
    """

    def __init__(self, labeled: Sequence[RelationInstance]) -> None:
        self.instances, self.warnings = canonical(labeled)
        _, self.classes = classes_of(self.instances)
        self.pairs = LabelledPairs(self.classes)
        if alone := self.pairs.n_alone:
            self.warnings.append(
                f"{alone} labelled {'relation has' if alone == 1 else 'relations have'} one instance only, which "
                "taught the network what is different, not what is the same"
            )


@dataclass(frozen=True)
class Learnt:
    """What was learnt.

    Args:
        similarity: Tells how likely two instances express the same relation.
        weights: Of the encoder's layers that trained, by their names; empty where it stayed frozen.
        epochs: How each epoch of training went.
    """

    similarity: Similarity
    weights: dict[str, NDArray[np.float32]]
    epochs: list[dict[str, Any]]


def transfer(
    encoder: Encoder,
    lesson: Lesson,
    unlabeled: Sequence[RelationInstance],
    *,
    settings: RSNSettings,
    seed: int,
    progress: Progress,
    on_loss: OnLoss,
    work: Work,
) -> Learnt:
    """Learn from labelled instances.

    Args:
        encoder: Where representations start.
        lesson: The labelled instances.
        unlabeled: Others, each content once.
        settings: See :class:`RSNSettings`.
        seed: Draws everything random.
        progress: Told how far it is.
        on_loss: Told each labelled instance that did not fit whole, and what was lost.
        work: Keeps what is done after each epoch, so that an interrupted training goes on.
    """
    given = [*lesson.instances, *unlabeled]
    labelled = {id(instance) for instance in lesson.instances}

    def told(instance: RelationInstance, what: Any) -> None:
        if id(instance) in labelled:
            on_loss(instance, what)

    tunable, prepared = _prepared(encoder, given, settings=settings, progress=progress, on_loss=told)
    if tunable is None or prepared is None:
        # either side for itself, so that prediction encodes in the same batches and gets the very same vectors
        sides = [
            encode(encoder, side, progress=progress, on_loss=told) for side in (lesson.instances, unlabeled)
        ]
        vectors, rows = np.concatenate(sides), np.arange(len(given))
    else:
        vectors, rows = tunable.encode_contents(prepared, progress=progress), prepared.row_of
        check_finite(vectors)
        unit_length(vectors)
    network = Network(vectors, settings=settings, seed=seed, device=tunable.device if tunable else None)
    count = len(lesson.instances)
    material = Material(rows[:count], lesson.pairs, np.unique(rows[count:]))
    represent = frozen(vectors, network)
    material.balance(network, represent, generator(seed, "balance"))
    if tunable is not None and prepared is not None:
        represent = trained(tunable, prepared, network)
    learner = Learner(
        network,
        represent,
        material,
        encoder=tunable,
        settings=settings,
        seed=int(generator(seed, "rsn training").integers(2**31)),
    )
    epochs: list[dict[str, Any]] = []
    if (resumed := work.load()) is not None:
        epochs = resumed[0]["epochs"]
        learner.load(resumed[1])
    for epoch in learner.epochs(first=len(epochs), progress=progress):
        epochs.append(epoch)
        work.keep({"epochs": epochs}, learner.arrays())
    return Learnt(network.similarity(), tunable.weights() if tunable is not None else {}, epochs)


def _prepared(
    encoder: Encoder,
    given: Sequence[RelationInstance],
    *,
    settings: RSNSettings,
    progress: Progress,
    on_loss: OnLoss,
) -> tuple[TunableEncoder, Prepared] | tuple[None, None]:
    """Return the encoder with layers to train, and instances as its frozen ones leave them; ``None`` if all are."""
    if not settings.trained_layers:
        return None, None
    base, arithmetic = trainable("rsn", encoder), settings.training_dtype
    tunable = TunableEncoder(base, trained_layers=settings.trained_layers, arithmetic=arithmetic)
    return tunable, tunable.prepare(given, progress=progress, on_loss=on_loss)
