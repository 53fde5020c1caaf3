"""Supervised relation classification: a transformer and a linear layer, trained together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    NotNegative,
    Rate,
    Share,
    TrainedLayers,
    settings_class,
    to_mapping,
)
from relscout.encoders import EncoderParameter, EncoderSettings, OnLoss, TransformerEncoder
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.finetuning.classifier import SentenceClassifier, linear_head
from relscout.training.classification import Classifier, Learner
from relscout.training.stored import Trained, below, own_weights, portable, stored_transformer


@settings_class
class SupervisedSettings:
    """Settings of supervised fine-tuning; what the paper says stands in each description."""

    epochs: AtLeast1 = 6
    """Epochs, of which the best is chosen: passes over the training data; at least 1 (paper: 6; 20 at 1 % of it)."""
    least_steps: AtLeast0 = 100
    """Steps of the optimizer that there are at least: an epoch passes over few instances several times; at least 0."""
    learning_rate: AboveZero = 2e-4
    """Highest learning rate of the encoder (paper: 3e-5, for BERT-base)."""
    head_learning_rate: AboveZero = 1e-3
    """Highest learning rate of the linear layer (paper: 3e-5)."""
    batch: AtLeast1 = 64
    """Sentences in a step, at least 1 (paper: 64)."""
    dropout: Rate = 0.0
    """Dropout rate on the representation, in [0, 1) (released code: none); the encoder keeps its own."""
    warm_up: Share = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]; then they fall (released code: 500 steps)."""
    clip: AboveZero = 1.0
    """Longest gradient, above 0; longer ones are shortened to it (released code: 1)."""
    weight_decay: NotNegative = 1e-5
    """Decoupled weight decay, at least 0 (released code: 1e-5)."""
    trained_layers: TrainedLayers = -1
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""


class RelationClassifier(EncoderParameter[TransformerEncoder], SentenceClassifier[Prepared]):
    """A transformer with a linear layer on its representation, trained with cross entropy.

    By default, the representation is [h; t], the last hidden states at the markers before head and tail (Baldini Soares
    et al. 2019; Peng et al. 2020, section 2.1). Any marking, the five input formats included, and any pooling work.
    Unlike in the paper, the representation is scaled to a mean square of 1.

    Args:
        encoder: The encoder to start from; ``ENCODER`` by default.
        seed: Random seed of the initial weights of the linear layer, batches and dropout.

    The other parameters are the fields of :class:`SupervisedSettings`.
    """

    KIND: ClassVar[str] = "relation-classifier"
    CITATION: ClassVar[str] = (
        "Peng et al.: Learning from Context or Names? An Empirical Study on Neural Relation Extraction. EMNLP 2020"
    )
    SETTINGS: ClassVar[type[Any]] = SupervisedSettings
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(marking="C+M", pooling="start", max_length=100)

    def __init__(
        self,
        encoder: TransformerEncoder | None = None,
        *,
        seed: int = 0,
        epochs: int = SupervisedSettings.epochs,
        least_steps: int = SupervisedSettings.least_steps,
        learning_rate: float = SupervisedSettings.learning_rate,
        head_learning_rate: float = SupervisedSettings.head_learning_rate,
        batch: int = SupervisedSettings.batch,
        dropout: float = SupervisedSettings.dropout,
        warm_up: float = SupervisedSettings.warm_up,
        clip: float = SupervisedSettings.clip,
        weight_decay: float = SupervisedSettings.weight_decay,
        trained_layers: int = SupervisedSettings.trained_layers,
        training_dtype: Arithmetic = SupervisedSettings.training_dtype,
    ) -> None:
        self._store(locals())

    @property
    def trained_encoder(self) -> TransformerEncoder:
        """The trained encoder; it can be used like any other.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not that of the fit.
        """
        self._check_fitted()
        return self._trained.on(self.encoder)

    def settings(self) -> Mapping[str, Any]:
        """Return all settings that determine the fit, as JSON values."""
        return {**super().settings(), "encoder": to_mapping(self.encoder.settings)}

    def _learner(self, _: Sequence[RelationInstance]) -> TunableEncoder:
        options = self._settings
        return TunableEncoder(
            self.encoder, trained_layers=options.trained_layers, arithmetic=options.training_dtype
        )

    def _classifier(
        self, learner: Learner[Prepared], prepared: Prepared, classes: NDArray[np.int64], n_classes: int
    ) -> Classifier[Prepared]:
        options = self._settings
        return linear_head(
            learner,
            prepared,
            classes,
            n_classes,
            settings=options,
            seed=self.seed,
            head_learning_rate=options.head_learning_rate,
            clip=options.clip,
        )

    def _fingerprint(self) -> str:
        return self.encoder.fingerprint

    def _keep(self, _: Any, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._trained = Trained(self.encoder.fingerprint, weights)

    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        return self.trained_encoder.encode(instances, progress=progress, on_loss=on_loss)

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        described = {"encoder": portable(self.encoder), "encoder_fingerprint": self._trained.fingerprint}
        trained = {f"encoder.{name}": array for name, array in self._trained.weights.items()}
        return described, trained | own_weights(self.encoder)

    @classmethod
    def _restored(cls, details: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        settings = {name: value for name, value in details["settings"].items() if name != "encoder"}
        loaded = cls(stored_transformer(details["encoder"], tensors), **settings)
        loaded._trained = Trained(str(details["encoder_fingerprint"]), below("encoder.", tensors))
        return loaded

    _trained: Trained
