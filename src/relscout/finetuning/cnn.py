"""A convolutional network on words (Nguyen and Grishman 2015), the baseline of Peng et al. (2020)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import (
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
from relscout.encoders.inputs import batches, rows_by_content
from relscout.encoders.marking import TYPES_INSTEAD, align, excerpt, fit, keeps_context, reveal
from relscout.finetuning.classifier import SentenceClassifier, linear_head
from relscout.training.classification import Classifier, Learner
from relscout.training.stored import below

if TYPE_CHECKING:
    import torch


#: Standard deviation of drawn vectors.
_STD = 0.1


def word_vectors(
    words: Sequence[str], *, dimension: int, path: Path | None, seed: int
) -> NDArray[np.float32]:
    """Return a vector of each word (V, E), float32, from a file; words that it lacks get random ones.

    Args:
        words: The words, in lower case.
        dimension: Dimension E of the vectors if there is no file.
        path: A text file with a word and its vector in each line, as GloVe and word2vec write them.
        seed: Random seed of the random vectors.

    Raises:
        InputError: The file cannot be read, or its lines have different numbers of values.
    """
    given = {} if path is None else _read(path, frozenset(words))
    if given:
        dimension = len(next(iter(given.values())))
    vectors = (_STD * generator(seed, "words").standard_normal((len(words), dimension))).astype(np.float32)
    for place, word in enumerate(words):
        if word in given:
            vectors[place] = given[word]
    return vectors


def digest_of(path: Path | None) -> str:
    """Return a hash of the file; empty for ``None``.

    Raises:
        InputError: The file cannot be read.
    """
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _read(path: Path, wanted: frozenset[str]) -> dict[str, NDArray[np.float32]]:
    vectors: dict[str, NDArray[np.float32]] = {}
    width: int | None = None
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                word, *numbers = line.rstrip().split(" ")
                if number == 1 and len(numbers) == 1:
                    continue  # word2vec's first line counts words and dimensions
                width = width or len(numbers)
                if len(numbers) != width or not numbers:
                    raise InputError(
                        f"{path}, line {number}: {len(numbers)} numbers after the word, expected {width or 'some'}; "
                        "each line has a word and its vector, separated by single spaces"
                    )
                # the first spelling of a word is the most frequent one
                if word.lower() in wanted and word.lower() not in vectors:
                    vectors[word.lower()] = np.array(numbers, dtype=np.float32)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}, line {number}: {error}; expected a word and its vector") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not vectors:
        raise InputError(
            f"{path}: it has no vector for any of the {len(wanted)} words of the training data; is it in the same "
            "language?"
        )
    return vectors


#: Input formats (Peng et al. 2020, section 2.2); C+M shows the names and the types of the mentions.
FORMATS = ("C+M", "C+T", "OnlyC", "OnlyM", "OnlyT")
#: Maximum characters per word of the longest input; a longer text is cut around its mentions before it is split.
_REACH = 40
_WORD = re.compile(r"\w+|[^\w\s]")
PADDING, UNKNOWN = 0, 1
#: Special words for padding, unknown words and hidden mentions; words of a text have no spaces.
_SPECIAL = ("the padding", "an unknown word", "the head", "the tail")
#: Ids of special words among the places of the words in the text.
_NO_WORD, _HEAD, _TAIL = -1, -2, -3
NO_TYPE = 0


@dataclass(frozen=True)
class Shown:
    """The words of an instance in one input format.

    Args:
        words: Words in lower case, and special words in place of hidden mentions.
        from_head: Distance of each word from the head (T,), int64; negative before it, 0 inside.
        from_tail: The same for the tail.
        types: Entity type of the mention of each word; ``None`` outside of mentions, and if types are not shown.
        lost: What was truncated (see :func:`relscout.encoders.marking.fit`).
    """

    words: list[str]
    from_head: NDArray[np.int64]
    from_tail: NDArray[np.int64]
    types: list[str | None]
    lost: str


def shown(instance: RelationInstance, marking: str, max_length: int) -> Shown:
    """Return an instance in an input format, truncated to ``max_length`` words around both mentions."""
    text, head, tail = excerpt(instance, _REACH * max_length)
    # words end at the edges of mentions, so that a hidden mention is replaced completely
    edges = sorted({0, len(text), head.start, head.end, tail.start, tail.end})
    spans = [
        (match.start(), match.end())
        for start, end in pairwise(edges)
        for match in _WORD.finditer(text, start, end)
    ]
    sentence = align(list(range(len(spans))), spans, head, tail, unknown_id=_NO_WORD)
    hidden = marking == "OnlyC" or marking in TYPES_INSTEAD
    instead = ((_HEAD,), (_TAIL,)) if hidden else None
    window, lost = fit(reveal(sentence, instead=instead, keep_context=keeps_context(marking)), max_length)
    kinds = (instance.head.type, instance.tail.type)
    stands = {_NO_WORD: _SPECIAL[1], _HEAD: _SPECIAL[2], _TAIL: _SPECIAL[3]}
    if marking in TYPES_INSTEAD:
        stands |= {place: f"type {kind}" for place, kind in zip((_HEAD, _TAIL), kinds, strict=True)}
    words = [
        stands[place] if place < 0 else text[spans[place][0] : spans[place][1]].lower()
        for place in window.ids
    ]
    types: list[str | None] = [None] * len(words)
    if marking not in ("OnlyC", "OnlyM"):
        for (start, end), kind in zip((window.head, window.tail), kinds, strict=True):
            types[start:end] = [kind] * (end - start)
    places = np.arange(len(words))
    from_head, from_tail = (
        np.minimum(places - start, 0) + np.maximum(places - end + 1, 0)
        for start, end in (window.head, window.tail)
    )
    return Shown(words, from_head, from_tail, types, lost)


@dataclass(frozen=True)
class WordSentences:
    """N instances as words. Equal instances share one of M contents.

    Args:
        row_of: Content of each instance (N,), int64.
        lengths: Number of words of each content (M,), int64.
        ids: Words, distances from head and tail (from 0), and types of all contents, concatenated (4, sum of lengths),
            int64.
    """

    row_of: NDArray[np.int64]
    lengths: NDArray[np.int64]
    ids: NDArray[np.int64]

    def padded(self, contents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return words, distances and types (4, B, T) of some contents (B,), padded with 0."""
        lengths = self.lengths[contents]
        out = np.zeros((4, len(contents), int(lengths.max())), dtype=np.int64)
        ends = np.cumsum(self.lengths)
        for row, (content, length) in enumerate(zip(contents, lengths, strict=True)):
            out[:, row, :length] = self.ids[:, ends[content] - length : ends[content]]
        return out


@dataclass(frozen=True)
class WordVocabulary:
    """Numbers of the words and types in the training data.

    Args:
        words: Words by their numbers; the first four are special.
        types: Entity types by their numbers, from 1; 0 is no type.
        marking: Input format.
        max_length: Most words of an input.
    """

    words: tuple[str, ...]
    types: tuple[str, ...]
    marking: str
    max_length: int

    @classmethod
    def of(
        cls, train: Iterable[RelationInstance], *, marking: str, max_length: int, least: int
    ) -> WordVocabulary:
        """Count the words of the training data in an input format.

        Args:
            train: The training data.
            marking: Input format.
            max_length: Most words of an input.
            least: Minimum count of a word with a number of its own.
        """
        sentences = [shown(instance, marking, max_length) for instance in train]
        counts = Counter(word for sentence in sentences for word in sentence.words if word not in _SPECIAL)
        words = sorted(
            (word for word, count in counts.items() if count >= least), key=_frequent_first(counts)
        )
        types = sorted({kind for sentence in sentences for kind in sentence.types if kind is not None})
        return cls((*_SPECIAL, *words), tuple(types), marking, max_length)

    def sentences(self, instances: Sequence[RelationInstance]) -> tuple[WordSentences, list[str]]:
        """Return instances as numbers, and what was truncated in each of them (N,)."""
        number = {word: place for place, word in enumerate(self.words)}
        types = {kind: place for place, kind in enumerate(self.types, start=1)}
        rows = rows_by_content(instances)
        row_of = np.empty(len(instances), dtype=np.int64)
        lost = [""] * len(instances)
        pieces, lengths = [], []
        # in the order of the keys, which does not depend on the order of the instances
        for content, key in enumerate(sorted(rows)):
            same = rows[key]
            row_of[same] = content
            sentence = shown(instances[same[0]], self.marking, self.max_length)
            ids = [number.get(word, UNKNOWN) for word in sentence.words]
            kinds = [NO_TYPE if kind is None else types.get(kind, NO_TYPE) for kind in sentence.types]
            distances = [distance + self.max_length for distance in (sentence.from_head, sentence.from_tail)]
            pieces.append(np.array([ids, *distances, kinds], dtype=np.int64))
            lengths.append(len(ids))
            for row in same:
                lost[row] = sentence.lost
        joined = np.concatenate(pieces, axis=1) if pieces else np.zeros((4, 0), dtype=np.int64)
        return WordSentences(row_of, np.array(lengths, dtype=np.int64), joined), lost


def _frequent_first(counts: Counter[str]) -> Callable[[str], tuple[int, str]]:
    return lambda word: (-counts[word], word)


#: Instances of which the unknown words are counted.
_SAMPLE = 500
#: Words in a batch without training, padding included.
_BATCH_WORDS = 8192


class ConvolutionalEncoder:
    """Word, position and type embeddings, convolutions of several windows, and the maximum over the sentence.

    The vector of a sentence does not depend on its padding.

    Args:
        weights: Weights by name, from :func:`first_weights` or :meth:`weights`; they are copied.
        word_dropout: Share of the words that training replaces by the unknown word, in [0, 1).
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], *, word_dropout: float = 0.0) -> None:
        import torch
        from torch.nn import Conv1d, Embedding, ModuleDict

        self.device = torch.device("cpu")
        self.scale = 1.0
        self._word_dropout = word_dropout
        tensors = {name: torch.tensor(array) for name, array in weights.items()}
        self._tables, self._filters = ModuleDict(), dict[int, Conv1d]()
        for name in _TABLES:
            if (table := tensors.get(f"tables.{name}.weight")) is not None:
                self._tables[name] = Embedding(len(table), table.shape[1], device="meta")
        for window in sorted({int(name.split(".")[1]) for name in tensors if name.startswith("filters.")}):
            n_filters, width, _ = tensors[f"filters.{window}.weight"].shape
            self._filters[window] = Conv1d(width, n_filters, window, device="meta")
        filters = ModuleDict({str(window): layer for window, layer in self._filters.items()})
        self._network = ModuleDict({"tables": self._tables, "filters": filters}).eval()
        self._network.load_state_dict(tensors, assign=True)

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return sum(layer.out_channels for layer in self._filters.values())

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return the parameters that train: all."""
        return self._network.parameters()

    def train(self, mode: bool = True) -> None:
        """Switch the dropout of words on or off."""
        self._network.train(mode)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of all weights, by name."""
        return {name: tensor.numpy().copy() for name, tensor in self._network.state_dict().items()}

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Load weights that :meth:`weights` returned."""
        import torch

        self._network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})

    def __call__(self, prepared: WordSentences, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents (B,)."""
        import torch
        from torch.nn.functional import pad

        words, from_head, from_tail, types = torch.from_numpy(prepared.padded(contents))
        inside = words != PADDING  # (B, T)
        if self._network.training and self._word_dropout:
            hidden = torch.rand(words.shape) < self._word_dropout
            words = torch.where(hidden & inside, UNKNOWN, words)
        ids = dict(zip(_TABLES, (words, from_head, from_tail, types), strict=True))
        x = torch.cat([table(ids[name]) for name, table in self._tables.items()], dim=2)  # (B, T, E)
        x = (x * inside[..., None]).transpose(1, 2)  # (B, E, T)
        pooled = []
        for window, layer in self._filters.items():
            scores = layer(pad(x, ((window - 1) // 2, window // 2)))  # (B, F, T)
            pooled.append(scores.masked_fill(~inside[:, None], -torch.inf).amax(dim=2))
        return torch.cat(pooled, dim=1).tanh()  # (B, D)

    def encoded(
        self, prepared: WordSentences, progress: Progress
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield contents (B,) and their vectors (B, D), float32, without dropout."""
        import torch

        self.train(False)
        done = 0
        for batch in batches(prepared.lengths, _BATCH_WORDS):
            with torch.inference_mode():
                vectors: NDArray[np.float32] = self(prepared, batch).numpy()
            yield batch, vectors
            done += len(batch)
            progress("encode", done, len(prepared.lengths))


#: Embeddings of words, of distances from head and tail, and of types.
_TABLES = ("words", "from_head", "from_tail", "types")


def first_weights(
    words: NDArray[np.float32],
    *,
    n_distances: int,
    n_types: int,
    position_dimension: int,
    type_dimension: int,
    dimension: int,
    windows: Sequence[int],
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """Return the initial weights.

    Args:
        words: Embeddings of the words (V, E).
        n_distances: Number of different distances from a mention.
        n_types: Number of entity types; 0 for no type embeddings.
        position_dimension: Dimensions of the embedding of a distance.
        type_dimension: Dimensions of the embedding of a type.
        dimension: Dimensions D of the representation, shared by the windows.
        windows: Numbers of words that a filter reads.
        seed: Random seed.
    """
    random = generator(seed, "convolution")

    def normal(*shape: int, std: float) -> NDArray[Any]:
        return (std * random.standard_normal(shape)).astype(np.float32)

    weights = {"tables.words.weight": words}
    for name in ("from_head", "from_tail"):
        weights[f"tables.{name}.weight"] = normal(n_distances, position_dimension, std=0.1)
    width = words.shape[1] + 2 * position_dimension
    if n_types:
        weights["tables.types.weight"] = normal(n_types + 1, type_dimension, std=0.1)
        width += type_dimension
    for place, window in enumerate(windows):
        n_filters = dimension // len(windows) + (place < dimension % len(windows))
        weights[f"filters.{window}.weight"] = normal(n_filters, width, window, std=(window * width) ** -0.5)
        weights[f"filters.{window}.bias"] = np.zeros(n_filters, dtype=np.float32)
    return weights


_DESCENTS = ("adamw", "sgd")


@settings_class
class CNNSettings:
    """Settings of the convolutional network; what the papers say stands in each description."""

    marking: Annotated[str, OneOf(FORMATS)] = "C+M"
    """Input format: ``C+M``, ``C+T``, ``OnlyC``, ``OnlyM`` or ``OnlyT``."""
    windows: Numbers = "2-3-4-5"
    """Words that a filter reads, joined by ``-`` (Nguyen and Grishman 2015)."""
    dimension: Width = 230
    """Dimensions of the representation, shared by the windows (paper: a hidden size of 230)."""
    word_dimension: Width = 100
    """Dimensions of a word embedding, at least 1; word vectors that are given decide it."""
    position_dimension: Width = 50
    """Dimensions of the embedding of a word's distance from the head, and from the tail (Nguyen and Grishman: 50)."""
    type_dimension: Width = 30
    """Dimensions of the embedding of an entity type (Zhang et al. 2017: 30); not used where no mention has a type."""
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


class _WordEncoder(ConvolutionalEncoder):
    """The network and its vocabulary."""

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
    """A convolutional network with a linear layer, trained from random weights with cross entropy.

    Words, their distances from head and tail, and the types of the mentions are embedded. Filters of several widths
    read them, and a linear layer classifies the maxima over the sentence (Nguyen and Grishman 2015, Zhang et al. 2017).
    The papers also use part-of-speech tags and the entity types of all words, which instances lack. The formats
    ``OnlyC`` and ``OnlyM`` show no types.

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
        word_dimension: int = CNNSettings.word_dimension,
        position_dimension: int = CNNSettings.position_dimension,
        type_dimension: int = CNNSettings.type_dimension,
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
        vectors = np.empty((len(sentences.lengths), self._encoder.dimension), dtype=np.float32)
        for contents, batch in self._encoder.encoded(sentences, progress):
            vectors[contents] = batch
        return vectors[sentences.row_of]

    def unknown_share(self, instances: Sequence[RelationInstance]) -> float:
        """Return the share of the words of instances that have no vector of their own, from 0 to 1, in a sample."""
        sample = sorted(instances, key=lambda instance: instance.id)[:_SAMPLE]
        words = self._encoder.vocabulary.sentences(sample)[0].ids[0]
        return float((words == UNKNOWN).mean()) if len(words) else 0.0

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        vocabulary = self._encoder.vocabulary
        described = {"words": list(vocabulary.words), "types": list(vocabulary.types)}
        return described, {f"encoder.{name}": array for name, array in self._encoder.weights().items()}

    @classmethod
    def _restored(cls, details: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        loaded = cls(**details["settings"])
        options = loaded._settings
        vocabulary = WordVocabulary(
            tuple(details["words"]), tuple(details["types"]), options.marking, options.max_length
        )
        loaded._encoder = _WordEncoder(below("encoder.", tensors), vocabulary)
        return loaded

    @property
    def _vectors_file(self) -> Path | None:
        return Path(self._settings.vectors) if self._settings.vectors else None

    _encoder: _WordEncoder
