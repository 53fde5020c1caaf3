"""The convolutional network of Peng et al. (2020), which nothing has pre-trained: the baseline of fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from relscout.encoders import OnLoss
from relscout.finetuning.classifier import SentenceClassifier
from relscout.finetuning.convolution import ConvolutionalEncoder, first_weights
from relscout.finetuning.heads import linear_head
from relscout.finetuning.word_vectors import digest_of, word_vectors
from relscout.finetuning.words import FORMATS, WordSentences, WordVocabulary
from relscout.instances import RelationInstance
from relscout.progress import Progress, silent
from relscout.ranges import (
    check_above_zero,
    check_choices,
    check_least,
    check_rates,
    check_shares,
    whole_numbers,
)
from relscout.training.classification import Classifier
from relscout.training.learner import Learner
from relscout.training.stored import below

_DESCENTS = ("adamw", "sgd")


@dataclass(frozen=True)
class CNNSettings:
    """Settings of the convolutional network; what the papers say stands in each description."""

    marking: str = "C+M"
    """Input format: ``C+M``, ``C+T``, ``OnlyC``, ``OnlyM`` or ``OnlyT``."""
    windows: str = "2-3-4-5"
    """Words that a filter reads, joined by ``-`` (Nguyen and Grishman 2015)."""
    dimension: int = 230
    """Dimensions of the representation, shared by the windows (paper: a hidden size of 230)."""
    word_dimension: int = 100
    """Dimensions of a word embedding, at least 1; word vectors that are given decide it."""
    position_dimension: int = 50
    """Dimensions of the embedding of a word's distance from the head, and from the tail (Nguyen and Grishman: 50)."""
    type_dimension: int = 30
    """Dimensions of the embedding of an entity type (Zhang et al. 2017: 30); not used where no mention has a type."""
    vectors: str = ""
    """Text file of word vectors to start from, such as GloVe's; empty draws them all."""
    least_count: int = 1
    """How often a word must be in the training data to be known, at least 1."""
    max_length: int = 100
    """Most words of an input, at least 2 (paper: 100); longer sentences are cut around the entities."""
    epochs: int = 20
    """Epochs, of which the best is chosen: passes over the training data; at least 1."""
    least_steps: int = 300
    """Steps of the optimizer that there are at least: an epoch passes over few instances several times; at least 0."""
    optimizer: str = "adamw"
    """``adamw``, which learns more in as many epochs, or ``sgd``, stochastic gradient descent (paper)."""
    learning_rate: float = 2e-3
    """Highest learning rate (paper: 0.5, for ``sgd``)."""
    batch: int = 64
    """Sentences in a step, at least 1 (paper: 160)."""
    dropout: float = 0.5
    """Dropout rate on the representation, in [0, 1) (Nguyen and Grishman: 0.5)."""
    word_dropout: float = 0.04
    """Share of the words read as unknown ones in training, in [0, 1), so that these are learnt (Zhang et al.: 0.04)."""
    warm_up: float = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]; then they fall."""
    weight_decay: float = 0.01
    """Weight decay, at least 0."""

    def __post_init__(self) -> None:
        check_choices(self, {"marking": FORMATS, "optimizer": _DESCENTS})
        least = {"dimension": len(self.widths), "max_length": 2, "least_steps": 0, "weight_decay": 0}
        ones = (
            "epochs",
            "batch",
            "word_dimension",
            "position_dimension",
            "type_dimension",
            "least_count",
        )
        check_least(self, {**least, **dict.fromkeys(ones, 1)})
        check_above_zero(self, ("learning_rate",))
        check_rates(self, ("dropout", "word_dropout"))
        check_shares(self, ("warm_up",))

    @property
    def widths(self) -> tuple[int, ...]:
        """The windows, each once, from the narrowest.

        Raises:
            SettingError: ``windows`` is not whole numbers joined by ``-``.
        """
        found = whole_numbers("windows", self.windows, what="whole numbers", example="2-3-4-5")
        return tuple(sorted(set(found)))


class _WordEncoder(ConvolutionalEncoder):
    """The network with the words that it knows."""

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        vocabulary: WordVocabulary,
        *,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(weights, word_dropout=word_dropout)
        self.vocabulary = vocabulary


class CNNClassifier(SentenceClassifier[WordSentences]):
    """A convolutional network with a linear layer, trained from nothing with cross entropy.

    Words, their distances from head and tail, and the types of the mentions are embedded; filters over several
    windows read them, and the maximum over the sentence is what is classified (Nguyen and Grishman 2015, Zhang et al.
    2017). Left out of what the papers describe: part-of-speech tags, and the entity types of words outside of the two
    mentions, neither of which instances have. ``OnlyC`` and ``OnlyM`` show no types.

    Args:
        seed: Draws first weights, batches and dropout.
        **settings: Fields of :class:`CNNSettings`.
    """

    KIND: ClassVar[str] = "cnn-classifier"
    CITATION: ClassVar[str] = (
        "Nguyen, Grishman: Relation Extraction: Perspective from Convolutional Neural Networks. "
        "Workshop on Vector Space Modeling for NLP 2015"
    )
    SETTINGS: ClassVar[type[Any]] = CNNSettings

    def _learner(self, train: Sequence[RelationInstance]) -> _WordEncoder:
        options = self._settings
        vocabulary = WordVocabulary.of(
            train, marking=options.marking, max_length=options.max_length, least=options.least_count
        )
        weights = first_weights(
            word_vectors(
                vocabulary.words,
                dimension=options.word_dimension,
                path=self._vectors_file,
                seed=self.seed,
            ),
            n_distances=2 * options.max_length + 1,
            n_types=len(vocabulary.types),
            position_dimension=options.position_dimension,
            type_dimension=options.type_dimension,
            dimension=options.dimension,
            windows=options.widths,
            seed=self.seed,
        )
        return _WordEncoder(weights, vocabulary, word_dropout=options.word_dropout)

    def _prepare(
        self,
        learner: _WordEncoder,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress,
        on_loss: OnLoss | None = None,
    ) -> WordSentences:
        progress("read", 0, len(instances))
        sentences, lost = learner.vocabulary.sentences(instances)
        progress("read", len(instances), len(instances))
        for instance, what in zip(instances, lost, strict=True):
            if what and on_loss is not None:
                on_loss(instance, what)
        return sentences

    def _classifier(
        self,
        learner: Learner[WordSentences],
        prepared: WordSentences,
        classes: NDArray[np.int64],
        n_classes: int,
    ) -> Classifier[WordSentences]:
        options = self._settings
        return linear_head(
            learner,
            prepared,
            classes,
            n_classes,
            settings=options,
            seed=self.seed,
            head_learning_rate=options.learning_rate,
            plain=options.optimizer == "sgd",
        )

    def _fingerprint(self) -> str:
        return digest_of(self._vectors_file)

    def _keep(self, learner: _WordEncoder, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._encoder = _WordEncoder(weights, learner.vocabulary)

    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        sentences = self._prepare(self._encoder, instances, progress=silent, on_loss=on_loss)
        found = np.empty((len(sentences.lengths), self._encoder.dimension), dtype=np.float32)
        for contents, vectors in self._encoder.encoded(sentences, progress):
            found[contents] = vectors
        return found[sentences.row_of]

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        vocabulary = self._encoder.vocabulary
        told = {"words": list(vocabulary.words), "types": list(vocabulary.types)}
        return told, {f"encoder.{name}": array for name, array in self._encoder.weights().items()}

    @classmethod
    def _restored(cls, told: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        loaded = cls(**told["settings"])
        options = loaded._settings
        vocabulary = WordVocabulary(
            tuple(told["words"]), tuple(told["types"]), options.marking, options.max_length
        )
        loaded._encoder = _WordEncoder(below("encoder.", tensors), vocabulary)
        return loaded

    @property
    def _vectors_file(self) -> Path | None:
        return Path(self._settings.vectors) if self._settings.vectors else None

    _encoder: _WordEncoder
