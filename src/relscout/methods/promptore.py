"""PromptORE: k-means on what a frozen masked language model expects between the two entities of a prompt.

Genest, Portier, Egyed-Zsigmond and Goix, "PromptORE – A Novel Approach Towards Fully Unsupervised Relation Extraction"
(CIKM 2022). Built from the paper; its code was not read. The sentence is followed by the prompt "HEAD [MASK] TAIL .";
the hidden state of [MASK] in the last layer is the representation, and nothing trains.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import Clusters, Start, kmeans, started_kmeans
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import AtLeast1, AtLeast2, settings_class
from relscout.encoders import Encoder, EncoderSettings
from relscout.methods.estimator import NRelations
from relscout.methods.nearest_mean import FrozenClusters


@settings_class
class PromptORESettings:
    """Settings of the method ``promptore``."""

    start: Start = "k-means++"
    """Starting centres: ``k-means++``, or ``neighbours`` (clusters of a UMAP projection of the neighbour graph)."""
    n_init: AtLeast1 = 10
    """Number of starts by k-means++, of which that with the lowest inertia is kept; at least 1."""
    max_iterations: AtLeast1 = 100
    """Largest number of iterations of each start; at least 1."""
    elbow_sample: AtLeast2 = 5_000
    """Largest number of instances from which the number of relations is estimated; at least 2."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered if it is estimated; at least 1."""


class PromptORE(FrozenClusters):
    """Cluster the [MASK] of a prompt by k-means.

    Args:
        encoder: Computes the vectors; by default the bundled encoder with the marking ``prompt`` and the pooling
            ``mask``. The paper has BERT-base: ``EncoderSettings(model="bert-base-uncased", …)``.
        n_relations: Number of relations K, or ``"auto"`` to estimate it by the elbow rule.
        seed: Random seed of the starts, and of the sample for the elbow rule.

    The other parameters are the fields of :class:`PromptORESettings`.
    """

    NAME: ClassVar[str] = "promptore"
    CITATION: ClassVar[str] = (
        "Genest, Portier, Egyed-Zsigmond, Goix: PromptORE – A Novel Approach Towards Fully Unsupervised Relation "
        "Extraction. CIKM 2022"
    )
    SETTINGS: ClassVar[type[PromptORESettings]] = PromptORESettings
    ENCODER: ClassVar[EncoderSettings] = EncoderSettings(marking="prompt", pooling="mask")

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        start: Start = PromptORESettings.start,
        n_init: int = PromptORESettings.n_init,
        max_iterations: int = PromptORESettings.max_iterations,
        elbow_sample: int = PromptORESettings.elbow_sample,
        max_relations: int = PromptORESettings.max_relations,
    ) -> None:
        self._store(locals())

    def _cluster(self, vectors: NDArray[np.float32], n_relations: int, progress: Progress) -> Clusters:
        options: PromptORESettings = self._settings
        return started_kmeans(
            vectors,
            n_relations,
            start=options.start,
            seed=self.seed,
            n_init=options.n_init,
            max_iterations=options.max_iterations,
            progress=progress,
        )

    def _number(self, vectors: NDArray[np.float32], n_relations: NRelations, progress: Progress) -> int:
        if n_relations != "auto":
            return n_relations
        options: PromptORESettings = self._settings
        sample = vectors
        if len(vectors) > options.elbow_sample:
            chosen = generator(self.seed, "elbow").choice(len(vectors), options.elbow_sample, replace=False)
            sample = np.asarray(vectors[np.sort(chosen)])
        number, curve = elbow_number(sample, largest=options.max_relations, seed=self.seed, progress=progress)
        self.report_["k_curve"] = curve
        return number


#: Ratio of successive candidates for the number of relations.
_STEP = 1.25
#: Digits to which vectors are compared: k-means in float32 may not separate those that differ less.
_DIGITS = 4


def elbow_number(
    vectors: NDArray[np.float32], *, largest: int, seed: int, progress: Progress
) -> tuple[int, dict[str, Any]]:
    """Return the number of clusters by the elbow rule, and the curve as JSON values.

    The inertia of k-means falls with K: fast while it separates relations, slowly once it splits them. The elbow is the
    candidate with the greatest distance below the straight line between the first and the last point of the curve
    (Satopää et al., "Finding a 'Kneedle' in a Haystack", 2011), both axes scaled to [0, 1].

    Args:
        vectors: (N, D), float32, of unit length.
        largest: Largest number that is considered; at most half the number of vectors, and as many as differ.
        seed: Random seed of the starts.
        progress: Called with the number of candidates that are done, stage ``"choose K"``.
    """
    n_different = len(np.unique(vectors.round(_DIGITS), axis=0))
    largest = max(1, min(largest, n_different, len(vectors) // 2))
    candidates = elbow_candidates(largest)
    inertia = []
    for place, number in enumerate(candidates):
        progress("choose K", place, len(candidates))
        inertia.append(kmeans(vectors, number, seed=seed, n_init=3, tolerance=1e-3).inertia / len(vectors))
    number = candidates[elbow_of(candidates, inertia)]
    curve = {
        "criterion": "elbow of the inertia of k-means",
        "k": number,
        "candidates": candidates,
        "inertia": [round(value, 6) for value in inertia],
    }
    return number, curve


def elbow_candidates(largest: int) -> list[int]:
    """Return numbers from 1 to a largest one, in steps of about a quarter, including the largest."""
    candidates = [1]
    while (following := max(candidates[-1] + 1, round(candidates[-1] * _STEP))) < largest:
        candidates.append(following)
    return [*candidates, largest] if largest > 1 else candidates


def elbow_of(xs: list[int], ys: list[float]) -> int:
    """Return the position of the elbow of a falling convex curve: the point that is farthest below its chord.

    Of several, and of a straight line, it is the first.
    """
    x, y = np.array(xs, dtype=np.float64), np.array(ys, dtype=np.float64)
    width, height = x[-1] - x[0], y[0] - y[-1]
    if width <= 0 or height <= 0:
        return 0
    below = 1 - (x - x[0]) / width - (y - y[-1]) / height
    return int(np.argmax(below.round(9)))
