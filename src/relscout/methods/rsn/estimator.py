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
from relscout.clustering.kmeans import too_alike, unit_length
from relscout.clustering.neighbours import communities
from relscout.core.instances import RelationInstance, canonical_order
from relscout.core.progress import Progress, silent
from relscout.core.seeding import generator
from relscout.encoders import Encoder, EncoderSettings, OnLoss, loss_warnings
from relscout.encoders.convolution import digest_of
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
from relscout.methods.rsn.words import WordNetwork
from relscout.methods.vectors import encode, largest_first, scattered
from relscout.training.labels import digest
from relscout.training.stored import Trained, below, check_encoder, trainable

_CHUNK = 1024
#: Keeps shares defined if all similarities are 0.
_TINY = 1e-12


@dataclass(frozen=True)
class Prototypes:
    """Sample of the instances of each relation.

    Args:
        codes: f of each prototype (P, Z), float32, sorted by relation.
        starts: Row of the first prototype of each relation (K,), int64.
    """

    codes: NDArray[np.float32]
    starts: NDArray[np.int64]

    @classmethod
    def drawn(
        cls, codes: NDArray[np.float32], labels: NDArray[np.int64], *, most: int, seed: int
    ) -> Prototypes:
        """Draw up to ``most`` members of each cluster at random.

        Args:
            codes: f of each clustered instance (N, Z), float32.
            labels: Cluster of each instance (N,), int64; none from 0 to K − 1 is empty.
            most: Maximum number of prototypes of a cluster.
            seed: Random seed.
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
        """Return the prototypes of some clusters, in the given order."""
        ends = np.append(self.starts[1:], len(self.codes))
        rows = [np.arange(self.starts[cluster], ends[cluster]) for cluster in clusters]
        sizes = np.array([len(members) for members in rows])
        return Prototypes(self.codes[np.concatenate(rows)], np.cumsum(sizes) - sizes)

    def shares(self, similarity: Similarity, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the share of each relation for codes (N, Z): (N, K), float32, rows summing to 1.

        Shares are proportional to the mean predicted similarity to the prototypes of the relation.
        """
        sizes = np.diff(np.append(self.starts, len(self.codes)))
        shares = np.empty((len(codes), len(self.starts)), dtype=np.float32)
        for start in range(0, len(codes), _CHUNK):
            alike = similarity.between(codes[start : start + _CHUNK], self.codes)  # (B, P)
            means = np.add.reduceat(alike, self.starts, axis=1) / sizes + _TINY
            shares[start : start + _CHUNK] = means / means.sum(axis=1, keepdims=True)
        return shares

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields as arrays, for saving."""
        return {"codes": self.codes, "starts": self.starts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Prototypes:
        """Return the prototypes that :meth:`arrays` saved."""
        return cls(arrays["codes"], arrays["starts"])


@dataclass(frozen=True)
class Grouping:
    """The clusters of instances.

    Args:
        rows: Instances that have a cluster (S,), int64, ascending.
        labels: Cluster of each of them (S,), int64; none is empty.
        n_compared: Number of instances whose similarities were predicted.
        n_communities: Number of Louvain's communities, including small ones; ``None`` for HAC.
        joined: Share of the pairs that Louvain's graph joins; ``None`` for HAC.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    n_compared: int
    n_communities: int | None = None
    joined: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return its part of the report, as JSON values."""
        if self.n_communities is None or self.joined is None:
            return {"clustering": "hac"}
        return {
            "clustering": "louvain",
            "communities": self.n_communities,
            "joined": round(self.joined, 6),
        }

    def warnings(self, n_instances: int) -> list[str]:
        """Return what a user should know; ``n_instances`` is the number of different instances."""
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
    """Cluster instances, or a sample of them, by the predicted similarities of all pairs.

    Args:
        similarity: The trained similarity.
        codes: f of each instance (N, Z), float32.
        n_clusters: Number of clusters K, from 1 to N; ``None`` to use the number of Louvain's communities.
        settings: See :class:`RSNSettings`.
        seed: Random seed.
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
        # the distance is 0 within a community and above 1 between two, so only whole communities merge
        first, second = np.triu_indices(len(rows), 1)
        apart = np.where(labels[first] == labels[second], 0, 2 - similarity.among(codes[rows]))
        labels = cut(apart, len(rows), n_clusters, linkage=settings.linkage)
    return Grouping(rows, labels, n_compared, n_communities, share_joined)


def large_enough(labels: NDArray[np.int64], smallest: int, *, at_least: int | None) -> NDArray[np.int64]:
    """Return the points (M,), int64, whose community is large enough to be a relation.

    Args:
        labels: Community of each point (N,), int64; none from 0 to C − 1 is empty.
        smallest: Minimum size of a community. If none has it, all are large enough.
        at_least: Number of communities that are kept whatever their size, the largest ones.
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
    """Relational siamese network: learn which labelled instances express the same relation, and cluster others by it.

    Args:
        encoder: The encoder, a :class:`TransformerEncoder` if layers of it train; the bundled encoder by default.
        n_relations: Number of relations K, or ``"auto"`` to use the number of Louvain's communities.
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
    TRAINS: ClassVar[bool] = True

    _FITTED: ClassVar[str] = "_similarity"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        reads: Literal["encoder", "words"] = RSNSettings.reads,
        filters: int = RSNSettings.filters,
        windows: str = RSNSettings.windows,
        word_dimension: int = RSNSettings.word_dimension,
        position_dimension: int = RSNSettings.position_dimension,
        word_vectors: str = RSNSettings.word_vectors,
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
            unlabeled: The instances to find relations in.
            labeled: Instances of other relations, with gold relations.
            progress: Progress callback.
            checkpoints: Folder for checkpoints after each epoch, so that an interrupted fit resumes with the same
                result.

        Raises:
            InputError: There is no instance, there are fewer (different) ones than relations, or the labelled ones have
                only one relation, or only one instance of each.
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
            **self._files(),
        )
        lost: Counter[str] = Counter()
        trained = transfer(
            self.encoder,
            data,
            [instances[same[0]] for same in rows],
            settings=self._settings,
            seed=self.seed,
            progress=progress,
            on_loss=lambda _, what: lost.update([what]),
            work=work,
        )
        self._similarity = trained.similarity
        self._trained, self._words = Trained(self.encoder.fingerprint, trained.weights), trained.words
        # the same code path as transform and predict, so that these return exactly the same
        codes, row_of = self._codes(instances, progress=progress, on_loss=lambda _, what: lost.update([what]))
        progress("cluster", 0, None)
        requested = None if n_relations == "auto" else n_relations
        grouping = grouped(self._similarity, codes, requested, settings=self._settings, seed=self.seed)
        prototypes = Prototypes.drawn(
            codes[grouping.rows], grouping.labels, most=self._settings.prototypes, seed=self.seed
        )
        labels = prototypes.shares(self._similarity, codes).argmax(axis=1)[row_of]
        # a relation that is the likeliest of no instance is left out; no instance changes its relation by this
        relations = largest_first(labels, len(prototypes.starts))[: len(np.unique(labels))]
        self._prototypes = prototypes.only(relations)
        self.n_relations_ = len(relations)
        shares = self._prototypes.shares(self._similarity, codes)[row_of]
        self._set_results(shares, unit_length(codes[row_of]), order)
        self.report_ = {
            "epochs": trained.epochs,
            **grouping.as_dict(),
            "warnings": [
                *loss_warnings(lost),
                *data.warnings,
                *grouping.warnings(len(codes)),
                *(
                    []
                    if requested is None
                    else self._fewer(requested, "the network does not distinguish more")
                ),
            ],
        }
        work.clear()
        return self

    def predict_proba(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> NDArray[np.float32]:
        """Return the share of each relation (N, K), float32, rows summing to 1; see :meth:`Prototypes.shares`.

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
        """Return similarity, prototypes and trained weights."""
        parts = {
            "similarity": self._similarity.arrays(),
            "prototypes": self._prototypes.arrays(),
            "encoder": self._trained.weights,
        }
        values: dict[str, Any] = {"trained_from": self._trained.fingerprint}
        if self._words is not None:
            parts["network"], values["words"] = self._words.weights(), self._words.words()
        tensors = {f"{part}.{name}": array for part, all in parts.items() for name, array in all.items()}
        return values, tensors

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        self._similarity = Similarity.from_arrays(below("similarity.", arrays))
        self._prototypes = Prototypes.from_arrays(below("prototypes.", arrays))
        self._trained = Trained(str(values["trained_from"]), below("encoder.", arrays))
        self._words = (
            WordNetwork.restored(values["words"], below("network.", arrays)) if "words" in values else None
        )
        self.n_relations_ = len(self._prototypes.starts)

    def _codes(
        self, instances: Instances, *, progress: Progress = silent, on_loss: OnLoss | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return f of each different content (M, Z), and the content of each instance (N,).

        Rounding depends on the place of a row in a matrix, so instances that read the same share one row.
        """
        self._check_fitted()
        if self._words is not None:
            vectors = self._words.encode(instances, progress=progress, on_loss=on_loss)
        else:
            vectors = encode(self._encoder(), instances, progress=progress, on_loss=on_loss)
        row_of = np.empty(len(instances), dtype=np.int64)
        first = []
        for content, rows in enumerate(rows_by_content(instances).values()):
            row_of[rows] = content
            first.append(rows[0])
        return self._similarity.codes(vectors[first] if len(first) < len(vectors) else vectors), row_of

    def _encoder(self) -> Encoder:
        """Return the encoder with the trained weights, if any."""
        if self._trained.weights:
            return self._trained.on(trainable(self.NAME, self.encoder))
        check_encoder(self.encoder, self._trained.fingerprint)
        return self.encoder

    def _files(self) -> dict[str, str]:
        """Return what else decides a fit: a hash of the word vectors that are read from a file, if any."""
        path = self._settings.word_vectors
        return {"word_vectors_digest": digest_of(Path(path))} if path else {}

    _similarity: Similarity
    _prototypes: Prototypes
    _trained: Trained
    _words: WordNetwork | None
