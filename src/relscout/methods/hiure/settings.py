"""Settings of HiURE."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.clustering.started import STARTS
from relscout.encoders.device import ARITHMETICS
from relscout.errors import SettingError
from relscout.ranges import check_above_zero, check_choices, check_least, check_rates, whole_numbers

_CHOICES = {"start": STARTS, "training_dtype": ARITHMETICS}


@dataclass(frozen=True)
class HiURESettings:
    """Settings of the method ``hiure``."""

    prototypes: bool = True
    """The contrast of prototypes; without it only instances are contrasted."""
    granularities: str = "4-6-10-16-100"
    """Numbers of prototypes, joined by ``-``; of all the contrast is taken (released code: 4-6-10-16-100)."""
    sampled_words: int = 2
    """Tokens between the mentions that each view reads of the part ``between``, drawn anew; 0 reads all."""
    dropout: float = 0.1
    """Dropout rate of the layers that train, in [0, 1)."""
    vector_dropout: float = 0.1
    """Dropout rate on the representation, in [0, 1), since layers that do not train give both views the same."""
    temperature: float = 0.05
    """τ of instances, and the mean of the prototypes' φ, above 0."""
    smoothing: float = 10.0
    """α of φ, above 0: the higher, the less the size of a cluster counts (released code: 10)."""
    prototype_weight: float = 1.0
    """Weight of the contrast of prototypes, at least 0."""
    warm_up_epochs: int = 1
    """Epochs without that contrast, at least 0."""
    epochs: int = 5
    """Epochs in all, at least 1 (released code: 5)."""
    batch: int = 64
    """Instances in a step, at least 2."""
    learning_rate: float = 1e-5
    """Learning rate of AdamW (released code: 1e-5)."""
    weight_decay: float = 1e-4
    """Weight decay, at least 0."""
    trained_layers: int = 1
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    training_dtype: str = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    start: str = "neighbours"
    """Where the last k-means starts: ``neighbours`` (parts of the neighbour graph) or ``k-means++``, 10 times."""
    max_relations: int = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        check_choices(self, _CHOICES)
        check_least(self, {"batch": 2, "epochs": 1, "warm_up_epochs": 0, "sampled_words": 0})
        check_least(self, {"max_relations": 1, "prototype_weight": 0, "weight_decay": 0})
        check_above_zero(self, ("temperature", "smoothing", "learning_rate"))
        check_rates(self, ("dropout", "vector_dropout"))
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
        read = whole_numbers(
            "granularities", self.granularities, what="numbers of prototypes", example="4-10-100"
        )
        return tuple(sorted(set(read)))
