"""Training of a relation classifier together with the link predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import AboveZero, AtLeast1, AtLeast2, NotNegative, Width, settings_class
from relscout.training.checkpointing import TrainingState
from relscout.training.distribution_losses import dispersion, skewness
from relscout.training.loop import Terms, batches_by_length, train
from relscout.training.stored import Checkpoints

if TYPE_CHECKING:
    import torch

    from relscout.methods.uie.classifiers import RelationClassifier
    from relscout.training.link_predictor import EntityPairs


@settings_class
class LinkSettings:
    """Settings of a training with the link predictor."""

    entity_dimension: Width = 10
    """Dimensions of an entity's vector in the link predictor, at least 1."""
    bilinear: bool = True
    """Whether scores have RESCAL's bilinear form in addition to selectional preferences (the hybrid model)."""
    negatives: AtLeast1 = 5
    """Entities drawn in place of the head, and in place of the tail, of each instance; at least 1."""
    epochs: AtLeast1 = 10
    """Passes over the instances, at least 1."""
    batch: AtLeast2 = 100
    """Instances in a step, at least 2: the frequency of a relation is estimated on them."""
    link_learning_rate: AboveZero = 5e-3
    """Learning rate of the link predictor."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""


@settings_class
class DistributionSettings(LinkSettings):
    """Settings of a training with the losses of Simon et al."""

    skewness_weight: NotNegative = 0.5
    """α, weight of the skewness loss, which makes each prediction certain; at least 0 (paper: 0.01)."""
    dispersion_weight: NotNegative = 1.0
    """β, weight of the dispersion loss, which makes relations equally frequent; at least 0 (paper: 0.02)."""


#: A batch: contents (B,), and the entities drawn for each of them (B, 2, k).
Batch = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass
class LinkTraining:
    """Trains a classifier and the link predictor, with a checkpoint after each epoch.

    The loss is L_LP + α L_S + β L_D (Simon et al.). With α = −w and β = 0, it is the negative evidence lower bound of
    Marcheggiani and Titov, in which the entropy of the predictions has the weight w.

    Args:
        classifier: The classifier to train.
        pairs: Entities of the M contents that the classifier reads.
        n_relations: Number of relations K.
        settings: See :class:`LinkSettings`.
        alpha: α, weight of the skewness loss, any number.
        beta: β, weight of the dispersion loss, at least 0.
        optimizer: ``adam``, or ``adagrad``.
        seed: Random seed of the link predictor, of batches, negatives and dropout.
        progress: Progress callback, stage ``"train"``.
        work: Keeps the checkpoint.

    Attributes:
        epochs: Mean of each loss in every epoch, as JSON values.
    """

    classifier: RelationClassifier
    pairs: EntityPairs
    n_relations: int
    settings: LinkSettings
    alpha: float
    beta: float
    optimizer: Literal["adam", "adagrad"]
    seed: int
    progress: Progress
    work: Checkpoints
    epochs: list[dict[str, float]] = field(default_factory=list)
    _terms: Terms = field(default_factory=Terms)

    def run(self) -> None:
        """Train, or resume where training was interrupted.

        Raises:
            DivergedError: The loss is no longer a number.
            ArtifactError: The checkpoint is damaged.
        """
        import torch

        from relscout.training.link_predictor import LinkPredictor

        options, device = self.settings, self.classifier.device
        self._link = LinkPredictor(
            self.pairs.n_entities,
            self.n_relations,
            dimension=options.entity_dimension,
            bilinear=options.bilinear,
            seed=self.seed,
        ).to(device)
        self._heads, self._tails = (
            torch.from_numpy(entities).to(device) for entities in (self.pairs.heads, self.pairs.tails)
        )
        groups = [
            *self.classifier.groups(),
            {"params": list(self._link.parameters()), "lr": options.link_learning_rate},
        ]
        descent = torch.optim.Adagrad if self.optimizer == "adagrad" else torch.optim.Adam
        state = TrainingState({**self.classifier.parts(), "link": self._link}, descent(groups))
        if (resumed := state.resume(self.work)) is not None:
            self.epochs = resumed[0]["epochs"]
        for step in train(
            self._batches,
            self._loss,
            state.optimizer,
            epochs=options.epochs,
            first_epoch=len(self.epochs),
            warm_up=0.0,
            falls=False,
            seed=self.seed,
        ):
            self.progress("train", step.number, step.total)
            if step.ends_epoch:
                self.epochs.append(self._terms.means())
                state.save(self.work, {"epochs": self.epochs})

    def _loss(self, _: int, batch: Batch) -> torch.Tensor:
        """Return L_LP + α L_S + β L_D of a batch, a scalar."""
        import torch

        rows, negatives = batch
        contents = torch.from_numpy(rows).to(self.classifier.device)
        logits = self.classifier.logits(rows)  # (B, K)
        link = self._link.loss(
            logits.softmax(dim=1),
            self._heads[contents],
            self._tails[contents],
            torch.from_numpy(negatives).to(contents.device),
        )
        return (
            self._terms("link_prediction", link)
            + self.alpha * self._terms("skewness", skewness(logits))
            + self.beta * self._terms("dispersion", dispersion(logits))
        )

    def _batches(self, epoch: int) -> Sequence[Batch]:
        random = generator(self.seed, f"batches {epoch}")
        rows = batches_by_length(self.classifier.lengths, self.settings.batch, random, least=2)
        return [(each, self.pairs.negatives(len(each), self.settings.negatives, random)) for each in rows]
