"""Is everything becoming one? Positive pairs alone are satisfied by representations that are all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relscout.errors import CollapsedError

if TYPE_CHECKING:
    import torch

#: Collapsed: instances differ by less than this share of what they differed by in the first epoch.
_LEAST_SPREAD = 0.05
#: Instances that differ by less to begin with are one that repeats, or nearly so.
_DIFFERENT = 1e-3
#: g has collapsed where what it gives differs by less than this.
_LEAST_PROJECTED = 0.05
#: Collapsed: the clusters are as diverse as fewer than this many of equal size.
_LEAST_CLUSTERS = 1.2


@dataclass
class Watch:
    """Looks at the representations and clusters of an epoch while it trains, which costs nothing.

    Args:
        by_clusters: Whether clusters are to be watched.

    Attributes:
        first: Spread of h in the first epoch; ``None`` before its end.
        spread: Root mean square, over the dimensions and times their root, of the standard deviation of representations
            of unit length (SimSiam, section 4.1), in [0, 1]: 1 where they point everywhere, 0 where all are one.
        projected: The same of what g gives, in [0, 1].
        clusters: Clusters of equal size that would be as diverse as the mean of Φ; ``None`` where none were seen.
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
        """Look at representations (B, D) and what the mapping g makes of them (B, W)."""
        from torch.nn.functional import normalize

        for seen, rows in ((self._seen, h), (self._projected, g)):
            seen.append(_summed(normalize(rows.detach().float(), dim=1)))

    def see_clusters(self, logits: torch.Tensor) -> None:
        """Look at scores of the clusters (B, C)."""
        self._shares.append(_summed(logits.detach().float().softmax(dim=1)))

    def judge(self) -> dict[str, Any]:
        """Return what was seen since the last call, as JSON values."""
        import torch

        self.spread, self.projected = _spread(self._seen), _spread(self._projected)
        if self.first is None:
            self.first = self.spread
        if self._shares:
            shares = torch.stack(self._shares).sum(dim=0)
            p = shares[:-1] / shares[-1]
            self.clusters = float(torch.exp(-torch.special.xlogy(p, p).sum()))
        self._seen, self._projected, self._shares = [], [], []
        told = {"spread": round(self.spread, 6), "projected_spread": round(self.projected, 6)}
        return told | ({} if self.clusters is None else {"effective_clusters": round(self.clusters, 3)})

    def check(self) -> None:
        """Check what was judged last.

        Raises:
            CollapsedError: All representations or all clusters are one.
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
        """Return what a user should know of what was judged last; empty where all is well."""
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
    # of unit vectors the squares sum to 1 over the dimensions, so that this is the sum of the variances
    return float((1 - mean.square().sum()).clamp(min=0).sqrt())


def _summed(rows: torch.Tensor) -> torch.Tensor:
    """Return the sum of rows (B, D) with their number behind it (D + 1,), in float64."""
    import torch

    return torch.cat(
        [rows.double().sum(dim=0), torch.full((1,), len(rows), dtype=torch.float64, device=rows.device)]
    )
