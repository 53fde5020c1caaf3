"""Settings of RSN."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.encoders.device import ARITHMETICS
from relscout.errors import SettingError
from relscout.ranges import (
    check_above_zero,
    check_choices,
    check_least,
    check_rates,
    check_shares,
    whole_numbers,
)

_CHOICES = {
    "start": ("directions", "random"),
    "clustering": ("hac", "louvain"),
    "linkage": ("average", "complete"),
    "training_dtype": ARITHMETICS,
}


@dataclass(frozen=True)
class RSNSettings:
    """Settings of the method ``rsn``."""

    layers: str = "64"
    """Widths of the fully connected layers that make f of the encoder's vector, with ReLU between them."""
    start: str = "directions"
    """First weights of the first layer: strongest ``directions`` of all vectors, labelled or not, or ``random``."""
    trained_layers: int = 0
    """Layers of the encoder that train with them, counted from the highest that is read; 0 keeps it frozen."""
    epochs: int = 3
    """Epochs of training, at least 1."""
    pairs: int = 20_000
    """Labelled pairs drawn in each epoch, half of them of the same relation; at least 2."""
    batch: int = 256
    """Labelled pairs in a step, and as many unlabelled ones where these are used; at least 2."""
    learning_rate: float = 1e-4
    """Highest learning rate of f."""
    similarity_learning_rate: float = 1e-3
    """Highest learning rate of the weights w and c with which the similarity reads |f(a) − f(b)|."""
    encoder_learning_rate: float = 1e-4
    """Highest learning rate of the encoder's layers, where some train."""
    weight_decay: float = 0.01
    """Decoupled weight decay, at least 0."""
    dropout: float = 0.2
    """Dropout rate on |f(a) − f(b)| while training, in [0, 1); layers of the encoder keep their own."""
    warm_up: float = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]."""
    training_dtype: str = "auto"
    """Arithmetic of encoder layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    entropy_weight: float = 1.0
    """Weight of the conditional entropy of unlabelled pairs, which makes predictions decided; 0 leaves it out."""
    adversarial_weight: float = 0.0
    """Weight of virtual adversarial training on labelled and unlabelled pairs; 0 leaves it out."""
    perturbation: float = 0.03
    """Length of its perturbation, as a share of the vector's own; above 0."""
    clustering: str = "hac"
    """How a given number of relations is made: ``hac``, or ``louvain`` communities merged until as many are left."""
    linkage: str = "average"
    """How unlike two clusters are for ``hac``: as their members on ``average``, or at most (``complete``)."""
    threshold: float = 0.5
    """Predicted similarity from which on two instances are joined for Louvain, in (0, 1)."""
    smallest_community: int = 5
    """Louvain's communities of fewer instances are no relations, their instances go to others; at least 1."""
    max_instances: int = 10_000
    """Of more instances than this, HAC clusters a sample, from which the others get their relation; at least 2."""
    max_joined: int = 2500
    """The same for Louvain, whose graph takes more memory; at least 2."""
    prototypes: int = 50
    """Instances that stand for a relation when others are compared with it, drawn at random; at least 1."""

    def __post_init__(self) -> None:
        check_choices(self, _CHOICES)
        _ = self.widths
        check_least(
            self,
            {
                "trained_layers": -1,
                "epochs": 1,
                "pairs": 2,
                "batch": 2,
                "weight_decay": 0,
                "entropy_weight": 0,
                "adversarial_weight": 0,
                "smallest_community": 1,
                "max_instances": 2,
                "max_joined": 2,
                "prototypes": 1,
            },
        )
        check_above_zero(
            self, ("learning_rate", "similarity_learning_rate", "encoder_learning_rate", "perturbation")
        )
        check_rates(self, ("dropout",))
        check_shares(self, ("warm_up",))
        if not 0 < self.threshold < 1:
            raise SettingError(f"threshold is {self.threshold}, expected a probability above 0 and below 1")

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of f's layers."""
        return whole_numbers("layers", self.layers, what="widths", example="256-64")

    @property
    def semi_supervised(self) -> bool:
        """Whether training looks at pairs of unlabelled instances."""
        return self.entropy_weight > 0 or self.adversarial_weight > 0
