"""The linear layer on an encoder, as the settings of a classifier want it to be trained."""

from __future__ import annotations

from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.training.classification import ClassificationSettings, Classifier
from relscout.training.learner import Learner, Read


class Training(Protocol):
    """Settings that both kinds of classifier have; see these."""

    @property
    def epochs(self) -> int:
        """Passes over the training data, or several of them."""
        ...

    @property
    def least_steps(self) -> int:
        """Steps that there are at least."""
        ...

    @property
    def learning_rate(self) -> float:
        """Highest learning rate of the encoder."""
        ...

    @property
    def batch(self) -> int:
        """Sentences in a step."""
        ...

    @property
    def dropout(self) -> float:
        """Dropout rate on the representation."""
        ...

    @property
    def warm_up(self) -> float:
        """Share of the steps in which learning rates rise."""
        ...

    @property
    def weight_decay(self) -> float:
        """Weight decay."""
        ...


def passes(settings: Training, n_contents: int) -> int:
    """Return how often an epoch passes over so many different sentences, so that there are enough steps."""
    return max(ceil(settings.least_steps / (settings.epochs * ceil(n_contents / settings.batch))), 1)


def linear_head(
    learner: Learner[Read],
    prepared: Read,
    classes: NDArray[np.int64],
    n_classes: int,
    *,
    settings: Training,
    seed: int,
    head_learning_rate: float,
    clip: float | None = None,
    plain: bool = False,
) -> Classifier[Read]:
    """Return a linear layer on an encoder, both of which train.

    Args:
        learner: The encoder.
        prepared: The sentences.
        classes: Class of each (N,), int64.
        n_classes: Number of classes.
        settings: How it trains.
        seed: Draws first weights, batches and dropout.
        head_learning_rate: Highest learning rate of the linear layer.
        clip: Longest gradient; ``None`` leaves it as it is.
        plain: Whether plain stochastic gradient descent takes the place of AdamW.
    """
    return Classifier(
        learner,
        prepared,
        classes,
        n_classes,
        settings=ClassificationSettings(
            classifier_epochs=settings.epochs,
            frozen_epochs=0,
            classifier_learning_rate=settings.learning_rate,
            head_learning_rate=head_learning_rate,
            classifier_batch=settings.batch,
            classifier_dropout=settings.dropout,
            warm_up=settings.warm_up,
        ),
        seed=seed,
        weight_decay=settings.weight_decay,
        clip=clip,
        plain=plain,
        passes=passes(settings, len(prepared.lengths)),
    )
