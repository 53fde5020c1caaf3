"""RW-HAC: hierarchical clustering of re-weighted word embeddings and entity types.

Elsahar, Demidova, Gottschalk, Gravier and Laforest, "Unsupervised Open Relation Extraction" (ESWC 2017). Built from the
paper. Each instance is represented by the sum of the embeddings of its words, where those on the dependency path
between the mentions weigh much more. The sums, and the types of the two entities, are each reduced to their principal
components and joined, and Ward's linkage clusters the vectors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.hierarchy import agglomerate
from relscout.clustering.kmeans import Clusters, unit_length
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.core.settings import AtLeast1, AtLeast2, NotNegative, Width, settings_class
from relscout.encoders import Encoder, OnLoss, WrappingEncoder
from relscout.methods.estimator import NRelations
from relscout.methods.features import parsed, typed
from relscout.methods.nearest_mean import NearestMean
from relscout.methods.vectors import encode
from relscout.text.spacy_pipeline import looks_english
from relscout.training.stored import Trained


@settings_class
class RWHACSettings:
    """Settings of the method ``rw-hac``."""

    width: Width = 100
    """Width of the word embeddings, which are trained on the corpus; at least 1, less in a small corpus."""
    window: AtLeast1 = 5
    """Words to either side of a word that count as its context; at least 1."""
    path_weight: NotNegative = 1.85
    """Weight of words on the dependency path between the mentions, at least 0 (paper: 1.85)."""
    other_weight: NotNegative = 0.02
    """Weight of all other words outside the mentions, at least 0 (paper: 0.02)."""
    components: Width = 50
    """Principal components of the summed embeddings, at least 1."""
    type_components: Width = 10
    """Principal components of the entity types, at least 1."""
    type_weight: NotNegative = 1.0
    """Length of the part of the types, where that of the embeddings is 1; at least 0."""
    max_instances: AtLeast2 = 10_000
    """Largest number of instances that are clustered; at least 2. Of more, a sample is clustered, and the others are
    assigned to the nearest mean."""
    annotate: bool = True
    """Whether missing parses and entity types are those of the default spaCy pipeline, if the texts look English."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered if it is estimated; at least 1."""


def words_of(instance: RelationInstance) -> tuple[list[str], list[str], list[str]]:
    """Return words in lower case: all of the text, those on the dependency path, and the others outside the mentions.

    The path is that between the mentions, without them. Without a parse, words are separated by spaces, and none is on
    the path.
    """
    parse = instance.parse
    spans = list(_spaced(instance.text) if parse is None else zip(parse.starts, parse.ends, strict=True))
    words = [instance.text[start:end].lower() for start, end in spans]
    mentions = (instance.head, instance.tail)
    outside = [
        place
        for place, (start, end) in enumerate(spans)
        if not any(start < mention.end and mention.start < end for mention in mentions)
    ]
    path = _path(instance)
    return (
        words,
        [words[place] for place in outside if place in path],
        [words[place] for place in outside if place not in path],
    )


def _spaced(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        spans.append((start, start + len(word)))
        start += len(word)
    return spans


def _path(instance: RelationInstance) -> frozenset[int]:
    """Return the tokens on the dependency path between the mentions."""
    parse = instance.parse
    if parse is None:
        return frozenset()
    spans = [parse.tokens_in(mention.start, mention.end) for mention in (instance.head, instance.tail)]
    if not all(spans):
        return frozenset()
    up, down = (parse.path_up(parse.governor(span)) for span in spans)
    shared = set(up) & set(down)
    if not shared:
        return frozenset()
    top = next(token for token in up if token in shared)
    return frozenset({top, *up, *down} - (shared - {top}))


def embeddings_of(
    texts: Sequence[Sequence[str]], *, width: int, window: int
) -> dict[str, NDArray[np.float32]]:
    """Return word embeddings, by word, each (D,), float32, of unit length.

    They are the left singular vectors of the positive pointwise mutual information of words within a window, scaled by
    the root of the singular values (Levy, Goldberg and Dagan, "Improving Distributional Similarity with Lessons Learned
    from Word Embeddings", TACL 2015), with context distribution smoothing 0.75. The paper has GloVe vectors of 840
    billion words, which are too large to come with a library.

    Args:
        texts: Words of the texts.
        width: D; at most the number of words minus 1.
        window: Words to either side that count as context.
    """
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import svds

    counts = Counter(word for text in texts for word in text)
    words = sorted(counts, key=lambda word: (-counts[word], word))[:_MOST_WORDS]
    if len(words) < 3:  # too few for a decomposition
        return {word: np.eye(2, dtype=np.float32)[place] for place, word in enumerate(words)}
    place_of = {word: place for place, word in enumerate(words)}
    ids = [np.array([place_of.get(word, -1) for word in text], dtype=np.int64) for text in texts]
    left, right = [], []
    for distance in range(1, window + 1):
        for text in ids:
            left.append(text[:-distance])
            right.append(text[distance:])
    first, second = np.concatenate(left), np.concatenate(right)
    known = (first >= 0) & (second >= 0)
    rows, columns = (
        np.concatenate([first[known], second[known]]),
        np.concatenate([second[known], first[known]]),
    )
    shape = (len(words), len(words))
    together = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
    sums = np.maximum(np.asarray(together.sum(axis=1)).ravel(), 1.0)
    smoothed = sums**0.75 / (sums**0.75).sum()
    ratio = (diags(1 / sums) @ together @ diags(1 / smoothed)).tocsr()
    ratio.data = np.maximum(np.log(ratio.data), 0)
    ratio.eliminate_zeros()
    if not ratio.nnz:  # no word occurs more often with another than expected
        return {word: np.eye(len(words), dtype=np.float32)[place] for place, word in enumerate(words)}
    rank = min(width, len(words) - 1)
    # a fixed start makes the decomposition repeatable
    start = np.random.default_rng(0).standard_normal(len(words))
    u, s, _ = svds(ratio, k=rank, v0=start)
    order = np.argsort(-s)
    vectors = u[:, order] * np.sqrt(s[order])
    # the sign of a singular vector is arbitrary
    vectors *= np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(rank)] < 0, -1, 1)
    return dict(zip(words, unit_length(vectors).astype(np.float32), strict=True))


#: Largest number of words with an embedding.
_MOST_WORDS = 30_000
#: Length below which a part counts as zero, and value of the last dimension, which alone remains of such vectors.
_ZERO, _CONSTANT = 1e-6, 1e-3


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal components: rows (N, D) are centred and projected to (N, C), and then scaled to unit length.

    Args:
        mean: (D,), float32.
        components: (C, D), float32.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    @classmethod
    def of(cls, rows: NDArray[np.float32], count: int) -> Projection:
        """Return the first principal components of rows (N, D), at most ``count``."""
        if not rows.shape[1]:  # no instance has a type
            return cls(np.zeros(0, dtype=np.float32), np.zeros((0, 0), dtype=np.float32))
        mean = rows.mean(axis=0, dtype=np.float64)
        centred = rows - mean
        values, vectors = np.linalg.eigh(centred.T @ centred)
        kept = vectors[:, np.argsort(-values)[:count]]
        # the sign of a component is arbitrary
        kept *= np.where(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])] < 0, -1, 1)
        return cls(mean.astype(np.float32), np.ascontiguousarray(kept.T, dtype=np.float32))

    def of_rows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return projected rows (N, C), float32, of unit length, or zero."""
        projected = (rows - self.mean) @ self.components.T
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return np.where(lengths > _ZERO, projected / np.maximum(lengths, _ZERO), 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class ReweightedEncoder(WrappingEncoder):
    """Vectors of re-weighted word embeddings and entity types, fitted to a corpus.

    Args:
        words: Word → row of ``embeddings``.
        embeddings: (V, D), float32.
        types: Entity types of heads, and of tails.
        weights: Weights of words on the path, of other words, and of the types.
        annotates: Whether missing parses and types are computed.
        sentences: Projection of the sums of embeddings.
        pairs: Projection of the entity types.
    """

    words: Mapping[str, int]
    embeddings: NDArray[np.float32]
    types: tuple[Sequence[str], Sequence[str]]
    weights: tuple[float, float, float]
    annotates: bool
    sentences: Projection
    pairs: Projection

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all arrays."""
        digest = blake2b(digest_size=16)
        for array in (self.embeddings, *vars(self.sentences).values(), *vars(self.pairs).values()):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def encode(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,  # noqa: ARG002 - nothing is cut
    ) -> NDArray[np.float32]:
        """Return vectors (N, C + T + 1), float32."""
        read = completed(instances, progress) if self.annotates else instances
        sums = sums_of(read, self.words, self.embeddings, self.weights)
        parts = [
            self.sentences.of_rows(sums),
            self.weights[2] * self.pairs.of_rows(one_hot_types(read, self.types)),
        ]
        constant = np.full((len(read), 1), _CONSTANT, dtype=np.float32)
        return np.hstack([*parts, constant]).astype(np.float32)


def completed(instances: Sequence[RelationInstance], progress: Progress) -> list[RelationInstance]:
    """Return the instances with entity types and parses of the default pipeline where they have none."""
    return parsed(typed(instances, progress), progress)


def sums_of(
    instances: Sequence[RelationInstance],
    words: Mapping[str, int],
    embeddings: NDArray[np.float32],
    weights: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Return the weighted sum of the embeddings of each instance (N, D), float32, of unit length."""
    sums = np.zeros((len(instances), embeddings.shape[1]), dtype=np.float32)
    for row, instance in enumerate(instances):
        _, on_path, others = words_of(instance)
        for weight, chosen in ((weights[0], on_path), (weights[1], others)):
            known = [words[word] for word in chosen if word in words]
            sums[row] += weight * embeddings[known].sum(axis=0)
    return unit_length(sums)


def one_hot_types(
    instances: Sequence[RelationInstance], types: tuple[Sequence[str], Sequence[str]]
) -> NDArray[np.float32]:
    """Return a 1 for the type of the head and for that of the tail (N, T), float32; none for an unknown type."""
    rows = np.zeros((len(instances), len(types[0]) + len(types[1])), dtype=np.float32)
    for side, shift in ((0, 0), (1, len(types[0]))):
        column = {kind: shift + place for place, kind in enumerate(types[side])}
        for row, instance in enumerate(instances):
            if (kind := instance.type_pair[side]) in column:
                rows[row, column[str(kind)]] = 1
    return rows


class RWHAC(NearestMean):
    """Cluster re-weighted word embeddings and entity types by Ward's linkage.

    Args:
        encoder: Not run; part of the interface of methods.
        n_relations: Number of relations K, or ``"auto"`` to estimate it.
        seed: Random seed of the sample, if not all instances are clustered.

    The other parameters are the fields of :class:`RWHACSettings`.
    """

    NAME: ClassVar[str] = "rw-hac"
    CITATION: ClassVar[str] = (
        "Elsahar, Demidova, Gottschalk, Gravier, Laforest: Unsupervised Open Relation Extraction. ESWC 2017"
    )
    SETTINGS: ClassVar[type[RWHACSettings]] = RWHACSettings
    READS: ClassVar[Literal["vectors", "features"]] = "features"

    _features: ReweightedEncoder

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        width: int = RWHACSettings.width,
        window: int = RWHACSettings.window,
        path_weight: float = RWHACSettings.path_weight,
        other_weight: float = RWHACSettings.other_weight,
        components: int = RWHACSettings.components,
        type_components: int = RWHACSettings.type_components,
        type_weight: float = RWHACSettings.type_weight,
        max_instances: int = RWHACSettings.max_instances,
        annotate: bool = RWHACSettings.annotate,
        max_relations: int = RWHACSettings.max_relations,
    ) -> None:
        self._store(locals())

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the clusters, and the embeddings, words, types and projections of the vectors."""
        values, arrays = super().state()
        features = self._features
        values |= {
            "words": list(features.words),
            "types": [list(kinds) for kinds in features.types],
            "weights": list(features.weights),
            "annotates": features.annotates,
        }
        arrays["embeddings"] = features.embeddings
        for name, part in (("sentences", features.sentences), ("pairs", features.pairs)):
            arrays |= {f"{name}.mean": part.mean, f"{name}.components": part.components}
        return values, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        sentences, pairs = (
            Projection(arrays[f"{name}.mean"], arrays[f"{name}.components"])
            for name in ("sentences", "pairs")
        )
        heads, tails = values["types"]
        on_path, others, of_types = map(float, values["weights"])
        words = {str(word): row for row, word in enumerate(values["words"])}
        self._features = ReweightedEncoder(
            words,
            arrays["embeddings"],
            (heads, tails),
            (on_path, others, of_types),
            bool(values["annotates"]),
            sentences,
            pairs,
        )
        super().restore(values, arrays)

    def _represent(
        self,
        instances: Sequence[RelationInstance],
        n_relations: NRelations,
        *,
        progress: Progress,
        on_loss: OnLoss,
        checkpoints: Path | None,  # noqa: ARG002 - a fit takes minutes
    ) -> tuple[NDArray[np.float32], int]:
        options: RWHACSettings = self._settings
        # decided once, so that vectors do not depend on which instances are encoded together
        annotates = options.annotate and looks_english([instance.text for instance in instances])
        read = completed(instances, progress) if annotates else instances
        texts = {instance.text: words_of(instance)[0] for instance in read}
        progress("train", 0, None)
        by_word = embeddings_of(list(texts.values()), width=options.width, window=options.window)
        words = {word: row for row, word in enumerate(by_word)}
        embeddings = np.array(list(by_word.values()), dtype=np.float32)
        weights = (options.path_weight, options.other_weight, options.type_weight)
        heads, tails = (
            sorted({kind for instance in read if (kind := instance.type_pair[side]) is not None})
            for side in (0, 1)
        )
        self._features = ReweightedEncoder(
            words,
            embeddings,
            (heads, tails),
            weights,
            annotates,
            Projection.of(sums_of(read, words, embeddings, weights), options.components),
            Projection.of(one_hot_types(read, (heads, tails)), options.type_components),
        )
        self._trained = Trained(self._features.fingerprint, {})
        vectors = encode(self._features, instances, progress=progress, on_loss=on_loss)
        return vectors, self._number(vectors, n_relations, progress)

    def _cluster(
        self,
        vectors: NDArray[np.float32],
        n_relations: int,
        progress: Progress,  # noqa: ARG002 - nothing inside reports progress
    ) -> Clusters:
        most = max(self._settings.max_instances, n_relations)
        if len(vectors) > most:
            self.report_["warnings"].append(
                f"{most} of {len(vectors)} instances were clustered, drawn at random; the others got the relation with "
                "the nearest mean (setting max_instances)"
            )
        return agglomerate(
            vectors,
            n_relations,
            linkage="ward",
            distance="euclidean",
            directions=0,
            max_vectors=self._settings.max_instances,
            seed=self.seed,
        )

    def _fingerprint(self) -> str:
        return self.encoder.fingerprint

    def _ready_encoder(self) -> Encoder:
        self._check_fitted()
        return self._features

    def _vector_encoder(self) -> Encoder:
        return self._ready_encoder()
