"""What labelled instances teach: the similarity and, where asked for, layers of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import Encoder, OnLoss, TransformerEncoder
from relscout.encoders.tunable import TunableEncoder
from relscout.errors import SettingError
from relscout.instances import RelationInstance, canonical_order
from relscout.methods.labelled import check_labelled, unambiguous
from relscout.methods.rsn.learning import Material, Represent, frozen, learn, trained
from relscout.methods.rsn.network import Network
from relscout.methods.rsn.pairs import LabelledPairs, numbered
from relscout.methods.rsn.settings import RSNSettings
from relscout.methods.rsn.similarity import Similarity
from relscout.methods.vectors import encode
from relscout.progress import Progress
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch


class Lesson:
    """Labelled instances as they can be learnt from: each content once, in an order of their own.

    Args:
        labeled: Instances with gold relations.

    Attributes:
        instances: Those that are learnt from.
        pairs: Their pairs.
        warnings: What was left out or is of little use, in words.

    Raises:
        InputError: Relations are missing, or there are no pairs of one relation or none of two.
    """

    def __init__(self, labeled: Sequence[RelationInstance]) -> None:
        check_labelled(labeled)
        self.instances, self.warnings = unambiguous([labeled[place] for place in canonical_order(labeled)])
        self.pairs = LabelledPairs(numbered([instance.relation for instance in self.instances]))
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
) -> Learnt:
    """Learn from labelled instances.

    Args:
        encoder: Where representations start.
        lesson: The labelled instances.
        unlabeled: Others, each content once, for semi-supervised training.
        settings: See :class:`RSNSettings`.
        seed: Draws everything random.
        progress: Told how far it is.
        on_loss: Told each labelled instance that did not fit whole, and what was lost.
    """
    import torch

    given = [*lesson.instances, *(unlabeled if settings.semi_supervised else ())]
    labelled = {id(instance) for instance in lesson.instances}

    def told(instance: RelationInstance, what: Any) -> None:
        if id(instance) in labelled:
            on_loss(instance, what)

    represent: Represent
    tunable: TunableEncoder | None = None
    parameters: list[torch.nn.Parameter] = []
    if settings.trained_layers:
        tunable = TunableEncoder(
            trainable(encoder), trained_layers=settings.trained_layers, arithmetic=settings.training_dtype
        )
        prepared = tunable.prepare(given, progress=progress, on_loss=told)
        network = Network(tunable.dimension, settings=settings, seed=seed, device=tunable.device)
        represent, rows = trained(tunable, prepared, network), prepared.row_of
        parameters = list(tunable.parameters())
    else:
        vectors = encode(encoder, given, progress=progress, on_loss=told)
        network = Network(vectors.shape[1], settings=settings, seed=seed, device=torch.device("cpu"))
        represent, rows = frozen(vectors, network), np.arange(len(given))
    count = len(lesson.instances)
    steps = learn(
        network,
        represent,
        Material(rows[:count], lesson.pairs, rows[count:]),
        encoder=parameters,
        settings=settings,
        seed=int(generator(seed, "rsn training").integers(2**31)),
        progress=progress,
    )
    epochs = list(steps)
    return Learnt(network.similarity(), tunable.weights() if tunable else {}, epochs)


def trainable(encoder: Encoder) -> TransformerEncoder:
    """Return the encoder as one whose layers can train.

    Raises:
        SettingError: It is of another kind.
    """
    if not isinstance(encoder, TransformerEncoder):
        raise SettingError(
            f"a {type(encoder).__name__} cannot be trained; give a TransformerEncoder, or the setting trained_layers=0"
        )
    return encoder
