"""Train an encoder and a linear head on gold or pseudo labels (SelfORE eq. 11–12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import SettingError
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    Rate,
    Share,
    TrainedLayers,
    settings_class,
)
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import ContentVectors
from relscout.training.checkpointing import EpochResult, TrainingState
from relscout.training.loop import batches_by_length, train

if TYPE_CHECKING:
    import torch


class Sentences(Protocol):
    """N sentences, prepared for an encoder. Equal sentences share one of M contents, so that each is encoded once."""

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
#: The same type variable for protocols that only read the sentences.
_Read = TypeVar("_Read", bound=Sentences, contravariant=True)


class Learner(Protocol[_Read]):
    """An encoder that can be trained, such as :class:`~relscout.encoders.tunable.TunableEncoder`."""

    @property
    def device(self) -> torch.device:
        """Device of its weights."""
        ...

    @property
    def dimension(self) -> int:
        """Number of dimensions of a vector."""
        ...

    @property
    def scale(self) -> float:
        """Factor that scales the vectors to a mean square near 1."""
        ...

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return the parameters that train."""
        ...

    def train(self, mode: bool = True) -> None:
        """Switch dropout on or off."""
        ...

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the weights that train, by name."""
        ...

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Load weights that :meth:`weights` returned."""
        ...

    def __call__(self, prepared: _Read, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents (B,); gradients reach the parameters that train."""
        ...

    def encoded(
        self, prepared: _Read, progress: Progress
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield contents (B,) and their vectors (B, D), float32, without dropout. Each content is yielded once."""
        ...


#: Standard deviation of the head's first weights, BERT's own.
_HEAD_STD = 0.02
#: Decoupled weight decay, that of the BertAdam which SelfORE used.
_WEIGHT_DECAY = 0.01


@settings_class
class ClassificationSettings:
    """Settings of relation classification; what the paper says stands in each description."""

    classifier_epochs: AtLeast1 = 5
    """Epochs of relation classification in each loop, at least 1 (released code: 5; the paper gives none)."""
    frozen_epochs: AtLeast0 = 3
    """First epochs in which only the classification layer trains (paper: 3); fewer than ``classifier_epochs``."""
    classifier_learning_rate: AboveZero = 2e-4
    """Highest learning rate of the encoder (paper: 1e-5, for all layers of BERT-base)."""
    head_learning_rate: AboveZero = 1e-4
    """Highest learning rate of the classification layer (paper: 1e-5)."""
    classifier_batch: AtLeast1 = 64
    """Sentences in a step of relation classification; the paper gives none."""
    classifier_dropout: Rate = 0.1
    """Dropout rate on the representation, in [0, 1) (paper: 0.1); the encoder keeps its own."""
    warm_up: Share = 0.1
    """Share of the steps in which learning rates rise, in [0, 1] (paper: 0.1)."""
    trained_layers: TrainedLayers = 3
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""

    def __post_init__(self) -> None:
        if self.frozen_epochs >= self.classifier_epochs:
            raise SettingError(
                f"frozen_epochs is {self.frozen_epochs} of {self.classifier_epochs} classifier_epochs: the encoder "
                "would never train; give fewer"
            )


class Classifier(Generic[Read]):
    """A linear head on an encoder, trained together with it.

    Args:
        encoder: The encoder to train.
        prepared: The instances.
        labels: Label of each instance (N,), int64, from 0.
        n_labels: Number of labels.
        settings: See :class:`ClassificationSettings`.
        seed: Random seed of the head's first weights, batches and dropout.
        head: Initial weight (n_labels, D) and bias (n_labels,) of the head; random by default.
        weight_decay: Decoupled weight decay, at least 0.
        clip: Maximum norm of the gradient of all parameters together, above 0; ``None`` does not clip.
        plain: Whether to use plain stochastic gradient descent instead of AdamW.
        passes: Number of passes over the instances in an epoch, at least 1.
    """

    def __init__(
        self,
        encoder: Learner[Read],
        prepared: Read,
        labels: NDArray[np.int64],
        n_labels: int,
        *,
        settings: ClassificationSettings,
        seed: int,
        head: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
        weight_decay: float = _WEIGHT_DECAY,
        clip: float | None = None,
        plain: bool = False,
        passes: int = 1,
    ) -> None:
        import torch

        self._clip, self._passes = clip, passes
        self._encoder, self._prepared, self._settings, self._seed = encoder, prepared, settings, seed
        # equal sentences have one representation, and therefore one label; they count once
        of_content = np.empty(len(prepared.lengths), dtype=np.int64)
        of_content[prepared.row_of] = labels
        self._labels = torch.from_numpy(of_content).to(encoder.device)
        if head is None:
            drawn = generator(seed, "head").standard_normal((n_labels, encoder.dimension))
            head = (_HEAD_STD * drawn.astype(np.float32), np.zeros(n_labels, dtype=np.float32))
        self._head = torch.nn.ParameterDict(
            [
                (name, torch.from_numpy(array.copy()).to(encoder.device))
                for name, array in zip(("weight", "bias"), head, strict=True)
            ]
        )
        groups = [
            {"params": list(encoder.parameters()), "lr": settings.classifier_learning_rate},
            {"params": list(self._head.parameters()), "lr": settings.head_learning_rate},
        ]
        descent = torch.optim.SGD if plain else torch.optim.AdamW
        optimizer: torch.optim.Optimizer = descent(groups, weight_decay=weight_decay, fused=True)
        #: What a checkpoint restores.
        self.state = TrainingState({"encoder": encoder, "head": self._head}, optimizer)

    @property
    def head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight (n_labels, D) and bias (n_labels,) of the classification layer, float32."""
        weight, bias = (self._head[name].detach().cpu().numpy().copy() for name in ("weight", "bias"))
        return weight, bias

    def epochs(
        self, *, first: int = 0, contents: ContentVectors | None = None, progress: Progress = silent
    ) -> Iterator[EpochResult]:
        """Train, and yield the result of each epoch; between epochs, :attr:`state` can be saved.

        Args:
            first: The first epoch to train, above 0 when resuming.
            contents: Vectors of the untrained encoder for the frozen epochs; computed by default.
            progress: Called with the steps done, stage ``"classify"``.
        """
        import torch
        from torch.nn.functional import cross_entropy, dropout

        settings, encoder, labels = self._settings, self._encoder, self._labels
        n_frozen = settings.frozen_epochs
        fixed = contents if first < n_frozen else None
        del contents
        if first < n_frozen and fixed is None:
            fixed = ContentVectors(len(self._prepared.lengths), encoder.dimension)
            for batch, vectors in encoder.encoded(self._prepared, progress):
                for content, vector in zip(batch, vectors, strict=True):
                    fixed[content] = vector
        correct = 0

        def loss(epoch: int, rows: NDArray[np.int64]) -> torch.Tensor:
            nonlocal correct, fixed
            encoder.train(epoch >= n_frozen)
            if fixed is not None and epoch < n_frozen:
                h = fixed[rows].to(encoder.device)  # (B, D)
            else:
                fixed = None  # frees the memory: these vectors are not read again
                h = encoder(self._prepared, rows)  # (B, D)
            weight, bias = self._head["weight"], self._head["bias"]
            scores = (
                dropout(h * encoder.scale, settings.classifier_dropout) @ weight.T + bias
            )  # (B, n_labels)
            gold = labels[torch.from_numpy(rows).to(labels.device)]  # (B,)
            correct += int((scores.detach().argmax(dim=1) == gold).sum())
            return cross_entropy(scores, gold)  # SelfORE eq. 12

        losses: list[float] = []
        for step in train(
            self._batches,
            loss,
            self.state.optimizer,
            epochs=settings.classifier_epochs,
            first_epoch=first,
            warm_up=settings.warm_up,
            clip=self._clip,
            seed=self._seed,
        ):
            progress("classify", step.number, step.total)
            losses.append(step.loss)
            if step.ends_epoch:
                encoder.train(False)
                yield EpochResult(step.epoch, float(np.mean(losses)), correct / (self._passes * len(labels)))
                losses, correct = [], 0

    def _batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        random, size = generator(self._seed, f"batches {epoch}"), self._settings.classifier_batch
        passes = [batches_by_length(self._prepared.lengths, size, random) for _ in range(self._passes)]
        return [rows for batches in passes for rows in batches]
