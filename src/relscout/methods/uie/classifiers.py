"""Relation classifiers p(r | x): a linear layer on vectors that may train, or on sparse features."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

from relscout.clustering.kmeans import unit_length
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.encoders.inputs import rows_by_content
from relscout.methods.rel_lda import features_of
from relscout.training.checkpointing import Weights

if TYPE_CHECKING:
    import torch

    from relscout.training.classification import Sentences

Rows = NDArray[np.int64]


def contents_of(instances: Sequence[RelationInstance]) -> tuple[Rows, list[RelationInstance]]:
    """Return the content of each instance (N,), int64, and an instance of each of the M contents."""
    rows = rows_by_content(instances)
    row_of = np.empty(len(instances), dtype=np.int64)
    keys = sorted(rows)
    for content, key in enumerate(keys):
        row_of[rows[key]] = content
    return row_of, [instances[rows[key][0]] for key in keys]


class RelationClassifier(ABC):
    """A classifier that trains on N instances, of M contents.

    Attributes:
        row_of: Content of each instance (N,), int64.
        lengths: Size of each content (M,), int64, by which batches are sorted.
        device: Device of the weights.
    """

    row_of: Rows
    lengths: Rows
    device: torch.device

    @abstractmethod
    def groups(self) -> list[dict[str, Any]]:
        """Return what trains, as groups of parameters with their learning rates."""

    @abstractmethod
    def parts(self) -> dict[str, Weights | torch.nn.Module]:
        """Return what trains, by name, for checkpoints."""

    @abstractmethod
    def logits(self, contents: Rows) -> torch.Tensor:
        """Return scores (B, K) of some contents (B,), whose softmax is p, with gradients and dropout."""


@dataclass(frozen=True)
class LinearHead:
    """A linear layer on vectors of unit length.

    Args:
        weight: (K, D), float32.
        bias: (K,), float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def shares(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each relation (N, K), float32, for vectors (N, D) of unit length."""
        return np.asarray(softmax(vectors @ self.weight.T + self.bias, axis=1), dtype=np.float32)

    def only(self, outputs: Rows) -> LinearHead:
        """Return the layer with these of its outputs, in this order."""
        # in the layout that it has when it was saved and loaded: the order of summation depends on it
        return LinearHead(np.ascontiguousarray(self.weight[outputs]), self.bias[outputs])


class FrozenVectors:
    """Vectors that do not train, in the place of an encoder that does.

    Args:
        instances: N instances.
        vectors: Their vectors (N, D), float32, equal for equal instances.
    """

    scale = 1.0

    def __init__(self, instances: Sequence[RelationInstance], vectors: NDArray[np.float32]) -> None:
        import torch

        self.device = torch.device("cpu")
        self.row_of, contents = contents_of(instances)
        of_contents = np.empty((len(contents), vectors.shape[1]), dtype=np.float32)
        of_contents[self.row_of] = vectors
        self._vectors = torch.from_numpy(of_contents)  # (M, D)
        self.dimension = vectors.shape[1]
        self.lengths = np.ones(len(contents), dtype=np.int64)

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return no parameters."""
        return iter(())

    def train(self, mode: bool = True) -> None:
        """Change nothing: there is no dropout."""

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return no weights."""
        return {}

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Load no weights."""

    def __call__(self, prepared: FrozenVectors, contents: Rows) -> torch.Tensor:
        """Return vectors (B, D), float32, of some contents (B,)."""
        return prepared._vectors[contents]

    def encoded(
        self,
        prepared: FrozenVectors,
        progress: Progress,  # noqa: ARG002 - everything is encoded
    ) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
        """Yield all contents (M,) and their vectors (M, D), float32."""
        yield np.arange(len(prepared.lengths)), prepared._vectors.numpy()


class VectorClassifier(RelationClassifier):
    """A linear layer on the vectors of an encoder, scaled to unit length; layers of the encoder may train with it.

    The layer reads centred vectors with a mean square of 1, so that first predictions differ. What is centred and
    scaled is a linear map, which :attr:`head` contains.

    Args:
        learner: The encoder, a :class:`~relscout.training.classification.Learner`.
        prepared: The instances, prepared for it.
        n_relations: Number of relations K.
        head: First weights; drawn if ``None``.
        dropout: Dropout rate on the vectors, in [0, 1).
        learning_rate: Learning rate of the layer.
        encoder_learning_rate: Learning rate of the encoder.
        seed: Random seed of the first weights.
        progress: Progress callback.
    """

    def __init__(
        self,
        learner: Any,
        prepared: Sentences,
        n_relations: int,
        *,
        head: LinearHead | None = None,
        dropout: float,
        learning_rate: float,
        encoder_learning_rate: float,
        seed: int,
        progress: Progress,
    ) -> None:
        import torch

        self.row_of, self.lengths, self.device = prepared.row_of, prepared.lengths, learner.device
        self.learner, self._prepared, self._dropout = learner, prepared, dropout
        self._rates = learning_rate, encoder_learning_rate
        sums, squares, dimension = np.zeros(learner.dimension), 0.0, learner.dimension
        for _, batch in learner.encoded(prepared, progress):
            unit = unit_length(batch.copy())
            sums += unit.sum(axis=0, dtype=np.float64)
            squares += float((unit * unit).sum(dtype=np.float64))
        self._mean = (sums / len(self.lengths)).astype(np.float32)  # (D,)
        variance = squares / len(self.lengths) - float(self._mean @ self._mean)
        # of equal vectors, the variance is 0 but for rounding
        self._deviation = np.float32(max(variance / dimension, 1e-8) ** 0.5)
        if head is None:
            drawn = generator(seed, "relation classifier").standard_normal((n_relations, dimension))
            weight = (drawn / dimension**0.5).astype(np.float32)
            bias = np.zeros(n_relations, dtype=np.float32)
        else:
            weight, bias = head.weight * self._deviation, head.bias + head.weight @ self._mean
        self._head = torch.nn.ParameterDict(
            {"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)}
        ).to(self.device)
        self._centre = torch.from_numpy(self._mean).to(self.device)

    def groups(self) -> list[dict[str, Any]]:
        """See :class:`RelationClassifier`."""
        groups = [{"params": list(self._head.parameters()), "lr": self._rates[0]}]
        if parameters := list(self.learner.parameters()):
            groups.append({"params": parameters, "lr": self._rates[1]})
        return groups

    def parts(self) -> dict[str, Weights | torch.nn.Module]:
        """See :class:`RelationClassifier`."""
        return {"head": self._head, "encoder": self.learner}

    def logits(self, contents: Rows) -> torch.Tensor:
        """See :class:`RelationClassifier`."""
        from torch.nn.functional import dropout, linear, normalize

        self.learner.train(True)
        h = normalize(self.learner(self._prepared, contents), dim=1)  # (B, D)
        x = dropout((h - self._centre) / float(self._deviation), self._dropout)
        return linear(x, self._head["weight"], self._head["bias"])

    @property
    def head(self) -> LinearHead:
        """The layer as it reads vectors of unit length."""
        weight, bias = (self._head[name].detach().cpu().numpy() for name in ("weight", "bias"))
        weight = weight / self._deviation
        return LinearHead(weight, bias - weight @ self._mean)


#: Names of the features of rel-LDA, in the order of :func:`relscout.methods.rel_lda.features_of`.
_KINDS = ("path", "head", "tail", "trigger", "sequence", "tags", "types", "roles")
_WORD = re.compile(r"\w+|[^\w\s]")


def sparse_features(instance: RelationInstance) -> frozenset[str]:
    """Return the features of an instance, each as ``kind:value``.

    These are the eight features of rel-LDA (names, types, words between the mentions; with a parse also the dependency
    path, its trigger words, syntactic roles and parts of speech), each word between the mentions, and each type.
    """
    text, head, tail = instance.text, instance.head, instance.tail
    first, second = sorted((head, tail), key=lambda mention: (mention.start, mention.end))
    order = "" if first is head else "tail first "
    words = _WORD.findall(text[first.end : second.start].lower())
    return frozenset(
        [
            *(f"{kind}:{value}" for kind, value in zip(_KINDS, features_of(instance), strict=True) if value),
            *(f"{order}word:{word}" for word in words),
            f"head type:{head.type}",
            f"tail type:{tail.type}",
        ]
    )


@dataclass(frozen=True)
class SparseFeatures:
    """The numbers of the features that occur often enough.

    Args:
        names: Features by their numbers, sorted.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, instances: Sequence[RelationInstance], *, least: int) -> SparseFeatures:
        """Count the features of instances, and keep those that at least ``least`` of them have."""
        counts = Counter(name for instance in instances for name in sparse_features(instance))
        return cls(tuple(sorted(name for name, count in counts.items() if count >= least)))

    def matrix(self, instances: Sequence[RelationInstance]) -> csr_matrix:
        """Return which features each instance has (N, F), float32, 0 or 1."""
        number = {name: place for place, name in enumerate(self.names)}
        places = [
            sorted(number[name] for name in sparse_features(instance) if name in number)
            for instance in instances
        ]
        ends = np.cumsum([0, *(len(row) for row in places)])
        columns = np.array([place for row in places for place in row], dtype=np.int64)
        ones = np.ones(len(columns), dtype=np.float32)
        return csr_matrix((ones, columns, ends), shape=(len(instances), len(self.names)))


class SparseClassifier(RelationClassifier):
    """A log-linear classifier: the score of a relation is the sum of the weights of an instance's features.

    Args:
        instances: N instances.
        features: The features that have weights.
        n_relations: Number of relations K.
        annotates: Whether missing annotations were computed.
        learning_rate: Learning rate of the weights.
        seed: Random seed of the first weights.
    """

    def __init__(
        self,
        instances: Sequence[RelationInstance],
        features: SparseFeatures,
        n_relations: int,
        *,
        annotates: bool,
        learning_rate: float,
        seed: int,
    ) -> None:
        import torch

        self.features, self.annotates = features, annotates
        self.row_of, contents = contents_of(instances)
        self._matrix = features.matrix(contents)
        self.lengths = np.diff(self._matrix.indptr).astype(np.int64)
        self.device = torch.device("cpu")
        self._learning_rate = learning_rate
        drawn = generator(seed, "relation classifier").standard_normal((len(features.names), n_relations))
        self._weights = torch.nn.ParameterDict(
            {
                "weight": torch.from_numpy((_SPARSE_STD * drawn).astype(np.float32)),
                "bias": torch.zeros(n_relations),
            }
        )

    def groups(self) -> list[dict[str, Any]]:
        """See :class:`RelationClassifier`."""
        return [{"params": list(self._weights.parameters()), "lr": self._learning_rate}]

    def parts(self) -> dict[str, Weights | torch.nn.Module]:
        """See :class:`RelationClassifier`."""
        return {"classifier": self._weights}

    def logits(self, contents: Rows) -> torch.Tensor:
        """See :class:`RelationClassifier`."""
        import torch
        from torch.nn.functional import embedding_bag

        batch = self._matrix[contents]
        numbers, ends = (torch.from_numpy(array.astype(np.int64)) for array in (batch.indices, batch.indptr))
        scores: torch.Tensor = embedding_bag(
            numbers, self._weights["weight"], ends, mode="sum", include_last_offset=True
        )
        scores += self._weights["bias"]
        return scores

    @property
    def weight(self) -> NDArray[np.float32]:
        """Weights of the features, with the bias in the last row (F + 1, K), float32."""
        parts = (self._weights[name].detach().numpy() for name in ("weight", "bias"))
        return np.concatenate([np.atleast_2d(part) for part in parts])


#: Standard deviation of the first weights of features: about ten of them make differences of log-odds near 1.
_SPARSE_STD = 0.3


def sparse_shares(
    features: SparseFeatures, weight: NDArray[np.float32], instances: Sequence[RelationInstance]
) -> NDArray[np.float32]:
    """Return the probability of each relation (N, K), float32.

    Args:
        features: The F features that have weights.
        weight: Weights, with the bias in the last row (F + 1, K).
        instances: N instances.
    """
    scores = features.matrix(instances) @ weight[:-1] + weight[-1]
    return np.asarray(softmax(scores, axis=1), dtype=np.float32)
