"""RSN as an estimator: groups of instances that are predicted to express the same relation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.hierarchy import cut
from relscout.clustering.kmeans import too_alike
from relscout.clustering.neighbours import communities
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.encoders import Encoder, EncoderSettings, OnLoss, loss_warnings
from relscout.encoders.inputs import rows_by_content
from relscout.encoders.settings import Arithmetic
from relscout.methods.estimator import (
    Labels,
    Method,
    NRelations,
    check_labels,
)
from relscout.methods.rsn.network import RSNSettings, Similarity
from relscout.methods.rsn.training import LabelledData, transfer
from relscout.methods.vectors import encode, largest_first, scattered, unit_length
from relscout.training.labels import digest
from relscout.training.stored import Trained, below, check_encoder, trainable

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
        sizes = np.array([len(members) for members in rows])
        return Prototypes(self.codes[np.concatenate(rows)], np.cumsum(sizes) - sizes)

    def shares(self, similarity: Similarity, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how like each code (N, Z) is to each relation, among all of them: (N, K), float32, rows summing to 1.

        How like: the mean of the predicted similarities to the prototypes.
        """
        sizes = np.diff(np.append(self.starts, len(self.codes)))
        shares = np.empty((len(codes), len(self.starts)), dtype=np.float32)
        for start in range(0, len(codes), _CHUNK):
            alike = similarity.between(codes[start : start + _CHUNK], self.codes)  # (B, P)
            means = np.add.reduceat(alike, self.starts, axis=1) / sizes + _TINY
            shares[start : start + _CHUNK] = means / means.sum(axis=1, keepdims=True)
        return shares

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
        n_compared: Number of instances whose similarities were predicted.
        n_communities: Communities that Louvain found, small ones included; ``None`` where it was not asked.
        joined: Share of the pairs that Louvain's graph joins; ``None`` likewise.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    n_compared: int
    n_communities: int | None = None
    joined: float | None = None

    def as_dict(self) -> dict[str, Any]:
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
        if self.n_compared == n_instances:
            return []
        setting = "max_instances" if self.n_communities is None else "max_joined"
        return [
            f"{self.n_compared} of {n_instances} different instances were clustered, drawn at random; the others "
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
    community_of = communities(joined, len(rows), seed=int(generator(seed, "louvain").integers(2**31)))
    n_communities, share_joined = int(community_of.max()) + 1, float(joined.mean()) if len(joined) else 0.0
    n_compared = len(rows)
    kept = large_enough(community_of, settings.smallest_community, at_least=n_clusters)
    rows, labels = rows[kept], np.unique(community_of[kept], return_inverse=True)[1]
    if n_clusters is not None and labels.max() >= n_clusters:
        # 0 inside a community and above 1 between two: communities are whole before the first two of them merge
        first, second = np.triu_indices(len(rows), 1)
        apart = np.where(labels[first] == labels[second], 0, 2 - similarity.among(codes[rows]))
        labels = cut(apart, len(rows), n_clusters, linkage=settings.linkage)
    return Grouping(rows, labels, n_compared, n_communities, share_joined)


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


Instances = Sequence[RelationInstance]


class RSN(Method):
    """Relational siamese network: learn which labelled instances say the same, and group others by it.

    Args:
        encoder: Gives the representations; a :class:`TransformerEncoder` where layers of it train. The bundled one
            when left out.
        n_relations: Number of relations K, or ``"auto"``, which leaves it to Louvain.
        seed: Random seed.

    The other parameters are the fields of :class:`RSNSettings`.
    """

    NAME: ClassVar[str] = "rsn"
    CITATION: ClassVar[str] = (
        "Wu, Yao, Han, Xie, Liu, Lin, Lin, Sun: Open Relation Extraction: Relational Knowledge Transfer from "
        "Supervised Data to Unsupervised Data. EMNLP 2019"
    )
    SETTINGS: ClassVar[type[RSNSettings]] = RSNSettings
    LABELS: ClassVar[Labels] = "required"
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings()

    _FITTED: ClassVar[str] = "_similarity"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        layers: str = RSNSettings.layers,
        start: Literal["directions", "random"] = RSNSettings.start,
        trained_layers: int = RSNSettings.trained_layers,
        epochs: int = RSNSettings.epochs,
        pairs: int = RSNSettings.pairs,
        batch: int = RSNSettings.batch,
        learning_rate: float = RSNSettings.learning_rate,
        similarity_learning_rate: float = RSNSettings.similarity_learning_rate,
        encoder_learning_rate: float = RSNSettings.encoder_learning_rate,
        weight_decay: float = RSNSettings.weight_decay,
        dropout: float = RSNSettings.dropout,
        warm_up: float = RSNSettings.warm_up,
        training_dtype: Arithmetic = RSNSettings.training_dtype,
        entropy_weight: float = RSNSettings.entropy_weight,
        adversarial_weight: float = RSNSettings.adversarial_weight,
        perturbation: float = RSNSettings.perturbation,
        clustering: Literal["hac", "louvain"] = RSNSettings.clustering,
        linkage: Literal["average", "complete"] = RSNSettings.linkage,
        threshold: float = RSNSettings.threshold,
        smallest_community: int = RSNSettings.smallest_community,
        max_instances: int = RSNSettings.max_instances,
        max_joined: int = RSNSettings.max_joined,
        prototypes: int = RSNSettings.prototypes,
    ) -> None:
        self._store(locals())

    def fit(
        self,
        unlabeled: Instances,
        labeled: Instances | None = None,
        *,
        progress: Progress = silent,
        checkpoints: Path | None = None,
    ) -> Self:
        """Find the relations of ``unlabeled``.

        Args:
            unlabeled: What to find relations in.
            labeled: Instances of other relations, with gold relations, to learn from.
            progress: Progress callback.
            checkpoints: Folder that keeps what is done after each epoch of training, so that an interrupted fit resumes
                there with the same result.

        Raises:
            InputError: There is no instance, there are fewer (different) ones than relations, or the labelled ones give
                no pairs of one relation or no pairs of two.
            SettingError: ``labeled`` is missing, the encoder cannot be trained, or a setting cannot work.
        """
        check_labels(self.NAME, self.LABELS, given=labeled is not None)
        instances, order, n_relations = self._check_input(unlabeled)
        rows = list(rows_by_content(instances).values())
        if n_relations != "auto" and n_relations > len(rows):
            raise too_alike(len(instances), n_relations)
        data = LabelledData(labeled or ())
        work = self._checkpoint(
            checkpoints,
            self.encoder.fingerprint,
            [*instances, *data.instances],
            labelled=digest(data.classes),
        )
        lost: Counter[str] = Counter()
        learnt = transfer(
            self.encoder,
            data,
            [instances[same[0]] for same in rows],
            settings=self._settings,
            seed=self.seed,
            progress=progress,
            on_loss=lambda _, what: lost.update([what]),
            work=work,
        )
        self._similarity = learnt.similarity
        self._trained = Trained(self.encoder.fingerprint, learnt.weights)
        # by the way of transform and predict, so that these give the very same
        codes, row_of = self._codes(instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
        progress("cluster", 0, None)
        asked = None if n_relations == "auto" else n_relations
        grouping = grouped(self._similarity, codes, asked, settings=self._settings, seed=self.seed)
        prototypes = Prototypes.drawn(
            codes[grouping.rows], grouping.labels, most=self._settings.prototypes, seed=self.seed
        )
        labels = prototypes.shares(self._similarity, codes).argmax(axis=1)[row_of]
        # what is like none the most has no instance, and leaving it out moves none
        relations = largest_first(labels, len(prototypes.starts))[: len(np.unique(labels))]
        self._prototypes = prototypes.only(relations)
        self.n_relations_ = len(relations)
        shares = self._prototypes.shares(self._similarity, codes)[row_of]
        self._set_results(shares, unit_length(codes[row_of]), order)
        self.report_ = {
            "epochs": learnt.epochs,
            **grouping.as_dict(),
            "warnings": [
                *loss_warnings(lost),
                *data.warnings,
                *grouping.warnings(len(codes)),
                *([] if asked is None else self._fewer(asked, "the network does not distinguish more")),
            ],
        }
        work.clear()
        return self

    def predict_proba(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        """Return how like each relation is, among all of them (N, K), float32, rows summing to 1.

        Raises:
            SettingError: Nothing was fitted yet.
            ArtifactError: The encoder is not the one that was fitted with.
        """
        order = canonical_order(instances)
        ordered = [instances[place] for place in order]
        codes, row_of = self._codes(ordered, progress=progress, on_loss=on_loss)
        return scattered(self._prototypes.shares(self._similarity, codes)[row_of], order)

    def transform(self, instances: Instances, *, progress: Progress = silent) -> NDArray[np.float32]:
        """Return relation representations f (N, Z), float32, scaled to unit length."""
        order = canonical_order(instances)
        codes, row_of = self._codes([instances[place] for place in order], progress=progress)
        return scattered(unit_length(codes[row_of]), order)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return similarity and prototypes, and the weights that were trained."""
        parts = {
            "similarity": self._similarity.arrays(),
            "prototypes": self._prototypes.arrays(),
            "encoder": self._trained.weights,
        }
        tensors = {f"{part}.{name}": array for part, all in parts.items() for name, array in all.items()}
        return {"trained_from": self._trained.fingerprint}, tensors

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` returned."""
        self._similarity = Similarity.from_arrays(below("similarity.", arrays))
        self._prototypes = Prototypes.from_arrays(below("prototypes.", arrays))
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self.n_relations_ = len(self._prototypes.starts)

    def _codes(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return f of each different content (M, Z), and the content of each instance (N,).

        Rounding depends on a row's place in a matrix: what reads the same gets the very same code only as one row.
        """
        vectors = encode(self._encoder(), instances, progress=progress, on_loss=on_loss)
        row_of = np.empty(len(instances), dtype=np.int64)
        first = []
        for content, rows in enumerate(rows_by_content(instances).values()):
            row_of[rows] = content
            first.append(rows[0])
        return self._similarity.codes(vectors[first] if len(first) < len(vectors) else vectors), row_of

    def _encoder(self) -> Encoder:
        """Return the encoder, with the weights that were trained."""
        self._check_fitted()
        if self._trained.weights:
            return self._trained.on(trainable(self.NAME, self.encoder))
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder

    _similarity: Similarity
    _prototypes: Prototypes
    _trained: Trained
