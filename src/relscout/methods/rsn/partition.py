"""Relations as groups of instances that are predicted to say the same; what is most like a group belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.communities import communities
from relscout.clustering.hierarchy import cut
from relscout.methods.rsn.settings import RSNSettings
from relscout.methods.rsn.similarity import Similarity
from relscout.methods.vectors import largest_first
from relscout.seeding import generator

_CHUNK = 1024
#: Keeps shares defined where nothing is like anything.
_TINY = 1e-12


@dataclass(frozen=True)
class Prototypes:
    """Instances that stand for their relations.

    Args:
        codes: f of each (P, Z), float32, those of one relation one after the other.
        starts: Where those of each relation begin (K,), int64.
    """

    codes: NDArray[np.float32]
    starts: NDArray[np.int64]

    @classmethod
    def drawn(
        cls, codes: NDArray[np.float32], labels: NDArray[np.int64], *, most: int, seed: int
    ) -> Prototypes:
        """Draw up to ``most`` members of each cluster, all of them as likely.

        Args:
            codes: f of each instance that was clustered (N, Z), float32.
            labels: Its cluster (N,), int64, none from 0 to K − 1 empty.
            most: Most prototypes of a cluster.
            seed: Draws them.
        """
        random = generator(seed, "prototypes")
        chosen = []
        for cluster in range(int(labels.max()) + 1):
            members = np.flatnonzero(labels == cluster)
            if len(members) > most:
                members = np.sort(random.choice(members, most, replace=False))
            chosen.append(members)
        sizes = np.array([len(members) for members in chosen])
        return cls(np.ascontiguousarray(codes[np.concatenate(chosen)]), np.cumsum(sizes) - sizes)

    def only(self, clusters: NDArray[np.int64]) -> Prototypes:
        """Return those of some clusters, in the order in which these are given."""
        ends = np.append(self.starts[1:], len(self.codes))
        rows = [np.arange(self.starts[cluster], ends[cluster]) for cluster in clusters]
        sizes = np.array([len(one) for one in rows])
        return Prototypes(self.codes[np.concatenate(rows)], np.cumsum(sizes) - sizes)

    def shares(self, similarity: Similarity, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how like each code (N, Z) is to each relation, among all of them: (N, K), float32, rows summing to 1.

        How like: the mean of the predicted similarities to the prototypes.
        """
        sizes = np.diff(np.append(self.starts, len(self.codes)))
        found = np.empty((len(codes), len(self.starts)), dtype=np.float32)
        for start in range(0, len(codes), _CHUNK):
            alike = similarity.between(codes[start : start + _CHUNK], self.codes)  # (B, P)
            means = np.add.reduceat(alike, self.starts, axis=1) / sizes + _TINY
            found[start : start + _CHUNK] = means / means.sum(axis=1, keepdims=True)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, to be saved."""
        return {"codes": self.codes, "starts": self.starts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Prototypes:
        """Build prototypes from what :meth:`arrays` gave."""
        return cls(arrays["codes"], arrays["starts"])


@dataclass(frozen=True)
class Grouping:
    """Which instances were clustered, and how.

    Args:
        rows: Those that have a cluster (S,), int64, ascending.
        labels: Cluster of each (S,), int64; none is empty.
        n_looked_at: Number of instances whose similarities were predicted.
        n_communities: Communities that Louvain found, small ones included; ``None`` where it was not asked.
        joined: Share of the pairs that Louvain's graph joins; ``None`` likewise.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    n_looked_at: int
    n_communities: int | None = None
    joined: float | None = None

    def told(self) -> dict[str, Any]:
        """Return what a report says of it, as JSON values."""
        if self.n_communities is None or self.joined is None:
            return {"clustering": "hac"}
        return {
            "clustering": "louvain",
            "communities": self.n_communities,
            "joined": round(self.joined, 6),
        }

    def warnings(self, n_instances: int) -> list[str]:
        """Return what a user should know, if there were so many (different) instances."""
        if self.n_looked_at == n_instances:
            return []
        setting = "max_instances" if self.n_communities is None else "max_joined"
        return [
            f"{self.n_looked_at} of {n_instances} different instances were clustered, drawn at random; the others "
            f"got the relation that they are most like (setting {setting})"
        ]


def grouped(
    similarity: Similarity,
    codes: NDArray[np.float32],
    n_clusters: int | None,
    *,
    settings: RSNSettings,
    seed: int,
) -> Grouping:
    """Cluster instances by the similarities that are predicted for all pairs of them, or of a sample.

    Args:
        similarity: Predicts them.
        codes: f of each instance (N, Z), float32.
        n_clusters: K, from 1 to N; ``None`` leaves it to Louvain.
        settings: See :class:`RSNSettings`.
        seed: Draws the sample.
    """
    if n_clusters is not None and settings.clustering == "hac":
        rows = _sample(len(codes), max(settings.max_instances, n_clusters), seed)
        apart = 1 - similarity.among(codes[rows])
        return Grouping(rows, cut(apart, len(rows), n_clusters, linkage=settings.linkage), len(rows))
    rows = _sample(len(codes), max(settings.max_joined, n_clusters or 1), seed)
    alike = similarity.among(codes[rows])
    joined = alike >= settings.threshold
    found = communities(joined, len(rows), seed=int(generator(seed, "louvain").integers(2**31)))
    told = int(found.max()) + 1, float(joined.mean()) if len(joined) else 0.0
    n_looked_at = len(rows)
    kept = large_enough(found, settings.smallest_community, at_least=n_clusters)
    rows, labels = rows[kept], np.unique(found[kept], return_inverse=True)[1]
    if n_clusters is not None and labels.max() >= n_clusters:
        # 0 inside a community and above 1 between two: communities are whole before the first two of them merge
        one, other = np.triu_indices(len(rows), 1)
        apart = np.where(labels[one] == labels[other], 0, 2 - similarity.among(codes[rows]))
        labels = cut(apart, len(rows), n_clusters, linkage=settings.linkage)
    return Grouping(rows, labels, n_looked_at, *told)


def large_enough(labels: NDArray[np.int64], smallest: int, *, at_least: int | None) -> NDArray[np.int64]:
    """Return the points (M,), int64, whose community is large enough to be a relation.

    Args:
        labels: Community of each point (N,), int64, none from 0 to C − 1 empty.
        smallest: Points that a community needs. Where none has as many, all are large enough.
        at_least: As many are kept, the largest ones, whatever their size.
    """
    order = largest_first(labels, int(labels.max()) + 1)
    n_large = int((np.bincount(labels) >= smallest).sum())
    n_kept = max(n_large, at_least or 0) or len(order)
    return np.flatnonzero(np.isin(labels, order[:n_kept]))


def _sample(size: int, most: int, seed: int) -> NDArray[np.int64]:
    if size <= most:
        return np.arange(size)
    return np.sort(generator(seed, "rsn sample").choice(size, most, replace=False))
