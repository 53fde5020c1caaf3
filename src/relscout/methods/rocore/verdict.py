"""Which epoch of RoCORE is kept and when training ends, told without labels.

The released code asks the gold relations of what it clusters for both. Here it is how far two views of the same
representation agree: the classifier η_u and the clusters of g(h).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.adaptive import effective_number
from relscout.methods.rocore.settings import RoCORESettings
from relscout.metrics import align

Arrays = dict[str, NDArray[Any]]
_BEST = "best."
#: η_u has collapsed when its predictions are as diverse as fewer relations than this share of those of the clusters.
_COLLAPSED = 0.5


@dataclass(frozen=True)
class Judged:
    """What came of an epoch.

    Args:
        predicted: argmax η_u of each instance (N,), int64 (eq. 14).
        agreement: Share of the instances in which η_u and k-means on g(h) agree, matched one to one, in [0, 1].
        entropy: Mean entropy of η_u over log C_u, in [0, 1]; 1 where it cannot tell any two relations apart.
        effective_relations: Relations of equal size that would be as diverse as the predictions.
        effective_clusters: The same of the clusters.
    """

    predicted: NDArray[np.int64]
    agreement: float
    entropy: float
    effective_relations: float
    effective_clusters: float


def judged(scores: NDArray[np.float32], clusters: NDArray[np.int64]) -> Judged:
    """Judge the scores of η_u (N, C_u) beside the clusters (N,) of g(h)."""
    predicted = scores.argmax(axis=1).astype(np.int64)
    shares = scores.astype(np.float64)
    shares -= shares.max(axis=1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    entropies = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
    n_relations = scores.shape[1]
    return Judged(
        predicted,
        align(predicted, clusters).accuracy,
        float(entropies.mean() / np.log(n_relations)) if n_relations > 1 else 0.0,
        effective_number(predicted),
        effective_number(clusters),
    )


@dataclass
class Verdict:
    """What is known of every epoch, and which is kept.

    Args:
        settings: See :class:`RoCORESettings`.

    Attributes:
        epochs: What is known of each, as JSON values.
        predictions: argmax η_u of each epoch (N,).
        stopped: Why training ended; empty while it goes on.
        kept: The epoch that is kept, from 0; -1 before the first.
        best: The weights of that epoch; empty where they are those of the last.
    """

    settings: RoCORESettings
    epochs: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[NDArray[np.int64]] = field(default_factory=list)
    stopped: str = ""
    kept: int = -1
    best: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, found: Judged, losses: Mapping[str, float], weights: Callable[[], Arrays]) -> None:
        """Take down an epoch, keep its weights where it is the best, and decide whether training ends.

        Args:
            found: What came of it.
            losses: Mean of each term of the loss.
            weights: Returns the weights that it ended with.
        """
        changed = None
        if self.predictions:
            changed = round(float((found.predicted != self.predictions[-1]).mean()), 6)
        earlier = self.epochs[self._first - 1 :]
        highest = max((one["agreement"] for one in earlier), default=-1.0)
        agreement = round(found.agreement, 6)
        told = {
            "agreement": agreement,
            "changed": changed,
            "entropy": round(found.entropy, 6),
            "effective_relations": round(found.effective_relations, 3),
            "effective_clusters": round(found.effective_clusters, 3),
            "losses": dict(losses),
        }
        self.epochs.append(told)
        self.predictions.append(found.predicted)
        if self.settings.select == "last":
            self.kept = len(self.epochs) - 1
        elif agreement > highest and len(self.epochs) >= self._first:
            self.kept, self.best = len(self.epochs) - 1, weights()
        self._stop()

    @property
    def _first(self) -> int:
        """The first epoch, from 1, that may be kept: before, novel relations have no full weight in η_l (eq. 17)."""
        settings = self.settings
        return min(settings.ramp_up_epochs, settings.epochs) if settings.incremental else 1

    def _stop(self) -> None:
        settings, done = self.settings, len(self.epochs)
        latest = [one["changed"] for one in self.epochs[-settings.patience :]]
        settled = [changed for changed in latest if changed is not None and changed < settings.stop_change]
        if len(settled) == settings.patience and done >= self._first:
            self.stopped = (
                f"after {done} epochs: fewer than {settings.stop_change:.1%} of the predictions changed in each of "
                f"the last {settings.patience}"
            )
        elif done >= settings.epochs:
            self.stopped = f"after {done} epochs, the most that were allowed"

    @property
    def agreement(self) -> float:
        """Agreement of η_u and the clusters in the epoch that is kept, in [0, 1]."""
        return float(self.epochs[self.kept]["agreement"])

    def warnings(self) -> list[str]:
        """Return what a user should know of the epoch that is kept."""
        kept = self.epochs[self.kept]
        found, expected = kept["effective_relations"], kept["effective_clusters"]
        if found >= _COLLAPSED * expected:
            return []
        return [
            f"the classifier of novel relations has collapsed: its predictions have the entropy of {found:.1f} equal "
            f"relations, the clusters that of {expected:.1f}; train longer, or with another learning rate or margin"
        ]

    def history(self) -> NDArray[np.signedinteger[Any]]:
        """Return the predictions of all epochs (E, N), in the smallest type of 16 bits or more that holds them."""
        found = np.stack(self.predictions)
        return found.astype(np.int16 if found.max() < 2**15 else np.int32)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Return everything, as JSON values and as arrays."""
        arrays: Arrays = {f"{_BEST}{name}": array for name, array in self.best.items()}
        if self.predictions:
            arrays["predictions"] = self.history()
        return {"epochs": self.epochs, "stopped": self.stopped, "kept": self.kept}, arrays

    def load(self, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` gave; other arrays are passed over."""
        self.epochs, self.stopped, self.kept = list(state["epochs"]), state["stopped"], state["kept"]
        self.predictions = [row.astype(np.int64) for row in arrays.get("predictions", ())]
        self.best = {
            name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)
        }
