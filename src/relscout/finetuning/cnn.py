"""A classifier on a convolutional network (Nguyen and Grishman 2015), the baseline of Peng et al. (2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.core.errors import SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.settings import (
    WIDEST,
    AboveZero,
    AtLeast0,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Numbers,
    OneOf,
    Rate,
    Share,
    Width,
    numbers_of,
    settings_class,
)
from relscout.encoders import OnLoss
from relscout.encoders.convolution import (
    FORMATS,
    UNKNOWN,
    ConvolutionalEncoder,
    WordSentences,
    WordVocabulary,
    digest_of,
    first_weights,
    word_vectors,
)
from relscout.finetuning.classifier import SentenceClassifier, linear_head
from relscout.text.spacy_pipeline import looks_english
from relscout.training.classification import Classifier, Learner
from relscout.training.stored import below

#: Instances of which the unknown words are counted.
_SAMPLE = 500


@settings_class
class CNNSettings:
    """Settings of the convolutional network; what the papers say stands in each description."""

    marking: Annotated[str, OneOf(FORMATS)] = "C+M"
    """Input format: ``C+M``, ``C+T``, ``OnlyC``, ``OnlyM`` or ``OnlyT``."""
    windows: Numbers = "2-3-4-5"
    """Words that a filter reads, joined by ``-`` (Nguyen and Grishman 2015)."""
    dimension: Width = 230
    """Dimensions of the representation, or of each piece, shared by the windows (paper: a hidden size of 230)."""
    pooling: Literal["sentence", "pieces"] = "sentence"
    """Maximum over the ``sentence``, or over its ``pieces``: up to the first mention, up to the second, the rest."""
    word_dimension: Width = 100
    """Dimensions of a word embedding, at least 1; word vectors that are given decide it."""
    position_dimension: Width = 50
    """Dimensions of the embedding of a word's distance from the head, and from the tail (Nguyen and Grishman: 50)."""
    type_dimension: Width = 30
    """Dimensions of the embedding of an entity type (Zhang et al. 2017: 30); not used where no mention has a type."""
    tag_dimension: Annotated[int, Field(ge=0, le=WIDEST)] = 0
    """Dimensions of the embedding of a word's part of speech, and of its entity tag (Zhang et al. 2017: 30); 0 reads no
    tags. The tagger is for English."""
    vectors: str = ""
    """Text file of word vectors to start from, such as GloVe's; empty draws them all."""
    least_count: AtLeast1 = 1
    """How often a word must be in the training data to be known, at least 1."""
    max_length: AtLeast2 = 100
    """Most words of an input, at least 2 (paper: 100); longer sentences are cut around the entities."""
    epochs: AtLeast1 = 20
    """Epochs, of which the best is chosen: passes over the training data; at least 1."""
    least_steps: AtLeast0 = 300
    """Steps of the optimizer that there are at least: an epoch passes over few instances several times; at least 0."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """``adamw``, which learns more in as many epochs, or ``sgd``, stochastic gradient descent (paper)."""
    learning_rate: AboveZero = 2e-3
    """Highest learning rate (paper: 0.5, for ``sgd``)."""
    batch: AtLeast1 = 64
    """Sentences in a step, at least 1 (paper: 160)."""
    dropout: Rate = 0.5
    """Dropout rate on the representation, in [0, 1) (Nguyen and Grishman: 0.5)."""
    word_dropout: Rate = 0.04
    """Share of the words read as unknown ones in training, in [0, 1), so that these are learnt (Zhang et al.: 0.04)."""
    warm_up: Share = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]; then they fall."""
    weight_decay: NotNegative = 0.01
    """Weight decay, at least 0."""

    def __post_init__(self) -> None:
        if self.dimension < len(self.widths):
            raise SettingError(
                f"dimension is {self.dimension}, expected at least {len(self.widths)}, one for each window"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """The windows, each once, from the narrowest."""
        return tuple(sorted(set(numbers_of(self.windows))))

    @property
    def vectors_file(self) -> Path | None:
        """The file of word vectors, if any."""
        return Path(self.vectors) if self.vectors else None

    @property
    def in_pieces(self) -> bool:
        """Whether the maximum is taken in pieces."""
        return self.pooling == "pieces"


class WordEncoder(ConvolutionalEncoder):
    """A convolutional network and its vocabulary.

    Args:
        weights: Weights by name; they are copied.
        vocabulary: Numbers of the words, types and tags.
        word_dropout: Share of the words that training reads as unknown, in [0, 1).
        pieces: Whether the maximum is taken in pieces.
    """

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        vocabulary: WordVocabulary,
        *,
        word_dropout: float = 0.0,
        pieces: bool,
    ) -> None:
        super().__init__(weights, word_dropout=word_dropout, pieces=pieces)
        self.vocabulary = vocabulary

    @classmethod
    def of(cls, train: Sequence[RelationInstance], settings: CNNSettings, *, seed: int) -> WordEncoder:
        """Return an untrained network with the words of the training data.

        Args:
            train: The training data.
            settings: See :class:`CNNSettings`.
            seed: Random seed of the initial weights.

        Raises:
            SettingError: Tags are read, and the text does not look English.
            InputError: The file of word vectors cannot be read.
        """
        if settings.tag_dimension and not looks_english([instance.text for instance in train]):
            raise SettingError(
                f"tag_dimension is {settings.tag_dimension}, but the text does not look English, and the tagger is for "
                "English; set it to 0"
            )
        vocabulary = WordVocabulary.of(
            train,
            marking=settings.marking,
            max_length=settings.max_length,
            least=settings.least_count,
            tagged=settings.tag_dimension > 0,
        )
        words = word_vectors(
            vocabulary.words, dimension=settings.word_dimension, path=settings.vectors_file, seed=seed
        )
        weights = first_weights(
            words,
            n_distances=2 * settings.max_length + 1,
            n_types=len(vocabulary.types),
            position_dimension=settings.position_dimension,
            type_dimension=settings.type_dimension,
            dimension=settings.dimension,
            windows=settings.widths,
            seed=seed,
            n_parts=len(vocabulary.parts or ()),
            n_entities=len(vocabulary.entities),
            tag_dimension=settings.tag_dimension,
        )
        return cls(weights, vocabulary, word_dropout=settings.word_dropout, pieces=settings.in_pieces)

    def prepare(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None = None
    ) -> WordSentences:
        """Return instances as numbers.

        Args:
            instances: The instances.
            progress: Called with the number of instances done, stage ``"read"``.
            on_loss: Called with each truncated instance, and what was lost.
        """
        progress("read", 0, len(instances))
        sentences, lost = self.vocabulary.sentences(instances)
        progress("read", len(instances), len(instances))
        for instance, what in zip(instances, lost, strict=True):
            if what and on_loss is not None:
                on_loss(instance, what)
        return sentences

    def encode(self, sentences: WordSentences, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, of the instances that were prepared, without dropout."""
        vectors = np.empty((len(sentences.lengths), self.dimension), dtype=np.float32)
        for contents, batch in self.encoded(sentences, progress):
            vectors[contents] = batch
        return vectors[sentences.row_of]

    def described(self) -> dict[str, Any]:
        """Return the vocabulary as JSON values."""
        known = self.vocabulary
        parts = None if known.parts is None else list(known.parts)
        return {
            "words": list(known.words),
            "types": list(known.types),
            "parts": parts,
            "entities": list(known.entities),
        }

    @classmethod
    def restored(
        cls, details: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]], settings: CNNSettings
    ) -> WordEncoder:
        """Return a network from its weights and from what :meth:`described` returned."""
        parts = details["parts"]
        vocabulary = WordVocabulary(
            tuple(details["words"]),
            tuple(details["types"]),
            settings.marking,
            settings.max_length,
            None if parts is None else tuple(parts),
            tuple(details["entities"]),
        )
        return cls(weights, vocabulary, word_dropout=settings.word_dropout, pieces=settings.in_pieces)


class CNNClassifier(SentenceClassifier[WordSentences]):
    """A convolutional network with a linear layer, trained from random weights with cross entropy.

    Words, their distances from head and tail, and the types of the mentions are embedded. Filters of several widths
    read them, and a linear layer classifies the maxima over the sentence (Nguyen and Grishman 2015, Zhang et al. 2017),
    or over its three pieces (PCNN: Zeng et al. 2015). With ``tag_dimension``, parts of speech and entity tags of all
    words are embedded as well, as in Peng et al. (2020), section 2.1. The formats ``OnlyC`` and ``OnlyM`` show no types
    of the mentions, and ``OnlyM`` no entity tags.

    Args:
        seed: Random seed of initial weights, batches and dropout.

    The other parameters are the fields of :class:`CNNSettings`.
    """

    KIND: ClassVar[str] = "cnn-classifier"
    CITATION: ClassVar[str] = (
        "Nguyen, Grishman: Relation Extraction: Perspective from Convolutional Neural Networks. "
        "Workshop on Vector Space Modeling for NLP 2015"
    )
    SETTINGS: ClassVar[type[Any]] = CNNSettings

    def __init__(
        self,
        *,
        seed: int = 0,
        marking: str = CNNSettings.marking,
        windows: str = CNNSettings.windows,
        dimension: int = CNNSettings.dimension,
        pooling: Literal["sentence", "pieces"] = CNNSettings.pooling,
        word_dimension: int = CNNSettings.word_dimension,
        position_dimension: int = CNNSettings.position_dimension,
        type_dimension: int = CNNSettings.type_dimension,
        tag_dimension: int = CNNSettings.tag_dimension,
        vectors: str = CNNSettings.vectors,
        least_count: int = CNNSettings.least_count,
        max_length: int = CNNSettings.max_length,
        epochs: int = CNNSettings.epochs,
        least_steps: int = CNNSettings.least_steps,
        optimizer: Literal["adamw", "sgd"] = CNNSettings.optimizer,
        learning_rate: float = CNNSettings.learning_rate,
        batch: int = CNNSettings.batch,
        dropout: float = CNNSettings.dropout,
        word_dropout: float = CNNSettings.word_dropout,
        warm_up: float = CNNSettings.warm_up,
        weight_decay: float = CNNSettings.weight_decay,
    ) -> None:
        self._store(locals())

    def _learner(self, train: Sequence[RelationInstance]) -> WordEncoder:
        return WordEncoder.of(train, self._settings, seed=self.seed)

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
        return digest_of(self._settings.vectors_file)

    def _keep(self, learner: WordEncoder, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._encoder = WordEncoder(weights, learner.vocabulary, pieces=self._settings.in_pieces)

    def _vectors(
        self, instances: Sequence[RelationInstance], *, progress: Progress, on_loss: OnLoss | None
    ) -> NDArray[np.float32]:
        sentences = self._encoder.prepare(instances, progress=silent, on_loss=on_loss)
        return self._encoder.encode(sentences, progress=progress)

    def unknown_share(self, instances: Sequence[RelationInstance]) -> float:
        """Return the share of the words of instances that have no vector of their own, from 0 to 1, in a sample."""
        sample = sorted(instances, key=lambda instance: instance.id)[:_SAMPLE]
        words = self._encoder.vocabulary.sentences(sample)[0].ids[0]
        return float((words == UNKNOWN).mean()) if len(words) else 0.0

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return self._encoder.described(), {
            f"encoder.{name}": array for name, array in self._encoder.weights().items()
        }

    @classmethod
    def _restored(cls, details: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        loaded = cls(**details["settings"])
        loaded._encoder = WordEncoder.restored(details, below("encoder.", tensors), loaded._settings)
        return loaded

    _encoder: WordEncoder
