"""Is everything becoming one? Positive pairs alone are satisfied by representations that are all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relscout.errors import CollapsedError

if TYPE_CHECKING:
    import torch

#: Collapsed: instances differ by less than this share of what they differed by in the first epoch.
_LEAST_SPREAD = 0.05
#: Collapsed: the clusters are as diverse as fewer than this many of equal size.
_LEAST_CLUSTERS = 1.2


@dataclass
class Watch:
    """Looks at the representations and clusters of an epoch while it trains, which costs nothing.

    Args:
        by_clusters: Whether clusters are to be watched.

    Attributes:
        first: Spread in the first epoch; ``None`` before its end.
        spread: Root mean square, over the dimensions and times their root, of the standard deviation of representations
            of unit length (SimSiam, section 4.1), in [0, 1]: 1 where they point everywhere, 0 where all are one.
        clusters: Clusters of equal size that would be as diverse as the mean of Φ; ``None`` where none were seen.
    """

    by_clusters: bool
    first: float | None = None
    spread: float = 0.0
    clusters: float | None = None
    _seen: list[torch.Tensor] = field(default_factory=list)
    _shares: list[torch.Tensor] = field(default_factory=list)

    def see(self, h: torch.Tensor) -> None:
        """Look at representations (B, D)."""
        from torch.nn.functional import normalize

        self._seen.append(_summed(normalize(h.detach().float(), dim=1)))

    def see_clusters(self, logits: torch.Tensor) -> None:
        """Look at scores of the clusters (B, C)."""
        self._shares.append(_summed(logits.detach().float().softmax(dim=1)))

    def judge(self) -> dict[str, Any]:
        """Return what was seen since the last call, as JSON values."""
        import torch

        total = torch.stack(self._seen).sum(dim=0)
        mean = total[:-1] / total[-1]
        # unit vectors: the mean of the squares is 1 over all dimensions together
        self.spread = float((1 - mean.square().sum()).clamp(min=0).sqrt())
        if self.first is None:
            self.first = self.spread
        if self._shares:
            shares = torch.stack(self._shares).sum(dim=0)
            p = shares[:-1] / shares[-1]
            self.clusters = float(torch.exp(-torch.special.xlogy(p, p).sum()))
        self._seen, self._shares = [], []
        told = {"spread": round(self.spread, 6)}
        return told | ({} if self.clusters is None else {"effective_clusters": round(self.clusters, 3)})

    def check(self) -> None:
        """Check what was judged last.

        Raises:
            CollapsedError: All representations or all clusters are one.
        """
        if self.first is not None and self.spread < max(_LEAST_SPREAD * self.first, 1e-4):
            raise CollapsedError(
                f"the representations have collapsed: they differ by {self.spread:.4f}, in the first epoch by "
                f"{self.first:.4f}; keep the mappings (mlps=true), lower encoder_learning_rate, or train fewer epochs"
            )
        if self.by_clusters and self.clusters is not None and self.clusters < _LEAST_CLUSTERS:
            raise CollapsedError(
                f"the clusters have collapsed: Φ gives nearly all instances to one (as diverse as "
                f"{self.clusters:.2f} of equal size); raise entropy_weight or lower loss_weight"
            )


def _summed(rows: torch.Tensor) -> torch.Tensor:
    """Return the sum of rows (B, D) with their number behind it (D + 1,), in float64."""
    import torch

    return torch.cat(
        [rows.double().sum(dim=0), torch.full((1,), len(rows), dtype=torch.float64, device=rows.device)]
    )
