"""Contrast of instances and of prototypes at several granularities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Start, kmeans
from relscout.core.errors import InputError, SettingError
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import (
    AboveZero,
    AtLeast0,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Numbers,
    Rate,
    TrainedLayers,
    numbers_of,
    settings_class,
)
from relscout.encoders import Encoder, EncoderSettings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.methods.estimator import NRelations
from relscout.methods.self_training import SelfTrained, SelfTraining
from relscout.methods.vectors import unit_length
from relscout.training.checkpointing import TrainingState
from relscout.training.loop import Terms, batches_by_length
from relscout.training.stored import Checkpoints

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@settings_class
class HiURESettings:
    """Settings of the method ``hiure``."""

    prototypes: bool = True
    """The contrast of prototypes; without it only instances are contrasted."""
    granularities: Numbers = "4-6-10-16-100"
    """Numbers of prototypes, joined by ``-``; of all the contrast is taken (released code: 4-6-10-16-100)."""
    sampled_words: AtLeast0 = 2
    """Tokens between the mentions that each view reads of the part ``between``, drawn anew; 0 reads all."""
    dropout: Rate = 0.1
    """Dropout rate of the layers that train, in [0, 1)."""
    vector_dropout: Rate = 0.1
    """Dropout rate on the representation, in [0, 1), since layers that do not train give both views the same."""
    temperature: AboveZero = 0.05
    """τ of instances, and the mean of the prototypes' φ, above 0."""
    smoothing: AboveZero = 10.0
    """α of φ, above 0: the higher, the less the size of a cluster counts (released code: 10)."""
    prototype_weight: NotNegative = 1.0
    """Weight of the contrast of prototypes, at least 0."""
    warm_up_epochs: AtLeast0 = 1
    """Epochs without that contrast, at least 0."""
    epochs: AtLeast1 = 5
    """Epochs in all, at least 1 (released code: 5)."""
    batch: AtLeast2 = 64
    """Instances in a step, at least 2."""
    learning_rate: AboveZero = 1e-5
    """Learning rate of AdamW (released code: 1e-5)."""
    weight_decay: NotNegative = 1e-4
    """Weight decay, at least 0."""
    trained_layers: TrainedLayers = 1
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    start: Start = "neighbours"
    """Where the last k-means starts: ``neighbours`` (parts of the neighbour graph) or ``k-means++``, 10 times."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        if min(self.counts) < 2:
            raise SettingError(
                f"granularities is {self.granularities!r}, but one prototype has nothing to contrast with; "
                "expected numbers from 2"
            )
        if self.prototypes and self.warm_up_epochs >= self.epochs:
            raise SettingError(
                f"warm_up_epochs is {self.warm_up_epochs}, and there are only {self.epochs} epochs, so that no "
                "prototype is ever seen; give fewer, or set prototypes=false"
            )
        if not self.dropout and not self.vector_dropout and not self.sampled_words:
            raise SettingError(
                "dropout, vector_dropout and sampled_words are 0, so that both views of an instance are the same; "
                "one of them must be above 0"
            )

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of prototypes, in ascending order."""
        return tuple(sorted(set(numbers_of(self.granularities))))


#: Percentiles to which temperatures are clipped.
_LOWEST, _HIGHEST = 10, 90


def instance_contrast(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Return InfoNCE: −mean_i log [exp(v_i·v′_i / τ) / Σ_j exp(v_i·v′_j / τ)], of both directions, a scalar.

    Args:
        first: A view of each instance (B, D), of unit length.
        second: Another view of each (B, D), of unit length; those of the others are the negatives.
        temperature: τ, above 0.
    """
    import torch
    from torch.nn.functional import cross_entropy

    similar = first @ second.T / temperature  # (B, B)
    own = torch.arange(len(first), device=first.device)
    return (cross_entropy(similar, own) + cross_entropy(similar.T, own)) / 2


def prototype_contrast(views: Tensor, prototypes: Tensor, temperatures: Tensor, own: Tensor) -> Tensor:
    """Return ProtoNCE: −mean_i log [exp(v_i·c_s / φ_s) / Σ_j exp(v_i·c_j / φ_j)], a scalar.

    Args:
        views: (B, D), of unit length.
        prototypes: c (C, D), of unit length, constants to the gradient.
        temperatures: φ (C,), above 0.
        own: Prototype s of each view (B,), int64.
    """
    from torch.nn.functional import cross_entropy

    return cross_entropy(views @ prototypes.T / temperatures, own)


def cluster_temperatures(
    vectors: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    smoothing: float,
    mean: float,
) -> NDArray[np.float32]:
    """Return φ_c = Σ_{i in c} ‖v_i − c‖ / (n_c log(n_c + α)), clipped and scaled (C,), float32.

    A loose cluster, and a small one, gets a high temperature, which lets it pull less; so clusters become alike in how
    tight they are. Values beyond the 10th and 90th percentile are clipped to these, and all are scaled to the mean τ.

    Args:
        vectors: v (N, D), of unit length.
        prototypes: c (C, D), of unit length; to each belongs at least one vector.
        labels: Prototype of each vector (N,).
        smoothing: α, above 0.
        mean: τ, above 0.
    """
    sizes = np.bincount(labels, minlength=len(prototypes))
    distances = np.linalg.norm(vectors - prototypes[labels], axis=1)
    temperatures = np.bincount(labels, weights=distances, minlength=len(prototypes)) / (
        sizes * np.log(sizes + smoothing)
    )
    # a vector is no distance from itself: the spread of a cluster of one is undefined, so the largest spread stands in
    temperatures[sizes == 1] = temperatures.max()
    temperatures = np.clip(temperatures, *np.percentile(temperatures, [_LOWEST, _HIGHEST]))
    total = temperatures.mean()
    scaled = temperatures / total * mean if total > 0 else np.full(len(temperatures), mean)
    # where all members are one and the same, the temperature would be 0
    return np.asarray(np.maximum(scaled, 1e-3 * mean), dtype=np.float32)


#: Prototypes need not settle: the encoder moves on in the next epoch.
_ITERATIONS = 20


@dataclass(frozen=True)
class _Granularity:
    """Prototypes of one granularity: ``prototypes`` (C, D), ``temperatures`` (C,), ``labels`` (M,)."""

    prototypes: torch.Tensor
    temperatures: torch.Tensor
    labels: torch.Tensor


@dataclass
class HiURETraining(SelfTraining):
    """The loop, and what happened in it.

    Args:
        settings: See :class:`HiURESettings`.
        encoder: What trains.
        prepared: The instances.
        seed: Random seed.
        progress: Progress callback.
        work: Keeps what is done, so that an interrupted loop goes on.

    Attributes:
        epochs: What is known of each, as JSON values.
        warnings: What a user should know.
    """

    settings: HiURESettings
    encoder: TunableEncoder
    prepared: Prepared
    seed: int
    progress: Progress
    work: Checkpoints
    epochs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _granularities: Sequence[_Granularity] = ()
    _labels: NDArray[np.int64] | None = None
    _agreement: float | None = None
    _terms: Terms = field(default_factory=Terms)

    def run(self) -> None:
        """Train the encoder.

        Raises:
            DivergedError: The loss is no longer a number.
            InputError: Some representations are not finite.
        """
        import torch

        settings = self.settings
        if (count := len(self.prepared.lengths)) < 2:
            self.warnings.append(
                f"there is {count} different instance, and nothing to contrast it with: the encoder is unchanged"
            )
            return
        optimizer = torch.optim.AdamW(
            list(self.encoder.parameters()),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._train(TrainingState({"encoder": self.encoder}, optimizer))

    def _begin(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        settings = self.settings
        if settings.prototypes and epoch >= settings.warm_up_epochs:
            self._find_prototypes(epoch)
        random = generator(self.seed, f"batches {epoch}")
        return batches_by_length(self.prepared.lengths, settings.batch, random, least=2)

    def _find_prototypes(self, epoch: int) -> None:
        """Cluster the contents, as the encoder sees them now, at every granularity."""
        import torch

        vectors = unit_length(self.encoder.encode_contents(self.prepared, progress=self.progress))
        # almost as many prototypes as instances add no information to the instances
        counts = [count for count in self.settings.counts if 2 * count <= len(vectors)] or [2]
        granularities: list[_Granularity] = []
        device = self.encoder.device
        for count in counts:
            try:
                clusters = kmeans(
                    vectors,
                    count,
                    seed=self._seed(f"prototypes {epoch} {count}"),
                    n_init=1,
                    max_iterations=_ITERATIONS,
                    progress=self.progress,
                )
            except InputError:
                # fewer instances than these read differently; two must, or there is nothing to learn
                if count == counts[0]:
                    raise
                continue
            prototypes = unit_length(clusters.centroids)
            temperatures = cluster_temperatures(
                vectors,
                prototypes,
                clusters.labels,
                smoothing=self.settings.smoothing,
                mean=self.settings.temperature,
            )
            arrays = (prototypes, temperatures, clusters.labels)
            granularities.append(_Granularity(*(torch.from_numpy(array).to(device) for array in arrays)))
        self._granularities = granularities
        sizes = tuple(len(granularity.prototypes) for granularity in granularities)
        if sizes != self.settings.counts:
            few = (
                f"prototypes were found at the granularities {', '.join(map(str, sizes))} only: there are "
                f"{len(vectors)} different instances"
            )
            self.warnings += [few] if few not in self.warnings else []
        labels = np.stack([granularity.labels.cpu().numpy() for granularity in granularities])  # (G, M)
        same = self._labels is not None and self._labels.shape == labels.shape
        self._agreement = _agreement(self._labels, labels) if same and self._labels is not None else None
        self._labels = labels

    def _loss(self, _: int, rows: NDArray[np.int64]) -> torch.Tensor:
        import torch
        from torch.nn.functional import dropout, normalize

        settings = self.settings
        self.encoder.train(True)
        # one pass for both views: dropout and sampled words are drawn anew for each row
        views = self.encoder(self.prepared, np.concatenate([rows, rows]))
        views = normalize(dropout(views, settings.vector_dropout), dim=1)
        first, second = views[: len(rows)], views[len(rows) :]
        total = self._terms("instances", instance_contrast(first, second, temperature=settings.temperature))
        if not self._granularities:
            return total
        own = torch.from_numpy(np.concatenate([rows, rows])).to(self.encoder.device)
        of_prototypes = [
            prototype_contrast(
                views, granularity.prototypes, granularity.temperatures, granularity.labels[own]
            )
            for granularity in self._granularities
        ]
        return total + settings.prototype_weight * self._terms(
            "prototypes", torch.stack(of_prototypes).mean()
        )

    def _judge(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        temperatures = [granularity.temperatures.tolist() for granularity in self._granularities]
        self.epochs.append(
            {
                "losses": self._terms.means(),
                "granularities": [len(of_clusters) for of_clusters in temperatures],
                "temperatures": [
                    [round(min(of_clusters), 4), round(max(of_clusters), 4)] for of_clusters in temperatures
                ],
                "agreement": self._agreement,
            }
        )
        return {}, {} if self._labels is None else {"labels": self._labels}

    def _restore(self, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        del record
        self._labels = arrays.get("labels")

    def _seed(self, purpose: str) -> int:
        return int(generator(self.seed, f"hiure {purpose}").integers(2**31))


def _agreement(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Return the mean adjusted Rand index of clusters (G, M) with those of the epoch before."""
    from sklearn.metrics import adjusted_rand_score

    return round(float(np.mean([adjusted_rand_score(*pair) for pair in zip(before, now, strict=True)])), 6)


class HiURE(SelfTrained):
    """Contrast each instance with others and with prototypes at several granularities, then cluster by k-means.

    Args:
        encoder: Where the representations start, a :class:`TransformerEncoder`; the bundled encoder when left out.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Random seed.

    The other parameters are the fields of :class:`HiURESettings`.
    """

    NAME: ClassVar[str] = "hiure"
    CITATION: ClassVar[str] = (
        "Liu, Hu, Zhang, Li, Wen, Yu: HiURE: Hierarchical Exemplar Contrastive Learning for Unsupervised Relation "
        "Extraction. NAACL 2022"
    )
    SETTINGS: ClassVar[type[HiURESettings]] = HiURESettings
    # as for Siamese URE; words between the mentions are sampled of the states that the layer which trains reads
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(
        pooling="span-mean@3+span-mean@5+sentence@4+between@4+types*0.6"
    )

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        prototypes: bool = HiURESettings.prototypes,
        granularities: str = HiURESettings.granularities,
        sampled_words: int = HiURESettings.sampled_words,
        dropout: float = HiURESettings.dropout,
        vector_dropout: float = HiURESettings.vector_dropout,
        temperature: float = HiURESettings.temperature,
        smoothing: float = HiURESettings.smoothing,
        prototype_weight: float = HiURESettings.prototype_weight,
        warm_up_epochs: int = HiURESettings.warm_up_epochs,
        epochs: int = HiURESettings.epochs,
        batch: int = HiURESettings.batch,
        learning_rate: float = HiURESettings.learning_rate,
        weight_decay: float = HiURESettings.weight_decay,
        trained_layers: int = HiURESettings.trained_layers,
        training_dtype: Arithmetic = HiURESettings.training_dtype,
        start: Start = HiURESettings.start,
        max_relations: int = HiURESettings.max_relations,
    ) -> None:
        self._store(locals())

    def _sampled(self) -> int:
        options: HiURESettings = self._settings
        return options.sampled_words

    def _training(
        self,
        encoder: TunableEncoder,
        prepared: Prepared,
        n_relations: int,
        progress: Progress,
        work: Checkpoints,
    ) -> SelfTraining:
        del n_relations  # the prototypes have granularities of their own
        options = self._settings
        if not any(part.name == "between" for part in encoder.base.parts) and not (
            options.dropout or options.vector_dropout
        ):
            raise SettingError(
                f"dropout and vector_dropout are 0, and the pooling {encoder.base.settings.pooling!r} has no 'between' "
                "of which words could be sampled, so that both views of an instance are the same; set one above 0"
            )
        return HiURETraining(self._settings, encoder, prepared, self.seed, progress, work)
