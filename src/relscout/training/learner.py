"""What a layer of scores can be trained on: an encoder of sentences, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.progress import Progress

if TYPE_CHECKING:
    import torch


class Sentences(Protocol):
    """Sentences as an encoder reads them, every content once; M contents of N sentences."""

    @property
    def row_of(self) -> NDArray[np.int64]:
        """Content of each sentence (N,), int64."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each content (M,), int64."""
        ...


#: Sentences as one kind of encoder prepares them.
Read = TypeVar("Read", bound=Sentences)
#: The same where they are only read: an encoder that reads any sentences reads these.
_Read = TypeVar("_Read", bound=Sentences, contravariant=True)


class Learner(Protocol[_Read]):
    """An encoder that learns; :class:`~relscout.encoders.tunable.TunableEncoder` is one."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        ...

    @property
    def scale(self) -> float:
        """Factor that brings the vectors to a mean square near 1."""
        ...

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return what trains."""
        ...

    def train(self, mode: bool = True) -> None:
        """Switch dropout on or off."""
        ...

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights that train, by name."""
        ...

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over weights as :meth:`weights` gives them."""
        ...

    def __call__(self, prepared: _Read, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents, from which gradients reach what trains."""
        ...

    def encoded(
        self, prepared: _Read, progress: Progress
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield contents (B,) and their vectors (B, D), float32, without dropout; every content once."""
        ...
