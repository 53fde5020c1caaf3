"""A convolutional network that makes one vector of a sentence (Nguyen and Grishman 2015)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.batching import batches
from relscout.finetuning.words import PADDING, UNKNOWN, WordSentences
from relscout.progress import Progress
from relscout.seeding import generator

if TYPE_CHECKING:
    import torch

#: Words in a batch without training, padding included.
_BATCH_WORDS = 8192


class ConvolutionalEncoder:
    """Word, position and type embeddings, convolutions over several windows, the maximum over the sentence.

    A sentence's vector does not depend on what it is padded to.

    Args:
        weights: Weights by name, as :func:`first_weights` or :meth:`weights` give them; they are copied.
        word_dropout: Share of the words that are read as unknown ones in training, in [0, 1).
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], *, word_dropout: float = 0.0) -> None:
        import torch

        self.device = torch.device("cpu")
        self.scale = 1.0
        self._word_dropout = word_dropout
        self._training = False
        self._parameters = {
            name: torch.nn.Parameter(torch.from_numpy(array.copy()))
            for name, array in sorted(weights.items())
        }
        self._windows = sorted(int(name.split(".")[1]) for name in weights if name.startswith("filters."))

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        return sum(len(self._parameters[f"filters.{window}"]) for window in self._windows)

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return what trains: everything."""
        return iter(self._parameters.values())

    def train(self, mode: bool = True) -> None:
        """Switch the dropout of words on or off."""
        self._training = mode

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of all weights, by name."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self._parameters.items()}

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over weights as :meth:`weights` gives them."""
        import torch

        with torch.no_grad():
            for name, tensor in self._parameters.items():
                tensor.copy_(torch.from_numpy(weights[name]))

    def __call__(self, prepared: WordSentences, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents."""
        import torch
        from torch.nn.functional import conv1d, embedding, pad

        tensors = self._parameters
        words, from_head, from_tail, types = torch.from_numpy(prepared.padded(contents))
        inside = words != PADDING  # (B, T)
        if self._training and self._word_dropout:
            hidden = torch.rand(words.shape) < self._word_dropout
            words = torch.where(hidden & inside, UNKNOWN, words)
        read = zip((words, from_head, from_tail, types), _TABLES, strict=True)
        x = torch.cat([embedding(ids, tensors[name]) for ids, name in read if name in tensors], dim=2)
        x = (x * inside[..., None]).transpose(1, 2)  # (B, E, T)
        pooled = []
        for window in self._windows:
            around = pad(x, ((window - 1) // 2, window // 2))
            found = conv1d(around, tensors[f"filters.{window}"], tensors[f"bias.{window}"])  # (B, F, T)
            pooled.append(found.masked_fill(~inside[:, None], -torch.inf).amax(dim=2))
        return torch.cat(pooled, dim=1).tanh()

    def encoded(
        self, prepared: WordSentences, progress: Progress
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield contents (B,) and their vectors (B, D), float32, without dropout."""
        import torch

        self.train(False)
        done = 0
        for batch in batches(prepared.lengths, _BATCH_WORDS):
            with torch.inference_mode():
                found: NDArray[np.float32] = self(prepared, batch).numpy()
            yield batch, found
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
    """Draw the weights that training starts from.

    Args:
        words: Embeddings of the words (V, E).
        n_distances: Number of distances from a mention.
        n_types: Number of entity types; without any, there are no embeddings of types.
        position_dimension: Dimensions of the embedding of a distance.
        type_dimension: Dimensions of the embedding of a type.
        dimension: Dimensions D of the representation, shared by the windows.
        windows: Words that a filter reads.
        seed: Decides the draws.
    """
    random = generator(seed, "convolution")

    def normal(*shape: int, std: float) -> NDArray[Any]:
        return (std * random.standard_normal(shape)).astype(np.float32)

    found = {"words": words}
    for name in ("from_head", "from_tail"):
        found[name] = normal(n_distances, position_dimension, std=0.1)
    width = words.shape[1] + 2 * position_dimension
    if n_types:
        found["types"] = normal(n_types + 1, type_dimension, std=0.1)
        width += type_dimension
    for place, window in enumerate(windows):
        n_filters = dimension // len(windows) + (place < dimension % len(windows))
        found[f"filters.{window}"] = normal(n_filters, width, window, std=(window * width) ** -0.5)
        found[f"bias.{window}"] = np.zeros(n_filters, dtype=np.float32)
    return found
