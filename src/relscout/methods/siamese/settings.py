"""Settings of Siamese URE."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.clustering.started import STARTS
from relscout.encoders.device import ARITHMETICS
from relscout.errors import SettingError
from relscout.ranges import check_above_zero, check_choices, check_least, check_rates

_CHOICES = {
    "pull": ("clustering", "cosine"),
    "neighbour_scale": ("mean", "sum"),
    "metric": ("cosine", "inner-product"),
    "normalisation": ("batch", "layer"),
    "optimizer": ("adamw", "sgd"),
    "start": STARTS,
    "training_dtype": ARITHMETICS,
}


@dataclass(frozen=True)
class SiameseSettings:
    """Settings of the method ``siamese``; what the paper says stands in each description."""

    mlps: bool = True
    """The mappings g and d (Table 2: w/o MLPs); without them the views themselves are compared."""
    semantic_clustering: bool = True
    """The relational semantic clustering loss, eq. 7 (Table 2: w/o semantic clustering)."""
    dropout: float = 0.1
    """Dropout rate r of the layers that train, which makes the two views, in [0, 1) (paper: 0.1)."""
    vector_dropout: float = 0.1
    """Dropout rate on the representation, in [0, 1): layers that do not train give both views the same (paper: 0)."""
    normalisation: str = "batch"
    """How layers of g and d are normalised: ``batch``, or ``layer`` (paper), with which g soon collapses."""
    projector_width: int = 512
    """Width of g, whose layers are all equally wide; 0: that of the representation (released code)."""
    predictor_width: int = 512
    """Width of the hidden layer of d, at least 1 (released code: 512)."""
    n_clusters: int = 0
    """Clusters C of Φ, at least as many as relations; 0: as many."""
    neighbours: int = 20
    """Neighbours K of each instance, at least 1 (paper: 20; released code: 30)."""
    sampled_neighbours: int = 1
    """Neighbours that are drawn in a step, of these; 0 takes all, as eq. 7 does (released code: 1)."""
    neighbour_scale: str = "mean"
    """Whether eq. 7 takes the ``mean`` over the neighbours, or their ``sum``, as it is written."""
    metric: str = "cosine"
    """By what neighbours are near: ``cosine``, or the ``inner-product`` of h as it is (released code)."""
    mine_every: int = 1
    """Epochs after which neighbours are mined again; 0: once, after the warm-up."""
    pull: str = "clustering"
    """What neighbours share: their clusters (``clustering``, eq. 7), or h itself (``cosine``, released code)."""
    entropy_weight: float = 2.0
    """λ, weight of the entropy of the clusters' sizes, at least 0; the paper gives none."""
    loss_weight: float = 0.5
    """η, weight of the semantic clustering loss, at least 0 (paper: 0.5)."""
    warm_up_epochs: int = 2
    """Epochs L without that loss, at least 0 (paper: 5)."""
    epochs: int = 6
    """Epochs in all, at least 1 (released code: 20)."""
    batch: int = 64
    """Instances in a step, at least 2 (paper: 64)."""
    optimizer: str = "adamw"
    """``sgd`` with momentum 0.9 (paper), or ``adamw``."""
    encoder_learning_rate: float = 1e-5
    """Learning rate of the encoder (paper: 1e-5)."""
    learning_rate: float = 1e-3
    """Learning rate of g, d and Φ (paper: 1e-5)."""
    weight_decay: float = 1e-4
    """Weight decay, at least 0 (paper: 1e-4)."""
    trained_layers: int = 1
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    training_dtype: str = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    start: str = "neighbours"
    """Where k-means on h starts: ``neighbours`` (parts of the neighbour graph) or ``k-means++``, 10 times (paper)."""
    max_relations: int = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        check_choices(self, _CHOICES)
        check_least(
            self,
            {
                "projector_width": 0,
                "predictor_width": 1,
                "n_clusters": 0,
                "neighbours": 1,
                "sampled_neighbours": 0,
                "mine_every": 0,
                "warm_up_epochs": 0,
                "epochs": 1,
                "batch": 2,
                "max_relations": 1,
            },
        )
        check_above_zero(self, ("encoder_learning_rate", "learning_rate"))
        check_least(self, {"entropy_weight": 0, "loss_weight": 0, "weight_decay": 0})
        check_rates(self, ("dropout", "vector_dropout"))
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
