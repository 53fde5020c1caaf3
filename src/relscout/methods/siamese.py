"""Siamese URE: representations learnt from two views of each instance and from its neighbours, without labels.

Zhang and Chen, "Siamese Representation Learning for Unsupervised Relation Extraction" (ECAI 2023). Built from the
paper; where it is silent or its released code differs, the settings say so.

Each step trains on a batch of B instances:

1. The encoder f reads each instance twice. Dropout makes the two views h and h′ (eq. 1–3).
2. A mapping g and a predictor d on top of it are applied to both views (eq. 4). The similarity loss L_Rl turns d of
   either view towards g of the other (eq. 5 and 6).
3. After a warm-up, the nearest neighbours of each instance are mined. Φ, a softmax layer on h, assigns instances to C
   clusters. The loss L_Cl makes an instance and its neighbours agree on a cluster, and clusters even in size (eq. 7
   and 8).
4. L = L_Rl + η L_Cl (eq. 9) trains f, g, d and Φ.

Then k-means on h gives the relations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from relscout.clustering.kmeans import Start, check_finite, unit_length
from relscout.clustering.neighbours import nearest_neighbours
from relscout.core.errors import CollapsedError, SettingError
from relscout.core.seeding import generator
from relscout.core.settings import (
    WIDEST,
    AboveZero,
    AtLeast0,
    AtLeast1,
    AtLeast2,
    NotNegative,
    Rate,
    TrainedLayers,
    Width,
    settings_class,
)
from relscout.encoders import Encoder, EncoderSettings
from relscout.encoders.settings import Arithmetic
from relscout.encoders.tunable import Prepared, TunableEncoder
from relscout.methods.estimator import NRelations
from relscout.methods.self_training import Rows, SelfTrained, SelfTraining
from relscout.methods.vectors import checked_n_clusters
from relscout.training.checkpointing import TrainingState

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@settings_class
class SiameseSettings:
    """Settings of the method ``siamese``; what the paper says stands in each description."""

    mlps: bool = True
    """The mappings g and d (Table 2: w/o MLPs); without them the views themselves are compared."""
    semantic_clustering: bool = True
    """The relational semantic clustering loss, eq. 7 (Table 2: w/o semantic clustering)."""
    dropout: Rate = 0.1
    """Dropout rate r of the layers that train, which makes the two views, in [0, 1) (paper: 0.1)."""
    vector_dropout: Rate = 0.1
    """Dropout rate on the representation, in [0, 1): layers that do not train give both views the same (paper: 0)."""
    normalisation: Literal["batch", "layer"] = "batch"
    """How layers of g and d are normalised: ``batch``, or ``layer`` (paper), with which g soon collapses."""
    projector_width: Annotated[int, Field(ge=0, le=WIDEST)] = 512
    """Width of g, whose layers are all equally wide; 0: that of the representation (released code)."""
    predictor_width: Width = 512
    """Width of the hidden layer of d, at least 1 (released code: 512)."""
    n_clusters: AtLeast0 = 0
    """Clusters C of Φ, at least as many as relations; 0: as many."""
    neighbours: AtLeast1 = 20
    """Neighbours K of each instance, at least 1 (paper: 20; released code: 30)."""
    sampled_neighbours: AtLeast0 = 1
    """Neighbours that are drawn in a step, of these; 0 takes all, as eq. 7 does (released code: 1)."""
    neighbour_scale: Literal["mean", "sum"] = "mean"
    """Whether eq. 7 takes the ``mean`` over the neighbours, or their ``sum``, as it is written."""
    metric: Literal["cosine", "inner-product"] = "cosine"
    """By what neighbours are near: ``cosine``, or the ``inner-product`` of h as it is (released code)."""
    mine_every: AtLeast0 = 1
    """Epochs after which neighbours are mined again; 0: once, after the warm-up."""
    pull: Literal["clustering", "cosine"] = "clustering"
    """What neighbours share: their clusters (``clustering``, eq. 7), or h itself (``cosine``, released code)."""
    entropy_weight: NotNegative = 2.0
    """λ, weight of the entropy of the clusters' sizes, at least 0; the paper gives none."""
    entropy_over: Literal["batch", "data"] = "batch"
    """Instances whose mean is Φ′ in eq. 8: those of the ``batch`` (as in SCAN), or all of the ``data`` (paper)."""
    loss_weight: NotNegative = 0.5
    """η, weight of the semantic clustering loss, at least 0 (paper: 0.5)."""
    warm_up_epochs: AtLeast0 = 2
    """Epochs L without that loss, at least 0 (paper: 5)."""
    epochs: AtLeast1 = 6
    """Epochs in all, at least 1 (released code: 20)."""
    batch: AtLeast2 = 64
    """Instances in a step, at least 2 (paper: 64)."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """``sgd`` with momentum 0.9 (paper), or ``adamw``."""
    encoder_learning_rate: AboveZero = 1e-5
    """Learning rate of the encoder (paper: 1e-5)."""
    learning_rate: AboveZero = 1e-3
    """Learning rate of g, d and Φ (paper: 1e-5)."""
    weight_decay: NotNegative = 1e-4
    """Weight decay, at least 0 (paper: 1e-4)."""
    trained_layers: TrainedLayers = 1
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    training_dtype: Arithmetic = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    start: Start = "neighbours"
    """Where k-means on h starts: ``consensus`` or ``neighbours`` (see kmeans), or ``k-means++``, 10 times (paper)."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        if self.semantic_clustering and self.warm_up_epochs >= self.epochs:
            raise SettingError(
                f"warm_up_epochs is {self.warm_up_epochs}, and there are only {self.epochs} epochs, so that no "
                "neighbour is ever asked; give fewer, or set semantic_clustering=false"
            )
        if not self.dropout and not self.vector_dropout:
            raise SettingError(
                "dropout and vector_dropout are 0, so that both views of an instance are the same; "
                "one of them must be above 0"
            )


def negative_cosine(predicted: Tensor, target: Tensor) -> Tensor:
    """Return D(d, g′) = −mean cos(d_i, g′_i) (eq. 6), a scalar; the target is a constant to the gradient.

    Args:
        predicted: d (B, D).
        target: g′ (B, D).
    """
    from torch.nn.functional import cosine_similarity

    return -cosine_similarity(predicted, target.detach(), dim=1).mean()


def similarity_loss(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
    """Return L_Rl = ½ [D(d, g′) + D(d′, g)] (eq. 5), a scalar.

    Args:
        first: g and d of the first view, (B, D) each.
        second: g′ and d′ of the second.
    """
    (g, d), (other_g, other_d) = first, second
    return (negative_cosine(d, other_g) + negative_cosine(other_d, g)) / 2


def consistency_loss(logits: Tensor, of_neighbours: Tensor, *, scale: str = "sum") -> Tensor:
    """Return −mean_i Σ_k log ⟨Φ(x_i), Φ(k)⟩ (eq. 7, first term), a scalar.

    Args:
        logits: Scores of the clusters, whose softmax is Φ(x_i) (B, C).
        of_neighbours: Those of the neighbours of each (B, K, C).
        scale: ``sum`` over the neighbours, or their ``mean``.
    """
    both = logits.log_softmax(dim=1)[:, None] + of_neighbours.log_softmax(dim=2)  # (B, K, C)
    agreed = both.logsumexp(dim=2)  # log of the inner product (B, K)
    return -(agreed.mean() if scale == "mean" else agreed.sum(dim=1).mean())


def negative_entropy(shares: Tensor, *, overall: Tensor | None = None) -> Tensor:
    """Return Σ_c Φ′_c log Φ′_c (eq. 7, second term, and 8), a scalar in [−log C, 0].

    Args:
        shares: Φ of the instances of a batch (B, C), rows summing to 1.
        overall: Φ′, the mean of Φ over all instances (C,), without gradient; by default that of the batch. With it, the
            value is that of all instances, and the gradient is (log Φ′ + 1) times that of the batch's mean: an unbiased
            estimate of the gradient over all instances.
    """
    mean = shares.mean(dim=0)
    if overall is not None:
        mean = overall + (mean - mean.detach())
    # clamped because the slope of p log p is infinite at an empty cluster
    mean = mean.clamp(min=1e-12)
    entropy: Tensor = (mean * mean.log()).sum()
    return entropy


def pull_together(h: Tensor, neighbours: Tensor) -> Tensor:
    """Return −mean cos(h_i, h_k), a scalar: the second loss of the released code, in place of eq. 7.

    Args:
        h: Representations (B, D).
        neighbours: Those of the neighbours of each (B, K, D); gradients reach both.
    """
    from torch.nn.functional import cosine_similarity

    return -cosine_similarity(h[:, None], neighbours, dim=2).mean()


#: Of stochastic gradient descent, as in the paper.
_MOMENTUM = 0.9
#: Number of vectors whose clusters are computed at a time.
_CHUNK = 4096


class Network:
    """The encoder f, the mappings g and d (eq. 4) and the head Φ, with one optimizer.

    The mappings are those of SimSiam (Chen, He: "Exploring Simple Siamese Representation Learning", CVPR 2021): g has
    three layers, each normalised, and no ReLU after the last; d has two, the hidden one normalised.

    Args:
        encoder: f.
        n_clusters: Outputs C of Φ, linear on h.
        settings: See :class:`SiameseSettings`.
        seed: Draws the first weights.
    """

    def __init__(
        self, encoder: TunableEncoder, n_clusters: int, *, settings: SiameseSettings, seed: int
    ) -> None:
        import torch
        from torch.nn import BatchNorm1d, LayerNorm, Linear, ModuleDict, ReLU, Sequential

        norm = (
            LayerNorm
            if settings.normalisation == "layer"
            else partial(BatchNorm1d, track_running_stats=False)
        )
        self.encoder = encoder
        self.n_clusters = n_clusters
        self._settings = settings
        width, dimension = settings.projector_width or encoder.dimension, encoder.dimension
        hidden = settings.predictor_width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator(seed, "first weights").integers(2**62)))
            parts = {"head": Sequential(Linear(dimension, n_clusters))}
            if settings.mlps:
                parts["g"] = Sequential(
                    *(Linear(dimension, width), norm(width), ReLU()),
                    *(Linear(width, width), norm(width), ReLU()),
                    *(Linear(width, width), norm(width)),
                )
                parts["d"] = Sequential(*(Linear(width, hidden), norm(hidden), ReLU()), Linear(hidden, width))
        self._parts = ModuleDict(parts).to(encoder.device)
        groups = [
            {"params": list(encoder.parameters()), "lr": settings.encoder_learning_rate},
            {"params": list(self._parts.parameters()), "lr": settings.learning_rate},
        ]
        decay = settings.weight_decay
        optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(groups, momentum=_MOMENTUM, weight_decay=decay)
            if settings.optimizer == "sgd"
            else torch.optim.AdamW(groups, weight_decay=decay, fused=True)
        )
        #: What a checkpoint restores.
        self.state = TrainingState({"encoder": encoder, "mappings": self._parts}, optimizer)

    def h(self, prepared: Prepared, contents: NDArray[np.int64]) -> torch.Tensor:
        """Return a view of some contents (B, D), scaled to a mean square of 1; each call draws dropout again."""
        from torch.nn.functional import dropout

        # a batch holds sentences of similar length, but their neighbours are of any length
        vectors = self.encoder.by_length(prepared, contents)
        return dropout(vectors * self.encoder.scale, self._settings.vector_dropout)

    def mapped(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return g and d of a view (B, D) (eq. 4); without the mappings, h itself twice."""
        if not self._settings.mlps:
            return h, h
        g = self._parts["g"](h)
        return g, self._parts["d"](g)

    def clusters(self, h: torch.Tensor) -> torch.Tensor:
        """Return the scores of the clusters (…, C), whose softmax is Φ."""
        logits: torch.Tensor = self._parts["head"](h)
        return logits

    def shares(self, vectors: NDArray[np.float32]) -> torch.Tensor:
        """Return Φ (M, C), float32, on the CPU, of vectors (M, D) of the encoder without dropout."""
        import torch

        shares = torch.empty((len(vectors), self.n_clusters))
        with torch.inference_mode():
            for start in range(0, len(vectors), _CHUNK):
                h = torch.from_numpy(vectors[start : start + _CHUNK]).to(self.encoder.device)
                shares[start : start + _CHUNK] = self.clusters(h * self.encoder.scale).softmax(dim=1).cpu()
        return shares


@dataclass
class SiameseTraining(SelfTraining):
    """The training of :class:`Siamese`; for the arguments, see :class:`SelfTraining`."""

    settings: SiameseSettings
    _network: Network = field(init=False)
    _watch: Watch = field(init=False)
    _random: np.random.Generator = field(init=False)
    #: Nearest neighbours of each content (M, K); ``None`` in the warm-up.
    _neighbours: Rows | None = None
    #: Φ of each content (M, C) when it was last seen, for Φ′ over the data; ``None`` if that is not used.
    _shares: torch.Tensor | None = None
    #: Share of the neighbours that the last mining replaced.
    _changed: float | None = None

    def __post_init__(self) -> None:
        settings = self.settings
        n_clusters = checked_n_clusters(settings.n_clusters, self.n_relations, len(self.prepared.row_of))
        self._network = Network(self.encoder, n_clusters, settings=settings, seed=self.seed)
        self._watch = Watch(by_clusters=settings.pull == "clustering" and n_clusters > 1)

    def _state(self) -> TrainingState:
        return self._network.state

    def _loss(self, _: int, rows: Rows) -> torch.Tensor:
        """Return L = L_Rl + η L_Cl (eq. 9) of a batch, a scalar."""
        settings, network = self.settings, self._network
        self.encoder.train(True)
        of_neighbours = self._drawn_neighbours(rows)  # (B, K)
        # both views and the neighbours together: dropout draws anew for each row
        h = network.h(self.prepared, np.concatenate([rows, rows, of_neighbours.ravel()]))  # (2B + BK, D)
        first, second = h[: len(rows)], h[len(rows) : 2 * len(rows)]  # (B, D) each
        mapped = network.mapped(first)
        total = self._terms("similarity", similarity_loss(mapped, network.mapped(second)))
        self._watch.see(first, mapped[0])
        if not of_neighbours.size:
            return total
        others = h[2 * len(rows) :].reshape(len(rows), -1, h.shape[1])  # (B, K, D)
        if settings.pull == "cosine":
            return total + settings.loss_weight * self._terms("neighbours", pull_together(first, others))
        logits = network.clusters(first)  # (B, C)
        self._watch.see_clusters(logits)
        consistency = consistency_loss(logits, network.clusters(others), scale=settings.neighbour_scale)
        clustering = self._terms("consistency", consistency)
        entropy = negative_entropy(shares := logits.softmax(dim=1), overall=self._overall(rows, shares))
        clustering = clustering + settings.entropy_weight * self._terms("entropy", entropy)
        return total + settings.loss_weight * clustering

    def _overall(self, rows: Rows, shares: Tensor) -> Tensor | None:
        """Update Φ of the contents of a batch, and return Φ′, the mean over all (C,); ``None`` if that is not used."""
        import torch

        if self._shares is None:
            return None
        # the paper's Φ′ would be a pass over all instances in each step; those outside the batch keep their last Φ
        self._shares[torch.from_numpy(rows)] = shares.detach().float().to(self._shares.device)
        return self._shares.mean(dim=0).to(shares)

    def _drawn_neighbours(self, rows: Rows) -> Rows:
        """Return neighbours of some contents (B, K), drawn anew or all of them; none in the warm-up (B, 0)."""
        if self._neighbours is None:
            return np.empty((len(rows), 0), dtype=np.int64)
        neighbours, count = self._neighbours[rows], self.settings.sampled_neighbours
        if not 0 < count < neighbours.shape[1]:
            return neighbours
        return self._random.permuted(neighbours, axis=1)[:, :count]

    def _begin(self, epoch: int) -> None:
        settings = self.settings
        self._changed = None
        if settings.semantic_clustering and (since := epoch - settings.warm_up_epochs) >= 0:
            due = since == 0 or (settings.mine_every and since % settings.mine_every == 0)
            if due or self._neighbours is None:
                self._mine()
        self._random = generator(self.seed, f"neighbours {epoch}")

    def _mine(self) -> None:
        """Set the nearest neighbours of each content (M, K) in the encoder's current vectors (M, D)."""
        vectors = self.encoder.encode_contents(self.prepared, progress=self.progress)
        check_finite(vectors)
        count = min(self.settings.neighbours, len(vectors) - 1)
        warning = (
            f"each instance has {count} neighbours instead of {self.settings.neighbours}: there are only "
            f"{len(vectors)} different instances"
        )
        if count < self.settings.neighbours and warning not in self.warnings:
            self.warnings.append(warning)
        if self.settings.entropy_over == "data" and self.settings.pull == "clustering":
            self._shares = self._network.shares(vectors)
        if self.settings.metric == "cosine":
            vectors = unit_length(vectors)
        mined = nearest_neighbours(vectors, count)
        if self._neighbours is not None:
            kept = [np.isin(now, before).mean() for now, before in zip(mined, self._neighbours, strict=True)]
            self._changed = round(1 - float(np.mean(kept)), 6)
        self._neighbours = mined

    def _end(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        losses = self._terms.means()
        self.epochs.append({"losses": losses, "new_neighbours": self._changed, **self._watch.end_epoch()})
        # before the checkpoint, so that collapsed training is not resumed
        self._watch.check()
        if self.settings.mlps and (warning := self._watch.warning()) and warning not in self.warnings:
            self.warnings.append(warning)
        arrays: dict[str, NDArray[Any]] = {}
        if self._neighbours is not None:
            arrays["neighbours"] = self._neighbours
        if self._shares is not None:
            arrays["shares"] = self._shares.numpy()
        return {"first": self._watch.first}, arrays

    def _restore(self, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        import torch

        self._watch.first, self._neighbours = record["first"], arrays.get("neighbours")
        if "shares" in arrays:
            self._shares = torch.from_numpy(arrays["shares"].copy())


#: Representations have collapsed if their spread is below this share of that in the first epoch.
_LEAST_SPREAD = 0.05
#: If the first spread is below this, the instances are (nearly) equal, and nothing can collapse.
_DIFFERENT = 1e-3
#: g has collapsed if the spread of g(h) is below this.
_LEAST_PROJECTED = 0.05
#: Clusters have collapsed if they are as diverse as fewer than this many of equal size.
_LEAST_CLUSTERS = 1.2


@dataclass
class Watch:
    """Detects collapsed representations and clusters, from the batches of an epoch.

    Args:
        by_clusters: Whether collapsed clusters are an error.

    Attributes:
        first: Spread of h in the first epoch; ``None`` before its end.
        spread: Standard deviation of representations of unit length around their mean (SimSiam, section 4.1), in
            [0, 1]: 1 if they point in all directions, 0 if all are equal.
        projected: The same for g(h), in [0, 1].
        clusters: Number of clusters of equal size that would be as diverse as the mean of Φ; ``None`` if none were
            seen.
    """

    by_clusters: bool
    first: float | None = None
    spread: float = 0.0
    projected: float = 0.0
    clusters: float | None = None
    _seen: list[torch.Tensor] = field(default_factory=list)
    _projected: list[torch.Tensor] = field(default_factory=list)
    _shares: list[torch.Tensor] = field(default_factory=list)

    def see(self, h: torch.Tensor, g: torch.Tensor) -> None:
        """Add representations h (B, D) and g(h) (B, W)."""
        from torch.nn.functional import normalize

        for seen, rows in ((self._seen, h), (self._projected, g)):
            seen.append(_summed(normalize(rows.detach().float(), dim=1)))

    def see_clusters(self, logits: torch.Tensor) -> None:
        """Add scores of the clusters (B, C)."""
        self._shares.append(_summed(logits.detach().float().softmax(dim=1)))

    def end_epoch(self) -> dict[str, Any]:
        """Set the attributes from the batches since the last call, and return them as JSON values."""
        import torch

        self.spread, self.projected = _spread(self._seen), _spread(self._projected)
        if self.first is None:
            self.first = self.spread
        if self._shares:
            shares = torch.stack(self._shares).sum(dim=0)
            p = shares[:-1] / shares[-1]
            self.clusters = float(torch.exp(-torch.special.xlogy(p, p).sum()))
        self._seen, self._projected, self._shares = [], [], []
        record = {"spread": round(self.spread, 6), "projected_spread": round(self.projected, 6)}
        return record | ({} if self.clusters is None else {"effective_clusters": round(self.clusters, 3)})

    def check(self) -> None:
        """Check the last epoch.

        Raises:
            CollapsedError: All representations, or all clusters, have become one.
        """
        if self.first is not None and self.first > _DIFFERENT and self.spread < _LEAST_SPREAD * self.first:
            raise CollapsedError(
                f"the representations have collapsed: they differ by {self.spread:.4f}, in the first epoch by "
                f"{self.first:.4f}; lower encoder_learning_rate, train fewer epochs, or set mlps=true if it is false"
            )
        if self.by_clusters and self.clusters is not None and self.clusters < _LEAST_CLUSTERS:
            raise CollapsedError(
                f"the clusters have collapsed: Φ gives nearly all instances to one (as diverse as "
                f"{self.clusters:.2f} of equal size); raise entropy_weight or lower loss_weight"
            )

    def warning(self) -> str:
        """Return what a user should know of the last epoch; empty if there is nothing."""
        if self.projected >= _LEAST_PROJECTED or not self.first or self.first <= _DIFFERENT:
            return ""
        return (
            "the mapping g gave nearly one vector to all (projected_spread of the epochs), so that nothing was learnt "
            "from the two views; set normalisation=batch, or lower learning_rate"
        )


def _spread(sums: list[torch.Tensor]) -> float:
    import torch

    total = torch.stack(sums).sum(dim=0)
    mean = total[:-1] / total[-1]
    # the squares of a unit vector sum to 1, so 1 − ‖mean‖² is the sum of the variances of all dimensions
    return float((1 - mean.square().sum()).clamp(min=0).sqrt())


def _summed(rows: torch.Tensor) -> torch.Tensor:
    """Return the sum of rows (B, D) followed by their number (D + 1,), in float64."""
    import torch

    return torch.cat(
        [rows.double().sum(dim=0), torch.full((1,), len(rows), dtype=torch.float64, device=rows.device)]
    )


class Siamese(SelfTrained):
    """Learn representations from two views of each instance and from its neighbours, then cluster them by k-means.

    Args:
        encoder: The :class:`TransformerEncoder` to start from; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to estimate it from the untrained representations.
        seed: Random seed.

    The other parameters are the fields of :class:`SiameseSettings`.
    """

    NAME: ClassVar[str] = "siamese"
    CITATION: ClassVar[str] = (
        "Zhang, Chen: Siamese Representation Learning for Unsupervised Relation Extraction. ECAI 2023"
    )
    SETTINGS: ClassVar[type[SiameseSettings]] = SiameseSettings
    TRAINING: ClassVar[type[SelfTraining]] = SiameseTraining
    # Only the layer read at the mentions trains; the other parts lie below it, as for RoCORE. Types are part of the
    # vector, where the paper marks them: markers that are words disturb an encoder that was not trained with them.
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(
        pooling="span-mean@3+span-mean@5+sentence@4+between@4+types*0.6"
    )

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        mlps: bool = SiameseSettings.mlps,
        semantic_clustering: bool = SiameseSettings.semantic_clustering,
        dropout: float = SiameseSettings.dropout,
        vector_dropout: float = SiameseSettings.vector_dropout,
        normalisation: Literal["batch", "layer"] = SiameseSettings.normalisation,
        projector_width: int = SiameseSettings.projector_width,
        predictor_width: int = SiameseSettings.predictor_width,
        n_clusters: int = SiameseSettings.n_clusters,
        neighbours: int = SiameseSettings.neighbours,
        sampled_neighbours: int = SiameseSettings.sampled_neighbours,
        neighbour_scale: Literal["mean", "sum"] = SiameseSettings.neighbour_scale,
        metric: Literal["cosine", "inner-product"] = SiameseSettings.metric,
        mine_every: int = SiameseSettings.mine_every,
        pull: Literal["clustering", "cosine"] = SiameseSettings.pull,
        entropy_weight: float = SiameseSettings.entropy_weight,
        entropy_over: Literal["batch", "data"] = SiameseSettings.entropy_over,
        loss_weight: float = SiameseSettings.loss_weight,
        warm_up_epochs: int = SiameseSettings.warm_up_epochs,
        epochs: int = SiameseSettings.epochs,
        batch: int = SiameseSettings.batch,
        optimizer: Literal["adamw", "sgd"] = SiameseSettings.optimizer,
        encoder_learning_rate: float = SiameseSettings.encoder_learning_rate,
        learning_rate: float = SiameseSettings.learning_rate,
        weight_decay: float = SiameseSettings.weight_decay,
        trained_layers: int = SiameseSettings.trained_layers,
        training_dtype: Arithmetic = SiameseSettings.training_dtype,
        start: Start = SiameseSettings.start,
        max_relations: int = SiameseSettings.max_relations,
    ) -> None:
        self._store(locals())
