"""Episodes of few-shot classification, and prototypical networks (Snell, Swersky and Zemel, NIPS 2017)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import check_finite
from relscout.core.errors import InputError, SettingError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Episode:
    """The shape of an episode: N-way K-shot with Q queries of each relation (Han et al.: FewRel, 2018).

    Args:
        ways: Number of relations N, at least 2.
        shots: Number of examples K of each relation, at least 1: the support.
        queries: Number of sentences Q of each relation to classify, at least 1; none of them is in the support.

    Raises:
        SettingError: A number is too small.
    """

    ways: int
    shots: int
    queries: int = 1

    def __post_init__(self) -> None:
        for name, least in (("ways", 2), ("shots", 1), ("queries", 1)):
            if (value := getattr(self, name)) < least:
                raise SettingError(f"{name} is {value}, expected at least {least}")

    @property
    def of_each(self) -> int:
        """Instances of each relation in an episode."""
        return self.shots + self.queries


@dataclass(frozen=True)
class FewShotScore:
    """The accuracy of classification from a few examples of each relation.

    Args:
        accuracy: Share of the queries that were classified correctly, in [0, 1].
        standard_error: Standard error s / √E of the accuracy, where s is the standard deviation of the episodes'
            accuracies (divisor E − 1). It covers the draw of the E episodes, not the choice of the relations.
        episodes: Number of episodes E.
        ways: Relations in an episode.
        shots: Examples of each relation.
        queries: Queries of each relation.
        relations: Number of relations that episodes were drawn from.
        warnings: Descriptions of what was left out.
    """

    accuracy: float
    standard_error: float
    episodes: int
    ways: int
    shots: int
    queries: int
    relations: int
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, accuracies: NDArray[np.float64], episode: Episode, *, relations: int, warnings: tuple[str, ...]
    ) -> FewShotScore:
        """Return the score of episodes by their accuracies (E,), float64, in [0, 1].

        Raises:
            SettingError: There are fewer than two episodes, which have no standard error.
        """
        if len(accuracies) < 2:
            raise SettingError(
                f"episodes is {len(accuracies)}, expected at least 2: one episode has no standard error"
            )
        error = float(accuracies.std(ddof=1) / len(accuracies) ** 0.5)
        return cls(
            float(accuracies.mean()),
            error,
            len(accuracies),
            **asdict(episode),
            relations=relations,
            warnings=warnings,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "warnings": list(self.warnings)}


def large_enough(
    classes: NDArray[np.int64], names: list[str], episode: Episode
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the classes (R',), int64, that have enough instances for an episode, and warnings about the others.

    Args:
        classes: Class of each instance (N,), from 0.
        names: Name of each class.
        episode: Shape of the episodes.

    Raises:
        InputError: There are fewer such classes than ways.
    """
    counts = np.bincount(classes, minlength=len(names))
    small = np.flatnonzero(counts < episode.of_each)
    left_out: list[str] = []
    if len(small):
        named = ", ".join(f"{names[number]!r} ({counts[number]})" for number in small[:3]) + (
            ", …" if len(small) > 3 else ""
        )
        have = "1 relation has" if len(small) == 1 else f"{len(small)} relations have"
        left_out = [
            f"{have} fewer than the {episode.of_each} instances that {episode.shots} examples and {episode.queries} "
            f"queries take, and {'is' if len(small) == 1 else 'are'} left out: {named}"
        ]
    kept = np.flatnonzero(counts >= episode.of_each)
    if len(kept) < episode.ways:
        raise InputError(
            "; ".join(
                [
                    f"episodes of {episode.ways} relations need as many, but there are {len(kept)}; ask for fewer "
                    "ways, or give instances of more relations",
                    *left_out,
                ]
            )
        )
    return kept, left_out


def draw_episodes(
    classes: NDArray[np.int64],
    chosen: NDArray[np.int64],
    episode: Episode,
    *,
    episodes: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the rows (E, N, K + Q), int64, of episodes: of each relation K examples, then Q queries.

    Relations, and instances of a relation, are drawn without replacement, so that no query is in its own support.

    Args:
        classes: Class of each instance (N,), int64.
        chosen: Classes to draw from, at least N of them, each with at least K + Q instances.
        episode: Shape of the episodes.
        episodes: Number of episodes E.
        random: Random generator of the draws.
    """
    by_class = np.argsort(classes, kind="stable")
    counts = np.bincount(classes)
    begins = np.cumsum(counts) - counts
    relations = random.permuted(np.tile(chosen, (episodes, 1)), axis=1)[:, : episode.ways]  # (E, N)
    places = begins[relations][..., None] + _subsets(
        counts[relations], episode.of_each, random
    )  # (E, N, K + Q)
    return np.asarray(by_class[places], dtype=np.int64)


def _subsets(of: NDArray[np.int64], size: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return ``size`` different numbers (…, size) below each of ``of`` (…,); all sequences are equally likely.

    Floyd's algorithm (Bentley, Floyd: "A Sample of Brilliance", CACM 1987), then shuffled.
    """
    subsets = np.empty((*of.shape, size), dtype=np.int64)
    for place in range(size):
        last = of - size + place
        drawn = random.integers(0, last + 1)
        there = (subsets[..., :place] == drawn[..., None]).any(axis=-1)
        subsets[..., place] = np.where(there, last, drawn)
    return random.permuted(subsets, axis=-1)


#: Similarity → how a query q is compared with a prototype p.
# By default, vectors have unit length (see :func:`placed`), so that one sharpness suits every encoder and pooling. In
# the papers, they have any length: ``unit_length`` of :class:`FewShotSettings`.
SIMILARITIES: dict[str, str] = {
    "dot": "q · p (Peng et al. 2020, section 4.1)",
    "euclid": "−‖q − p‖² (Snell et al. 2017, eq. 2)",
    "cosine": "q · p / (‖q‖ ‖p‖)",
}


@dataclass(frozen=True)
class Comparison:
    """How queries are compared with prototypes.

    Args:
        similarity: A name of :data:`SIMILARITIES`.
        sharpness: Factor of the similarities before the softmax, above 0; 1 in the papers.
        refinements: Rounds of soft k-means, at least 0: every query joins each prototype with the probability of its
            relation (Ren et al.: "Meta-Learning for Semi-Supervised Few-Shot Classification", ICLR 2018, eq. 3 and 4).
            The queries of an episode, or of one call, then depend on each other; equally many of each relation make it
            look better than it is.
    """

    similarity: str
    sharpness: float = 16.0
    refinements: int = 0

    def scores(self, queries: torch.Tensor, prototypes: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """Return the similarities (…, M, N) of queries (…, M, D) and prototypes (…, N, D), which are refined.

        Args:
            queries: Vectors of the queries.
            prototypes: Mean vector of each relation's examples.
            sizes: Number of these examples (N,), float32.
        """
        scores = similarities(queries, prototypes, self.similarity)
        refined = prototypes
        for _ in range(self.refinements):
            shares = (self.sharpness * scores).softmax(dim=-1)  # (…, M, N)
            weights = shares.sum(dim=-2)[..., None]  # (…, N, 1)
            sums = sizes[:, None] * prototypes + shares.transpose(-1, -2) @ queries  # (…, N, D)
            refined = sums / (sizes[:, None] + weights)
            scores = similarities(queries, refined, self.similarity)
        return scores


def similarities(queries: torch.Tensor, prototypes: torch.Tensor, similarity: str) -> torch.Tensor:
    """Return the similarities (…, M, N) of queries (…, M, D) and prototypes (…, N, D).

    Args:
        queries: Vectors of the queries.
        prototypes: Mean vector of each relation's examples (Snell et al. 2017, eq. 1).
        similarity: A name of :data:`SIMILARITIES`.
    """
    from torch.nn.functional import normalize

    if similarity == "cosine":
        queries, prototypes = normalize(queries, dim=-1), normalize(prototypes, dim=-1)
    products = queries @ prototypes.transpose(-1, -2)  # (…, M, N)
    if similarity != "euclid":
        return products
    squares = queries.square().sum(dim=-1)[..., None] + prototypes.square().sum(dim=-1)[..., None, :]
    return 2 * products - squares


def placed(
    vectors: NDArray[np.float32], centre: NDArray[np.float32] | None, *, unit_length: bool = True
) -> NDArray[np.float32]:
    """Return vectors (N, D), float32, at unit length; with ``centre`` (D,), subtract it and normalise them again.

    Args:
        vectors: (N, D), float32.
        centre: Subtracted from all vectors, (D,), float32; ``None`` subtracts nothing.
        unit_length: Whether to normalise the vectors; if not, only ``centre`` is subtracted.

    Raises:
        InputError: A value is NaN or infinite.
    """
    import torch
    from torch.nn.functional import normalize

    check_finite(vectors)
    if not unit_length:
        return vectors if centre is None else vectors - centre
    unit = normalize(torch.from_numpy(vectors), dim=1)
    if centre is not None:
        unit = normalize(unit - torch.from_numpy(centre), dim=1)
    return np.asarray(unit.numpy(), dtype=np.float32)


def accuracies(
    vectors: NDArray[np.float32],
    episodes: NDArray[np.int64],
    *,
    shots: int,
    compared: Comparison,
    batch_values: int = 4_000_000,
) -> NDArray[np.float64]:
    """Return the share of correctly classified queries of each episode (E,), float64.

    Args:
        vectors: (M, D), float32.
        episodes: Rows of ``vectors`` (E, N, K + Q), from :func:`draw_episodes`.
        shots: K.
        compared: How queries are compared with prototypes.
        batch_values: Maximum number of values in the vectors of the episodes that are scored together.
    """
    import torch
    from torch.nn.functional import embedding_bag

    n_episodes, ways, of_each = episodes.shape
    n_queries = of_each - shots
    table, rows = torch.from_numpy(vectors), torch.from_numpy(episodes)
    truth = torch.arange(ways).repeat_interleave(n_queries)  # (N Q,)
    size = max(1, batch_values // (ways * of_each * vectors.shape[1]))
    shares = np.empty(n_episodes, dtype=np.float64)
    with torch.inference_mode():
        for start in range(0, n_episodes, size):
            some = rows[start : start + size]
            prototypes = embedding_bag(some[:, :, :shots].reshape(-1, shots), table, mode="mean")
            queries = table[some[:, :, shots:].reshape(-1)]
            scores = compared.scores(
                queries.view(len(some), ways * n_queries, -1),
                prototypes.view(len(some), ways, -1),
                torch.full((ways,), float(shots)),
            )
            shares[start : start + size] = (scores.argmax(dim=-1) == truth).double().mean(dim=1).numpy()
    return shares


def probabilities(
    queries: NDArray[np.float32],
    examples: NDArray[np.float32],
    classes: NDArray[np.int64],
    *,
    compared: Comparison,
) -> NDArray[np.float32]:
    """Return the probability of each relation for each query (M, R), float32: the softmax of Snell et al., eq. 2.

    Args:
        queries: (M, D), float32.
        examples: (S, D), float32.
        classes: Relation of each example (S,), int64, from 0; every relation has at least one.
        compared: How queries are compared with prototypes.
    """
    import torch

    sums = np.zeros((int(classes.max()) + 1, examples.shape[1]))
    np.add.at(sums, classes, examples)
    sizes = np.bincount(classes).astype(np.float32)
    prototypes = (sums / sizes[:, None]).astype(np.float32)
    with torch.inference_mode():
        sides = (torch.from_numpy(array) for array in (queries, prototypes, sizes))
        scores = compared.sharpness * compared.scores(*sides)
        return np.asarray(scores.softmax(dim=1).numpy(), dtype=np.float32)
