"""A convolutional network on words, an encoder that is trained from random weights.

Nguyen and Grishman, "Relation Extraction: Perspective from Convolutional Neural Networks" (2015); in pieces, Zeng, Liu,
Chen and Zhao, "Distant Supervision for Relation Extraction via Piecewise Convolutional Neural Networks" (EMNLP 2015).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.wording import counted
from relscout.encoders.inputs import batches, rows_by_content
from relscout.encoders.marking import TYPES_INSTEAD, align, excerpt, fit, keeps_context, reveal
from relscout.text.word_tags import WordTags, word_tags

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
                        f"{path}, line {number}: {counted(len(numbers), 'number')} after the word, expected "
                        f"{width or 'some'}; "
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
        parts: Part of speech of each word; ``None`` if it is not known, or the word is hidden.
        entities: Type of the entity that each word is in, by a tagger; ``None`` also outside of entities.
        lost: What was truncated (see :func:`relscout.encoders.marking.fit`).
    """

    words: list[str]
    from_head: NDArray[np.int64]
    from_tail: NDArray[np.int64]
    types: list[str | None]
    parts: list[str | None]
    entities: list[str | None]
    lost: str


def shown(instance: RelationInstance, marking: str, max_length: int, tags: WordTags | None = None) -> Shown:
    """Return an instance in an input format, truncated to ``max_length`` words around both mentions.

    Args:
        instance: The instance.
        marking: A name of :data:`FORMATS`.
        max_length: Maximum number of words.
        tags: Tags of the words of its text, if they are read.
    """
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
    parts: list[str | None] = [None] * len(words)
    entities: list[str | None] = [None] * len(words)
    if tags is not None:
        offset = instance.head.start - head.start  # of the excerpt in the text
        for number, place in enumerate(window.ids):
            if place >= 0:
                start, end = spans[place]
                parts[number], entities[number] = tags.at(start + offset, end + offset)
        if marking == "OnlyM":
            # types are what OnlyT shows
            entities = [None] * len(words)
    types: list[str | None] = [None] * len(words)
    if marking not in ("OnlyC", "OnlyM"):
        for (start, end), kind in zip((window.head, window.tail), kinds, strict=True):
            types[start:end] = [kind] * (end - start)
    places = np.arange(len(words))
    from_head, from_tail = (
        np.minimum(places - start, 0) + np.maximum(places - end + 1, 0)
        for start, end in (window.head, window.tail)
    )
    return Shown(words, from_head, from_tail, types, parts, entities, lost)


@dataclass(frozen=True)
class WordSentences:
    """N instances as words. Equal instances share one of M contents.

    Args:
        row_of: Content of each instance (N,), int64.
        lengths: Number of words of each content (M,), int64.
        ids: Words, distances from head and tail (from 0), and types of all contents, concatenated (4, sum of lengths),
            int64; with tags also parts of speech and entity types (6, sum of lengths).
    """

    row_of: NDArray[np.int64]
    lengths: NDArray[np.int64]
    ids: NDArray[np.int64]

    def padded(self, contents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return words, distances and types (4 or 6, B, T) of some contents (B,), padded with 0."""
        lengths = self.lengths[contents]
        out = np.zeros((len(self.ids), len(contents), int(lengths.max())), dtype=np.int64)
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
        parts: Parts of speech by their numbers, from 1; ``None`` if no tags are read.
        entities: Entity types of a tagger by their numbers, from 1.
    """

    words: tuple[str, ...]
    types: tuple[str, ...]
    marking: str
    max_length: int
    parts: tuple[str, ...] | None = None
    entities: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        train: Sequence[RelationInstance],
        *,
        marking: str,
        max_length: int,
        least: int,
        tagged: bool = False,
    ) -> WordVocabulary:
        """Count the words of the training data in an input format.

        Args:
            train: The training data.
            marking: Input format.
            max_length: Most words of an input.
            least: Minimum count of a word with a number of its own.
            tagged: Whether parts of speech and entity types of all words are read, by a tagger for English.
        """
        tags = word_tags(instance.text for instance in train) if tagged else {}
        sentences = [shown(instance, marking, max_length, tags.get(instance.text)) for instance in train]
        counts = Counter(word for sentence in sentences for word in sentence.words if word not in _SPECIAL)
        words = sorted(
            (word for word, count in counts.items() if count >= least), key=_frequent_first(counts)
        )

        def known(name: str) -> tuple[str, ...]:
            return tuple(
                sorted(
                    {kind for sentence in sentences for kind in getattr(sentence, name) if kind is not None}
                )
            )

        parts = known("parts") if tagged else None
        return cls((*_SPECIAL, *words), known("types"), marking, max_length, parts, known("entities"))

    def sentences(self, instances: Sequence[RelationInstance]) -> tuple[WordSentences, list[str]]:
        """Return instances as numbers, and what was truncated in each of them (N,)."""
        number = {word: place for place, word in enumerate(self.words)}
        types, parts, entities = (
            {kind: place for place, kind in enumerate(kinds, start=1)}
            for kinds in (self.types, self.parts or (), self.entities)
        )
        tags = {} if self.parts is None else word_tags(instance.text for instance in instances)
        rows = rows_by_content(instances)
        row_of = np.empty(len(instances), dtype=np.int64)
        lost = [""] * len(instances)
        pieces, lengths = [], []
        # in the order of the keys, which does not depend on the order of the instances
        for content, key in enumerate(sorted(rows)):
            same = rows[key]
            row_of[same] = content
            instance = instances[same[0]]
            sentence = shown(instance, self.marking, self.max_length, tags.get(instance.text))
            ids = [number.get(word, UNKNOWN) for word in sentence.words]
            distances = [distance + self.max_length for distance in (sentence.from_head, sentence.from_tail)]
            read = [(types, sentence.types)]
            if self.parts is not None:
                read += [(parts, sentence.parts), (entities, sentence.entities)]
            kinds = [[numbers.get(kind or "", NO_TYPE) for kind in named] for numbers, named in read]
            pieces.append(np.array([ids, *distances, *kinds], dtype=np.int64))
            lengths.append(len(ids))
            for row in same:
                lost[row] = sentence.lost
        height = 4 if self.parts is None else 6
        joined = np.concatenate(pieces, axis=1) if pieces else np.zeros((height, 0), dtype=np.int64)
        return WordSentences(row_of, np.array(lengths, dtype=np.int64), joined), lost


def _frequent_first(counts: Counter[str]) -> Callable[[str], tuple[int, str]]:
    return lambda word: (-counts[word], word)


#: Words in a batch without training, padding included.
_BATCH_WORDS = 8192


class ConvolutionalEncoder:
    """Embeddings of words, positions, types and tags, convolutions of several windows, and maxima over the sentence.

    In pieces, the maximum is taken over each of three parts of the sentence (Zeng et al. 2015): up to the end of the
    first mention, from there to the end of the second one, and after it. A part without words is 0.

    The vector of a sentence does not depend on its padding.

    Args:
        weights: Weights by name, from :func:`first_weights` or :meth:`weights`; they are copied.
        word_dropout: Share of the words that training replaces by the unknown word, in [0, 1).
        pieces: Whether the maximum is taken in pieces, so that a vector has three times the dimensions.
    """

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        *,
        word_dropout: float = 0.0,
        pieces: bool = False,
    ) -> None:
        import torch
        from torch.nn import Conv1d, Embedding, ModuleDict

        self.device = torch.device("cpu")
        self.scale = 1.0
        self._word_dropout, self._n_pieces = word_dropout, 3 if pieces else 1
        tensors = {name: torch.tensor(array) for name, array in weights.items()}
        #: Number of the distance 0, in the middle of all.
        self._no_distance = len(tensors["tables.from_head.weight"]) // 2
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
        return self._n_pieces * sum(layer.out_channels for layer in self._filters.values())

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

        words, from_head, from_tail, *kinds = torch.from_numpy(prepared.padded(contents))
        inside = words != PADDING  # (B, T)
        if self._network.training and self._word_dropout:
            hidden = torch.rand(words.shape) < self._word_dropout
            words = torch.where(hidden & inside, UNKNOWN, words)
        ids = dict(zip(_TABLES, (words, from_head, from_tail, *kinds), strict=False))
        x = torch.cat([table(ids[name]) for name, table in self._tables.items()], dim=2)  # (B, T, E)
        x = (x * inside[..., None]).transpose(1, 2)  # (B, E, T)
        pieces = [inside]
        if self._n_pieces > 1:
            # number of mentions that each word follows (B, T)
            passed = (from_head > self._no_distance).long() + (from_tail > self._no_distance).long()
            pieces = [inside & (passed == piece) for piece in range(self._n_pieces)]
        pooled = []
        for window, layer in self._filters.items():
            scores = layer(pad(x, ((window - 1) // 2, window // 2)))  # (B, F, T)
            pooled += [scores.masked_fill(~piece[:, None], -torch.inf).amax(dim=2) for piece in pieces]
        h = torch.cat(pooled, dim=1)  # (B, D)
        return h.masked_fill(h == -torch.inf, 0.0).tanh()

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


#: Embeddings of words, of distances from head and tail, of types, and of the tags of all words.
_TABLES = ("words", "from_head", "from_tail", "types", "parts", "entities")


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
    n_parts: int = 0,
    n_entities: int = 0,
    tag_dimension: int = 0,
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
        n_parts: Number of parts of speech; 0 for no embeddings of them.
        n_entities: Number of entity types of a tagger; 0 for no embeddings of them.
        tag_dimension: Dimensions of the embedding of a part of speech, and of an entity type of a tagger.
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
    for name, count in (("parts", n_parts), ("entities", n_entities)):
        if count:
            weights[f"tables.{name}.weight"] = normal(count + 1, tag_dimension, std=0.1)
            width += tag_dimension
    for place, window in enumerate(windows):
        n_filters = dimension // len(windows) + (place < dimension % len(windows))
        weights[f"filters.{window}.weight"] = normal(n_filters, width, window, std=(window * width) ** -0.5)
        weights[f"filters.{window}.bias"] = np.zeros(n_filters, dtype=np.float32)
    return weights
