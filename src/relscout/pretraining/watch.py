"""What is noted of an epoch while it is learnt, and whether all representations become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

#: Collapsed: sentences differ by less than this share of what they differed by in the first epoch.
_LEAST_SPREAD = 0.05
_SUMS = ("steps", "contrast", "words", "hits", "anchors", "spread", "sentences", "seconds")


class Watch:
    """Sums over the steps of an epoch, which can be kept and taken up again.

    Args:
        kept: What :meth:`kept` gave.
    """

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        kept = kept or {}
        self.epochs: list[dict[str, Any]] = list(kept.get("epochs", []))
        self._sums: dict[str, float] = dict(kept.get("sums", dict.fromkeys(_SUMS, 0.0)))
        self.seconds = float(kept.get("seconds", 0.0))
        self.sentences = float(kept.get("sentences", 0.0))

    def kept(self) -> dict[str, Any]:
        """Return all that was noted, as JSON values."""
        return {
            "epochs": self.epochs,
            "sums": self._sums,
            "seconds": self.seconds,
            "sentences": self.sentences,
        }

    def see(self, **found: float) -> None:
        """Add what was found in a step."""
        for name, value in {**found, "steps": 1}.items():
            self._sums[name] += value
        self.seconds += found["seconds"]
        self.sentences += found["sentences"]

    def end_epoch(self, *, words: bool) -> None:
        """Tell of the epoch that ends here, and begin another.

        Args:
            words: Whether masked words were predicted.
        """
        sums = self._sums
        steps = sums["steps"]
        told = {
            "steps": int(steps),
            "contrast": round(sums["contrast"] / steps, 6),
            "mlm": round(sums["words"] / steps, 6) if words else None,
            "nearest_is_positive": round(sums["hits"] / max(sums["anchors"], 1), 4),
            "spread": round(sums["spread"] / steps, 4),
            "sentences_per_second": round(sums["sentences"] / max(sums["seconds"], 1e-9), 1),
        }
        self.epochs.append(told)
        self._sums = dict.fromkeys(_SUMS, 0.0)

    def warnings(self) -> list[str]:
        """Return what a user should know of how it went."""
        first, last = (self.epochs[place]["spread"] for place in (0, -1))
        if last < _LEAST_SPREAD * first:
            return [
                f"the representations have collapsed: sentences of a batch differ by {last:.4f}, in the first epoch by "
                f"{first:.4f}; lower learning_rate, or give larger batches"
            ]
        return []


def spread(x: Tensor) -> float:
    """Return how much representations (B, R) differ: 1 where they point everywhere, 0 where they are one.

    The root of the sum, over the dimensions, of the variances of representations of unit length (SimSiam, section 4.1).
    """
    from torch.nn.functional import normalize

    mean = normalize(x.detach().float(), dim=1).mean(dim=0)
    return float((1 - mean.square().sum()).clamp(min=0).sqrt())
