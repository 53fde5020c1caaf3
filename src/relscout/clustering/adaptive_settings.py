"""Settings of adaptive clustering."""

from __future__ import annotations

from dataclasses import dataclass

from relscout.ranges import check_above_zero, check_choices, check_least, check_rates, whole_numbers

_STARTS = ("neighbours", "k-means++")
_CHOICES = {
    "initial": ("normal", "xavier"),
    "optimizer": ("adam", "sgd"),
    "start": _STARTS,
    "label_from": ("target", "assignment"),
    "keep": ("last", "lowest-loss"),
}


@dataclass(frozen=True)
class AdaptiveSettings:
    """Settings of adaptive clustering; what the paper says stands in each description."""

    layers: str = "500-500-200"
    """Widths of the autoencoder's encoder, the code last; the decoder mirrors it (paper: 500-500-200)."""
    initial: str = "xavier"
    """First weights: ``normal`` (N(0, 0.01²), the paper's, which learns late on small corpora) or ``xavier``."""
    noise: float = 0.1
    """Dropout rate on the input and on the code while the autoencoder trains, in [0, 1); the paper gives none."""
    autoencoder_epochs: int = 20
    """Epochs of the autoencoder, at least 0 (paper: 20)."""
    autoencoder_steps: int = 800
    """Least steps of the autoencoder, so that small corpora get more epochs; the paper's 41,000 sentences need none."""
    autoencoder_batch: int = 64
    """Vectors in a step of the autoencoder (released code: 16; the paper gives none)."""
    autoencoder_learning_rate: float = 1e-3
    """Learning rate of Adam for the autoencoder (paper: 1e-3)."""
    weight_decay: float = 1e-5
    """Weight decay of the autoencoder (paper: 1e-5)."""
    alpha: float = 1.0
    """Degrees of freedom of the Student t-distribution, above 0 (paper: 1)."""
    start: str = "neighbours"
    """Where k-means on the codes starts: ``neighbours`` (parts of the neighbour graph) or ``k-means++`` (paper)."""
    optimizer: str = "adam"
    """Moves mapping and centroids: ``adam`` or ``sgd`` (released code; momentum 0.9); the paper names none."""
    cluster_learning_rate: float = 3e-4
    """Learning rate of mapping and centroids (released code: 0.1)."""
    cluster_epochs: int = 30
    """Epochs in which mapping and centroids adapt, at least 0; targets are renewed at the start of each."""
    cluster_batch: int = 256
    """Vectors in a step of the clustering; 0 takes all at once (released code)."""
    label_from: str = "target"
    """Pseudo labels are the highest p of the ``target`` (paper, eq. 10) or q of the ``assignment`` (released code)."""
    keep: str = "last"
    """State that is kept: the ``last``, or that of the ``lowest-loss`` (released code)."""
    redraws: int = 3
    """How often centroids are redrawn when the first epoch does not lower the loss, at least 0 (released code: 0)."""

    def __post_init__(self) -> None:
        check_choices(self, _CHOICES)
        _ = self.widths
        check_rates(self, ("noise",))
        check_least(
            self,
            {
                "autoencoder_epochs": 0,
                "autoencoder_steps": 0,
                "autoencoder_batch": 1,
                "cluster_epochs": 0,
                "cluster_batch": 0,
                "redraws": 0,
                "weight_decay": 0,
            },
        )
        check_above_zero(self, ("autoencoder_learning_rate", "cluster_learning_rate", "alpha"))

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the autoencoder's encoder, the code last."""
        return whole_numbers("layers", self.layers, what="widths", example="500-500-200")
