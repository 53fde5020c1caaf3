"""Settings of RoCORE."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.encoders.device import ARITHMETICS
from relscout.errors import SettingError
from relscout.ranges import check_above_zero, check_choices, check_least, check_shares, whole_numbers

#: Slope below 0 of the released code's LeakyReLU, that of torch.
_SLOPE = 0.01
_CHOICES = {
    "activation": ("relu", "leaky-relu"),
    "initial": ("normal", "xavier"),
    "reconstruction_scale": ("mean", "sum"),
    "start": ("neighbours", "k-means++"),
    "select": ("agreement", "last"),
    "training_dtype": ARITHMETICS,
}


@dataclass(frozen=True)
class RoCORESettings:
    """Settings of the method ``rocore``; what the paper says stands in each description."""

    center: bool = True
    """The centre loss, eq. 4 (Table 3: w/o center loss)."""
    reconstruction: bool = True
    """The reconstruction loss, eq. 6 (Table 3: w/o reconstruction); without it there is no pre-training."""
    cross_entropy: bool = True
    """The cross entropy on pre-defined relations, eq. 15 (Table 3: w/o CE)."""
    incremental: bool = False
    """One classifier η_l for pre-defined and novel relations together (section 3.5.2, eq. 17)."""
    n_clusters: int = 0
    """Pseudo labels and outputs of η_u, at least as many as novel relations, into which they are merged; 0: as many."""
    layers: str = "512-512-256"
    """Widths of the mapping g, the code last; d mirrors it (paper: 512-512-256)."""
    activation: str = "relu"
    """Between the layers of g and d: ``relu`` (paper) or ``leaky-relu`` (released code)."""
    initial: str = "xavier"
    """First weights of g and d: ``normal`` (N(0, 0.01²)) or ``xavier``; the paper says nothing."""
    reconstruction_scale: str = "mean"
    """Reconstruction error ``mean`` over the dimensions (released code), or half the ``sum`` over them (eq. 6)."""
    center_weight: float = 0.005
    """λ, weight of the centre loss, at least 0 (paper: 0.005 on FewRel); means other things to ``mean`` and ``sum``."""
    weight_penalty: float = 0.0
    """Factor of the summed squares of the weights of g and d, at least 0 (released code: 1e-5; not in the paper)."""
    pretrain_epochs: int = 10
    """Epochs L in which only g and d train, at least 0 (paper: 10)."""
    pretrain_steps: int = 1000
    """Least steps of these, so that small corpora get more epochs; 0 for the epochs alone (paper)."""
    pretrain_center: bool = False
    """Whether the centre loss acts in pre-training, too (released code); Algorithm 1 has reconstruction only."""
    start: str = "neighbours"
    """Where k-means on the codes starts: ``neighbours`` (parts of the neighbour graph) or ``k-means++``, 10 times."""
    fresh_starts: int = 5
    """Clusterings that start anew, at least 1; later ones start at the clusters before (released code: all anew)."""
    margin: float = 2.0
    """σ, the divergence that two instances of different clusters should have, above 0, in nats (paper: 2)."""
    batch: int = 100
    """Instances of each side in a step, at least 2 (paper: 100)."""
    epochs: int = 30
    """Most epochs of joint training, at least 1 (released code: 100, pre-training counted)."""
    epoch_steps: int = 50
    """Least steps of an epoch, so that a small corpus is passed several times; 0 for one pass (paper)."""
    learning_rate: float = 1e-4
    """Learning rate of Adam for g, d and the classifiers (paper: 1e-4)."""
    encoder_learning_rate: float = 1e-4
    """Learning rate of Adam for the encoder (paper: 1e-4)."""
    trained_layers: int = 1
    """Layers of the encoder that train, counted from the highest that is read (paper: 1); -1 for the whole encoder."""
    training_dtype: str = "auto"
    """Arithmetic of the layers that train: ``float32``, ``bfloat16``, or ``auto``, bfloat16 where it is fast."""
    stop_change: float = 0.04
    """End when fewer than this share of the predictions change, in [0, 1]; 0 never ends early. No labels are asked."""
    patience: int = 3
    """Epochs in a row for which that must hold, at least 1."""
    select: str = "agreement"
    """Epoch that is kept: the ``last``, or that of the highest ``agreement`` of predictions and clusters."""
    ramp_up_weight: float = 1.0
    """μ₀, weight of the novel relations in the one classifier, at least 0 (paper: 1; released code: 0.05)."""
    ramp_up_epochs: int = 10
    """T, epochs until it has that weight, at least 1 (paper: 10; released code: 50); no earlier one is kept."""
    max_relations: int = 128
    """Largest number of relations that is considered where it is estimated; at least 1."""

    def __post_init__(self) -> None:
        check_choices(self, _CHOICES)
        _ = self.widths
        check_least(
            self,
            {
                "n_clusters": 0,
                "pretrain_epochs": 0,
                "pretrain_steps": 0,
                "batch": 2,
                "fresh_starts": 1,
                "epochs": 1,
                "epoch_steps": 0,
                "patience": 1,
                "ramp_up_epochs": 1,
                "max_relations": 1,
            },
        )
        check_above_zero(self, ("learning_rate", "encoder_learning_rate", "margin"))
        check_least(self, {"center_weight": 0, "weight_penalty": 0, "ramp_up_weight": 0})
        check_shares(self, ("stop_change",))
        if self.incremental and not self.cross_entropy:
            raise SettingError(
                "incremental is true but cross_entropy is false: the classifier for all relations learns by it; "
                "switch one of them"
            )

    @property
    def slope(self) -> float:
        """Slope of the activation below 0."""
        return _SLOPE if self.activation == "leaky-relu" else 0.0

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of g, the code last."""
        return whole_numbers("layers", self.layers, what="widths", example="512-512-256")
