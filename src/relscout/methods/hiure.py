"""HiURE: contrast of instances, and of instances with prototypes at several granularities, without labels.

Liu, Hu, Zhang, Li, Wen and Yu, "HiURE: Hierarchical Exemplar Contrastive Learning for Unsupervised Relation Extraction"
(NAACL 2022). Built from the paper's description of the losses; settings that name the released code have its values,
and all others are our own choices.

Each epoch after the warm-up:

1. Cluster all instances by k-means, once per granularity. The direction of a cluster's mean is its prototype c; its
   temperature φ measures how loose the cluster is (:func:`cluster_temperatures`).
2. For each batch, the encoder reads each instance twice. Dropout, and words drawn between the mentions, make the views
   v and v′, of unit length.
3. InfoNCE turns v towards v′ and away from other instances (:func:`instance_contrast`). ProtoNCE, averaged over the
   granularities, turns it towards the prototype of its cluster and away from the others (:func:`prototype_contrast`).

Then k-means on v, computed from all words, gives the relations.

The paper's own parts, which its released code never calls, can be chosen: v′ of a momentum encoder with a queue of
earlier v′ as negatives (:func:`momentum_contrast`), and exemplars by affinity propagation in place of means. The
paper's attention across the levels of its hierarchy is not built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Start, kmeans, unit_length
from relscout.clustering.propagation import propagated_exemplars
from relscout.core.errors import InputError, SettingError
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
from relscout.encoders.tunable import TunableEncoder
from relscout.methods.estimator import NRelations
from relscout.methods.self_training import Rows, SelfTrained, SelfTraining
from relscout.training.checkpointing import TrainingState

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@settings_class
class HiURESettings:
    """Settings of the method ``hiure``."""

    prototypes: bool = True
    """The contrast of prototypes; without it only instances are contrasted."""
    granularities: Numbers = "4-6-10-16-100"
    """Numbers of prototypes, joined by ``-``; the contrast is the mean over all (released code: 4-6-10-16-100)."""
    clustering: Literal["k-means", "propagation"] = "k-means"
    """What prototypes are: means of ``k-means``, or exemplars by affinity ``propagation`` (paper), at several
    preferences in place of ``granularities``."""
    levels: AtLeast1 = 3
    """Preferences of the propagation, from coarse to fine, at least 1."""
    propagated: AtLeast2 = 1000
    """Most instances that exchange messages, a sample if there are more, since time grows with the square."""
    momentum: Rate = 0.0
    """Share of its own weights that the momentum encoder of the second view keeps in a step, in [0, 1) (0.999 is
    customary, after MoCo); 0: both views are of the encoder itself (released code)."""
    queue: AtLeast0 = 0
    """Second views of earlier batches that are negatives, too, at least 0; needs ``momentum``."""
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
        if self.queue and not self.momentum:
            raise SettingError(
                f"queue is {self.queue} and momentum is 0, so that queued views would come from an encoder that has "
                "changed since; set momentum, such as 0.999, or leave out the queue"
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


def momentum_contrast(
    views: Tensor, keys: Tensor, queued: Tensor, same: Tensor, *, temperature: float
) -> Tensor:
    """Return −mean_i log [exp(v_i·k_i / τ) / Σ_j exp(v_i·k_j / τ)], a scalar; j runs over batch and queue (MoCo).

    Args:
        views: v (B, D), of unit length.
        keys: k, the second view of each by the momentum encoder (B, D), of unit length, constants to the gradient.
        queued: Keys of earlier batches (Q, D), of unit length.
        same: Whether a queued key is of the same instance as a view (B, Q), bool; it is no negative then.
        temperature: τ, above 0.
    """
    import torch
    from torch.nn.functional import cross_entropy

    of_queue = (views @ queued.T / temperature).masked_fill(same, -torch.inf)  # (B, Q)
    similar = torch.cat([views @ keys.T / temperature, of_queue], dim=1)  # (B, B + Q)
    return cross_entropy(similar, torch.arange(len(views), device=views.device))


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

    A loose or small cluster gets a high temperature and attracts its members less, so clusters become similarly tight.
    Values are clipped to the 10th and 90th percentile, and scaled to the mean τ.

    Args:
        vectors: v (N, D), of unit length.
        prototypes: c (C, D), of unit length; each has at least one vector.
        labels: Prototype of each vector (N,).
        smoothing: α, above 0.
        mean: τ, above 0.
    """
    sizes = np.bincount(labels, minlength=len(prototypes))
    distances = np.linalg.norm(vectors - prototypes[labels], axis=1)
    temperatures = np.bincount(labels, weights=distances, minlength=len(prototypes)) / (
        sizes * np.log(sizes + smoothing)
    )
    # the distance in a cluster of one vector is 0 and means nothing, so it gets the highest temperature
    temperatures[sizes == 1] = temperatures.max()
    temperatures = np.clip(temperatures, *np.percentile(temperatures, [_LOWEST, _HIGHEST]))
    total = temperatures.mean()
    scaled = temperatures / total * mean if total > 0 else np.full(len(temperatures), mean)
    # if all members are equal, the temperature would be 0
    return np.asarray(np.maximum(scaled, 1e-3 * mean), dtype=np.float32)


#: Maximum number of k-means iterations; the encoder changes in the next epoch anyway.
_ITERATIONS = 20


@dataclass(frozen=True)
class _Granularity:
    """Prototypes of one granularity: ``prototypes`` (C, D), ``temperatures`` (C,), ``labels`` (M,)."""

    prototypes: torch.Tensor
    temperatures: torch.Tensor
    labels: torch.Tensor


@dataclass
class HiURETraining(SelfTraining):
    """The training of :class:`HiURE`; for the arguments, see :class:`SelfTraining`."""

    settings: HiURESettings
    _granularities: Sequence[_Granularity] = ()
    #: Prototype of each content at every granularity (G, M), of the last epoch.
    _labels: NDArray[np.int64] | None = None
    _agreement: float | None = None
    #: The momentum encoder; ``None`` without one.
    _slow: TunableEncoder | None = None
    #: Keys of earlier batches (Q, D), the newest last, and their contents (Q,).
    _queued: torch.Tensor = field(init=False)
    _queued_contents: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        import torch

        options, base = self.settings, self.encoder.base
        if options.momentum:
            self._slow = TunableEncoder(
                base,
                trained_layers=options.trained_layers,
                dropout=options.dropout,
                arithmetic=options.training_dtype,
                sampled=options.sampled_words,
            )
        self._queued = torch.empty(0, self.encoder.dimension, device=self.encoder.device)
        self._queued_contents = torch.empty(0, dtype=torch.int64, device=self.encoder.device)
        samples = any(part.name == "between" for part in base.parts)
        if not (samples or options.dropout or options.vector_dropout):
            raise SettingError(
                f"dropout and vector_dropout are 0, and the pooling {base.settings.pooling!r} has no 'between' "
                "of which words could be sampled, so that both views of an instance are the same; set one above 0"
            )

    def _state(self) -> TrainingState:
        import torch

        optimizer = torch.optim.AdamW(
            list(self.encoder.parameters()),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        parts = {"encoder": self.encoder}
        if self._slow is not None:
            parts["momentum"] = self._slow
        return TrainingState(parts, optimizer)

    def _loss(self, _: int, rows: Rows) -> torch.Tensor:
        """Return InfoNCE + weight · ProtoNCE of a batch, a scalar; InfoNCE alone in the warm-up."""
        import torch

        settings = self.settings
        contents = torch.from_numpy(rows).to(self.encoder.device)  # (B,)
        if self._slow is None:
            # one pass for both views: dropout and sampled words are drawn anew for each row
            views = self._views(self.encoder, np.concatenate([rows, rows]))  # (2B, D)
            first, second = views[: len(rows)], views[len(rows) :]  # (B, D) each
            contrast = instance_contrast(first, second, temperature=settings.temperature)
            contents = torch.cat([contents, contents])  # (2B,)
        else:
            views = self._views(self.encoder, rows)  # (B, D)
            contrast = self._contrast_with_keys(self._slow, views, rows, contents)
        total = self._terms("instances", contrast)
        if not self._granularities:
            return total
        contrasts = [
            prototype_contrast(
                views, granularity.prototypes, granularity.temperatures, granularity.labels[contents]
            )
            for granularity in self._granularities
        ]
        return total + settings.prototype_weight * self._terms("prototypes", torch.stack(contrasts).mean())

    def _views(self, encoder: TunableEncoder, rows: Rows) -> torch.Tensor:
        """Return a view of some contents (B, D), of unit length; dropout and sampled words are drawn anew."""
        from torch.nn.functional import dropout, normalize

        encoder.train(True)
        return normalize(dropout(encoder(self.prepared, rows), self.settings.vector_dropout), dim=1)

    def _contrast_with_keys(
        self, slow: TunableEncoder, views: torch.Tensor, rows: Rows, contents: torch.Tensor
    ) -> torch.Tensor:
        """Return the contrast of views (B, D) with their keys, by the momentum encoder, and add these to the queue."""
        import torch

        settings = self.settings
        with torch.no_grad():
            for own, learnt in zip(slow.parameters(), self.encoder.parameters(), strict=True):
                own.lerp_(learnt, 1 - settings.momentum)
            keys = self._views(slow, rows)  # (B, D)
        same = contents[:, None] == self._queued_contents  # (B, Q)
        contrast = momentum_contrast(views, keys, self._queued, same, temperature=settings.temperature)
        if settings.queue:
            self._queued = torch.cat([self._queued, keys])[-settings.queue :]
            self._queued_contents = torch.cat([self._queued_contents, contents])[-settings.queue :]
        return contrast

    def _begin(self, epoch: int) -> None:
        if self.settings.prototypes and epoch >= self.settings.warm_up_epochs:
            self._find_prototypes(epoch)

    def _find_prototypes(self, epoch: int) -> None:
        """Cluster the encoder's current vectors (M, D) at every granularity."""
        import torch

        encoder = self.encoder if self._slow is None else self._slow
        vectors = unit_length(encoder.encode_contents(self.prepared, progress=self.progress))
        clusterings = (
            self._exemplars(vectors, epoch)
            if self.settings.clustering == "propagation"
            else self._means(vectors, epoch)
        )
        device, smoothing, mean = self.encoder.device, self.settings.smoothing, self.settings.temperature
        granularities: list[_Granularity] = []
        for prototypes, labels in clusterings:
            temperatures = cluster_temperatures(vectors, prototypes, labels, smoothing=smoothing, mean=mean)
            arrays = (prototypes, temperatures, labels)
            granularities.append(_Granularity(*(torch.from_numpy(array).to(device) for array in arrays)))
        self._granularities = granularities
        if not granularities:
            self._labels = self._agreement = None
            return
        now = np.stack([granularity.labels.cpu().numpy() for granularity in granularities])  # (G, M)
        before, self._labels = self._labels, now
        comparable = before is not None and before.shape == now.shape
        self._agreement = _agreement(before, now) if before is not None and comparable else None

    def _means(
        self, vectors: NDArray[np.float32], epoch: int
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Return prototypes (C, D) and the prototype of each content (M,), by k-means at every granularity."""
        # with almost as many prototypes as instances, the contrast of instances already does the same
        counts = [count for count in self.settings.counts if 2 * count <= len(vectors)] or [2]
        clusterings = []
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
                # there are fewer different vectors than prototypes; there must be at least two, or nothing is learnt
                if count == counts[0]:
                    raise
                continue
            clusterings.append((unit_length(clusters.centroids), clusters.labels))
        sizes = tuple(len(prototypes) for prototypes, _ in clusterings)
        if sizes != self.settings.counts:
            self._warn(
                f"prototypes were found at the granularities {', '.join(map(str, sizes))} only: there are "
                f"{len(vectors)} different instances"
            )
        return clusterings

    def _exemplars(
        self, vectors: NDArray[np.float32], epoch: int
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Return exemplars (C, D) and the nearest exemplar of each content (M,), at every level of the propagation."""
        levels = propagated_exemplars(
            vectors,
            levels=self.settings.levels,
            most=self.settings.propagated,
            seed=self._seed(f"propagation {epoch}"),
            progress=self.progress,
        )
        if len(levels) < self.settings.levels:
            self._warn(
                f"the propagation converged to exemplars at {len(levels)} of {self.settings.levels} levels; the others "
                "were left out"
            )
        clusterings = []
        for rows in levels:
            # of equal vectors, the first exemplar has all
            used, labels = np.unique((vectors @ vectors[rows].T).argmax(axis=1), return_inverse=True)
            if len(used) > 1:
                clusterings.append((vectors[rows[used]], labels.astype(np.int64)))
        return clusterings

    def _warn(self, warning: str) -> None:
        self.warnings += [warning] if warning not in self.warnings else []

    def _end(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
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
        arrays = {} if self._labels is None else {"labels": self._labels}
        if self.settings.queue:
            arrays["queued"] = self._queued.cpu().numpy()
            arrays["queued_contents"] = self._queued_contents.cpu().numpy()
        return {}, arrays

    def _restore(self, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        import torch

        del record
        self._labels = arrays.get("labels")
        if self.settings.queue:
            self._queued, self._queued_contents = (
                torch.from_numpy(arrays[name].copy()).to(self.encoder.device)
                for name in ("queued", "queued_contents")
            )


def _agreement(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Return the mean adjusted Rand index of clusters (G, M) with those of the epoch before."""
    from sklearn.metrics import adjusted_rand_score

    return round(float(np.mean([adjusted_rand_score(*pair) for pair in zip(before, now, strict=True)])), 6)


class HiURE(SelfTrained):
    """Contrast each instance with others and with prototypes at several granularities, then cluster by k-means.

    Args:
        encoder: The :class:`TransformerEncoder` to start from; the bundled encoder by default.
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
    TRAINING: ClassVar[type[SelfTraining]] = HiURETraining
    # as for Siamese URE; words between the mentions are sampled from the input of the layer that trains
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
        clustering: Literal["k-means", "propagation"] = HiURESettings.clustering,
        levels: int = HiURESettings.levels,
        propagated: int = HiURESettings.propagated,
        momentum: float = HiURESettings.momentum,
        queue: int = HiURESettings.queue,
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
