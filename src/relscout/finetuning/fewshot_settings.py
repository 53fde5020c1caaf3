"""Settings of few-shot classification."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.encoders.device import ARITHMETICS
from relscout.errors import UnknownNameError
from relscout.finetuning.episodes import Episode
from relscout.finetuning.prototypes import SIMILARITIES
from relscout.ranges import check_above_zero, check_choices, check_least, check_rates, check_shares
from relscout.training.teaching import TeachingSettings

#: Objective → what the encoder learns of the labelled, pre-defined relations.
OBJECTIVES: dict[str, str] = {
    "relations": "move each sentence towards a direction of its relation, all relations at once",
    "episodes": "classify few relations with prototypes of few examples, as in the test (Snell et al. 2017)",
}


@dataclass(frozen=True)
class FewShotSettings:
    """Settings of few-shot classification; chosen on the development draws."""

    similarity: str = "euclid"
    """How a sentence is compared with a prototype: ``dot`` (paper, but of unit vectors), ``euclid`` or ``cosine``."""
    centred: bool = True
    """Whether the mean of the labelled instances is subtracted from all vectors, which are then normalised again."""
    objective: str = "relations"
    """What the encoder learns: ``episodes`` (paper), or ``relations``, all labelled ones at once."""
    iterations: int = 200
    """Steps of training at least, so that all epochs are of one length (released code: 20,000); 0 trains nothing."""
    learning_rate: float = 2e-4
    """Highest learning rate of the encoder (released code: 2e-5, for BERT-base)."""
    dropout: float = 0.1
    """Dropout rate on the representation, in [0, 1) (released code: 0.5); the encoder keeps its own."""
    trained_layers: int = 3
    """Layers of the encoder that train, counted from the highest that is read; -1 for the whole encoder (paper)."""
    inverses: bool = True
    """Whether relations are learnt backwards, too, where the encoder allows it: marking ``none``, mentions read."""
    train_ways: int = 16
    """Relations in an episode of training, at least 2 (or as many as there are): more teach more."""
    train_shots: int = 2
    """Examples of each relation in an episode of training, at least 1."""
    train_queries: int = 2
    """Queries of each relation in an episode of training, at least 1."""
    sharpness: float = 16.0
    """Factor of the similarities of unit vectors before the softmax, above 0 (paper: no unit length, no factor)."""
    warm_up: float = 0.1
    """Share of the steps in which learning rates rise, in [0, 1]; then they fall."""
    dtype: str = "auto"
    """Arithmetic of the layers that learn: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    check_every: int = 50
    """Steps of ``episodes`` after which work is kept and ``dev`` scored; ``relations`` does so after each pass."""
    dev_ways: int = 5
    """Relations in an episode of ``dev``, at least 2."""
    dev_shots: int = 1
    """Examples of each relation in an episode of ``dev``, at least 1."""
    dev_episodes: int = 1000
    """Episodes of ``dev`` by which the best weights are chosen, at least 2."""

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise UnknownNameError("objective", self.objective, OBJECTIVES)
        if self.similarity not in SIMILARITIES:
            raise UnknownNameError("similarity", self.similarity, SIMILARITIES)
        check_choices(self, {"dtype": ARITHMETICS})
        least = {"iterations": 0, "check_every": 1, "dev_episodes": 2}
        check_least(
            self,
            {**least, "train_ways": 2, "train_shots": 1, "train_queries": 1, "dev_ways": 2, "dev_shots": 1},
        )
        check_above_zero(self, ("learning_rate", "sharpness"))
        check_rates(self, ("dropout",))
        check_shares(self, ("warm_up",))

    @property
    def of_training(self) -> Episode:
        """Shape of an episode of training."""
        return Episode(self.train_ways, self.train_shots, self.train_queries)

    @property
    def of_dev(self) -> Episode:
        """Shape of an episode of ``dev``."""
        return Episode(self.dev_ways, self.dev_shots)

    @property
    def of_teaching(self) -> TeachingSettings:
        """Settings of the objective ``relations``."""
        return TeachingSettings(
            inverses=self.inverses,
            taught_layers=self.trained_layers,
            taught_epochs=1,
            taught_steps=self.iterations,
            taught_learning_rate=self.learning_rate,
            taught_dropout=self.dropout,
            sharpness=self.sharpness,
            taught_warm_up=self.warm_up,
            taught_dtype=self.dtype,
        )
