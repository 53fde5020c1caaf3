"""The convolutional network of the RSN paper, on words and their distances from both entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.encoders import OnLoss
from relscout.encoders.convolution import (
    ConvolutionalEncoder,
    WordSentences,
    WordVocabulary,
    first_weights,
    word_vectors,
)
from relscout.methods.rsn.network import RSNSettings

#: Instances in which a word must occur to be known, and most words of an input.
_LEAST_COUNT: Final = 2
_MAX_LENGTH: Final = 120
#: The names of the entities are read, and no types.
_MARKING: Final = "C+M"


class WordNetwork(ConvolutionalEncoder):
    """A convolutional encoder with its vocabulary, in the place of a transformer.

    Args:
        weights: Weights by name; they are copied.
        vocabulary: The words that it knows.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], vocabulary: WordVocabulary) -> None:
        super().__init__(weights)
        self.vocabulary = vocabulary

    @classmethod
    def untrained(cls, instances: Sequence[RelationInstance], *, settings: RSNSettings, seed: int) -> Self:
        """Return a network with random weights that knows the words of some instances.

        Args:
            instances: The instances, labelled or not.
            settings: See :class:`RSNSettings`.
            seed: Random seed of the weights.

        Raises:
            InputError: The file of word vectors cannot be read.
        """
        vocabulary = WordVocabulary.of(
            instances, marking=_MARKING, max_length=_MAX_LENGTH, least=_LEAST_COUNT
        )
        path = Path(settings.word_vectors) if settings.word_vectors else None
        weights = first_weights(
            word_vectors(vocabulary.words, dimension=settings.word_dimension, path=path, seed=seed),
            n_distances=2 * _MAX_LENGTH + 1,
            n_types=0,
            position_dimension=settings.position_dimension,
            type_dimension=0,
            dimension=settings.filters,
            windows=settings.window_widths,
            seed=seed,
        )
        return cls(weights, vocabulary)

    def prepare(
        self, instances: Sequence[RelationInstance], *, on_loss: OnLoss | None = None
    ) -> WordSentences:
        """Return instances as numbers; ``on_loss`` is called with each that was cut, and what was cut."""
        sentences, lost = self.vocabulary.sentences(instances)
        for instance, what in zip(instances, lost, strict=True):
            if what and on_loss is not None:
                on_loss(instance, what)
        return sentences

    def encode_contents(self, prepared: WordSentences, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return vectors (M, D), float32, of all prepared contents."""
        vectors = np.empty((len(prepared.lengths), self.dimension), dtype=np.float32)
        for contents, batch in self.encoded(prepared, progress):
            vectors[contents] = batch
        return vectors

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return vectors (N, D), float32, of unit length."""
        prepared = self.prepare(instances, on_loss=on_loss)
        return unit_length(self.encode_contents(prepared, progress=progress))[prepared.row_of]

    def words(self) -> list[str]:
        """Return the known words by their numbers, as JSON values for :meth:`restored`."""
        return list(self.vocabulary.words)

    @classmethod
    def restored(cls, words: Sequence[Any], weights: Mapping[str, NDArray[np.float32]]) -> Self:
        """Return the network of which :meth:`words` and :meth:`weights` were saved."""
        return cls(weights, WordVocabulary(tuple(map(str, words)), (), _MARKING, _MAX_LENGTH))
