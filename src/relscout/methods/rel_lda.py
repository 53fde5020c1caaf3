"""rel-LDA: a generative model in which the relation of a sentence draws the features of its pair of entities.

Yao, Haghighi, Riedel and McCallum, "Structured Relation Discovery using Generative Models" (EMNLP 2011). Built from the
paper. Each instance n has a relation r_n ~ θ, and each of its features f, one value per kind, is drawn from the
relation's distribution over the values of that kind: x_nf ~ φ_{r_n, f}. θ and φ have symmetric Dirichlet priors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import Parse, RelationInstance, normalized
from relscout.core.progress import Progress
from relscout.core.seeding import generator
from relscout.core.settings import AboveZero, AtLeast1, settings_class
from relscout.encoders import Encoder
from relscout.methods.estimator import NRelations
from relscout.methods.features import FeatureMethod, check_distinguished, parsed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: Kinds of features of rel-LDA, and of rel-LDA-full, in the order of :func:`features_of`.
SIMPLE, FULL = 3, 8
#: Tags of the words on the dependency path that can trigger a relation.
_CONTENT = frozenset({"VERB", "NOUN", "ADJ"})
Features = Literal["full", "simple"]


@settings_class
class RelLDASettings:
    """Settings of the method ``rel-lda``."""

    features: Features = "full"
    """``simple``: dependency path, head, and tail (rel-LDA of the paper); ``full``: also trigger words, words and parts
    of speech between the mentions, entity types, and syntactic roles (rel-LDA1, which others call rel-LDA-full)."""
    smoothing: AboveZero = 0.1
    """Parameter β of the Dirichlet prior of the features: what is added to the count of each value; above 0."""
    least: AtLeast1 = 2
    """Least number of instances with a value of a feature; at least 1. Rarer values are ignored, as unknown ones."""
    n_init: AtLeast1 = 10
    """Number of random starts, of which that with the highest likelihood is kept; at least 1."""
    max_iterations: AtLeast1 = 100
    """Largest number of iterations of each start; at least 1."""
    annotate: bool = True
    """Whether missing parses and entity types are those of the default spaCy pipeline, if the texts look English."""
    max_relations: AtLeast1 = 128
    """Largest number of relations that is considered if it is estimated; at least 1."""


def features_of(instance: RelationInstance) -> tuple[str, ...]:
    """Return the eight features of an instance, those of rel-LDA first; those of its syntax are empty without a parse.

    These are: dependency path, head, tail; trigger words, words between the mentions, parts of speech between them,
    pair of entity types, pair of syntactic roles.
    """
    head, tail, parse = instance.head, instance.tail, instance.parse
    types = f"{head.type}-{tail.type}"
    first, second = sorted((head, tail), key=lambda mention: mention.start)
    order = "" if first is head else "tail first: "
    between = instance.text[first.end : second.start].lower().split()
    names = normalized(instance.head_text), normalized(instance.tail_text)
    spans = () if parse is None else [parse.tokens_in(each.start, each.end) for each in (head, tail)]
    if parse is None or not all(spans):
        return "", *names, "", order + " ".join(between), "", types, ""
    path = _Path.of(parse, *spans)
    inner = parse.tokens_in(first.end, second.start) if first.end < second.start else range(0)
    tags = " ".join(parse.tags[token] for token in inner)
    return (
        path.edges,
        *names,
        path.trigger,
        order + " ".join(between),
        order + tags,
        types,
        path.roles,
    )


@dataclass(frozen=True)
class _Path:
    """The dependency path from head to tail: its edges with lemmas, its content words, and the roles of its ends."""

    edges: str
    trigger: str
    roles: str

    @classmethod
    def of(cls, parse: Parse, head: range, tail: range) -> _Path:
        source, target = parse.governor(head), parse.governor(tail)
        up, down = parse.path_up(source), parse.path_up(target)
        shared = set(up) & set(down)
        if not shared:  # the text has several sentences, with a root each
            return cls("", "", f"{parse.labels[source]}-{parse.labels[target]}")
        rising = [token for token in up if token not in shared]
        falling = [token for token in down if token not in shared][::-1]
        top = up[len(rising)]
        parts = ["X"]
        for token, above in zip(rising, [*rising, top][1:], strict=True):
            parts += [f"<{parse.labels[token]}", parse.lemmas[above].lower()]
        for token in falling:
            parts += [f"{parse.labels[token]}>", parse.lemmas[token].lower()]
        if len(parts) > 1:
            parts[-1] = "Y"
        inside = {*head, *tail}
        content = [
            parse.lemmas[token].lower()
            for token in (*rising, top, *falling)
            if token not in inside and parse.tags[token] in _CONTENT
        ]
        roles = f"{parse.labels[source]}-{parse.labels[target]}"
        return cls(" ".join(parts), " ".join(content), roles)


class RelLDA(FeatureMethod):
    """Find relations as the topics of a generative model of features.

    Args:
        encoder: Not run; part of the interface of methods.
        n_relations: Number of relations K, or ``"auto"`` to estimate it by the likelihood of held-out instances.
        seed: Random seed of the starts.

    The other parameters are the fields of :class:`RelLDASettings`.
    """

    NAME: ClassVar[str] = "rel-lda"
    CITATION: ClassVar[str] = (
        "Yao, Haghighi, Riedel, McCallum: Structured Relation Discovery using Generative Models. EMNLP 2011"
    )
    SETTINGS: ClassVar[type[RelLDASettings]] = RelLDASettings

    features: Features

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        n_relations: NRelations = "auto",
        seed: int = 0,
        features: Features = RelLDASettings.features,
        smoothing: float = RelLDASettings.smoothing,
        least: int = RelLDASettings.least,
        n_init: int = RelLDASettings.n_init,
        max_iterations: int = RelLDASettings.max_iterations,
        annotate: bool = RelLDASettings.annotate,
        max_relations: int = RelLDASettings.max_relations,
    ) -> None:
        self._store(locals())

    def completed(self, instances: Sequence[RelationInstance], progress: Progress) -> list[RelationInstance]:
        """Return the instances with a parse and, if they are read, entity types."""
        with_types = super().completed(instances, progress) if self.features == "full" else instances
        return parsed(with_types, progress)

    def learn(
        self, instances: Sequence[RelationInstance], n_relations: NRelations, progress: Progress
    ) -> None:
        """Fit the model; see :meth:`FeatureMethod.learn`."""
        hashes = self._hashes(instances)
        n_distinct = len(np.unique(hashes, axis=0))
        check_distinguished(n_relations, n_distinct, len(instances), "features")
        options: RelLDASettings = self._settings
        self._vocabularies = [repeated(column, options.least) for column in hashes.T]
        columns = self._columns(hashes)
        if n_relations == "auto":
            n_relations = self._estimated(columns, min(n_distinct, options.max_relations), progress)
        widths = [len(vocabulary) for vocabulary in self._vocabularies]
        fits = []
        for start in range(options.n_init):
            progress("cluster", start, options.n_init)
            random = generator(self.seed, f"rel-lda {start}")
            fits.append(fitted_mixture(columns, widths, n_relations, settings=options, random=random))
        best = max(fits, key=lambda mixture: mixture.likelihood)
        self._log = best.log.astype(np.float32)
        self.report_["log_likelihood"] = round(best.likelihood, 6)
        self.report_["iterations"] = best.iterations

    def shares(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        """Return P(r | features) (N, K), float32; see :meth:`FeatureMethod.shares`."""
        columns = self._columns(self._hashes(instances))
        return posterior(columns, self._log.astype(np.float64))[0].astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the hashes of the known values of each feature, and the logarithms of their probabilities."""
        known = {f"values.{kind}": hashes for kind, hashes in enumerate(self._vocabularies)}
        return self.fitted_features(), {"log": self._log, **known}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state` returned."""
        kinds = sum(name.startswith("values.") for name in arrays)
        self._vocabularies = [arrays[f"values.{kind}"] for kind in range(kinds)]
        self._log = arrays["log"]
        self.restore_features(values)

    def _hashes(self, instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
        """Return a hash of each feature (N, F), int64."""
        kinds = FULL if self.features == "full" else SIMPLE
        return np.array(
            [[_hash(value) for value in features_of(instance)[:kinds]] for instance in instances], np.int64
        ).reshape(-1, kinds)

    def _columns(self, hashes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of each value (N, F), int64, through all kinds; the last of a kind is any unknown value."""
        columns, shift = np.empty_like(hashes), 0
        for kind, known in enumerate(self._vocabularies):
            place = np.searchsorted(known, hashes[:, kind])
            is_known = np.isin(hashes[:, kind], known)
            columns[:, kind] = shift + np.where(is_known, place, len(known))
            shift += len(known) + 1
        return columns

    def _estimated(self, columns: NDArray[np.int64], largest: int, progress: Progress) -> int:
        """Return the number of relations under which held-out instances are likeliest."""
        order = generator(self.seed, "rel-lda held out").permutation(len(columns))
        n_held = len(order) // 5
        candidates = [number for number in _CANDIDATES if number <= largest]
        if n_held < 1 or len(candidates) < 2:
            return 1
        widths = [len(vocabulary) for vocabulary in self._vocabularies]
        scores = []
        for place, number in enumerate(candidates):
            progress("choose K", place, len(candidates))
            random = generator(self.seed, f"rel-lda candidate {number}")
            mixture = fitted_mixture(
                columns[order[n_held:]], widths, number, settings=self._settings, random=random
            )
            scores.append(float(posterior(columns[order[:n_held]], mixture.log)[1].mean()))
        best = int(np.argmax(scores))
        self.report_["k_curve"] = {
            "k": candidates[best],
            "candidates": candidates,
            "held_out_log_likelihood": [round(score, 6) for score in scores],
        }
        return candidates[best]


#: Numbers of relations that are compared if the number is estimated.
_CANDIDATES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


@dataclass(frozen=True)
class Mixture:
    """A fitted model.

    Args:
        log: Logarithms of the probabilities of the values (V + F, K), float64, and in the last row of the relations.
        likelihood: Mean logarithm of the probability of an instance, given the relations of all others.
        iterations: Number of iterations.
    """

    log: NDArray[np.float64]
    likelihood: float
    iterations: int


#: The fit ends if an iteration improves the likelihood by less.
_TOLERANCE = 1e-4


def fitted_mixture(
    columns: NDArray[np.int64],
    widths: Sequence[int],
    n_relations: int,
    *,
    settings: RelLDASettings,
    random: np.random.Generator,
) -> Mixture:
    """Fit the model by collapsed inference.

    Yao et al. sample the relation of each instance given those of all others. Here its whole distribution is updated,
    from the expected counts of all others (zero-order collapsed variational inference: Asuncion, Welling, Smyth and
    Teh, "On Smoothing and Inference for Topic Models", UAI 2009), because predictions need probabilities. Their
    instances of a document share a θ; here all instances do, because most data sets have no documents, and because the
    relation of a new instance must not depend on its neighbours.

    Args:
        columns: Value of each kind (N, F), int64, numbered through all kinds, each of which has one more number for any
            unknown value.
        widths: Number of known values of each kind (F,).
        n_relations: K.
        settings: Smoothing and number of iterations.
        random: Draws the start.
    """
    shares = seeded_shares(columns, n_relations, settings.smoothing, random)  # (N, K)
    members = one_hot(columns, sum(widths) + len(widths)).T.tocsr()
    iterations, last, likelihood = 0, -np.inf, -np.inf
    while iterations < settings.max_iterations:
        iterations += 1
        joint = collapsed(columns, members @ shares, shares, widths, settings.smoothing)
        shares, rows = normalised(joint)
        likelihood = float(rows.mean())
        if likelihood - last < _TOLERANCE:
            break
        last = likelihood
    log = _estimated_log(members @ shares, shares.sum(axis=0), widths, settings.smoothing)
    return Mixture(log, likelihood, iterations)


def seeded_shares(
    columns: NDArray[np.int64], n_relations: int, beta: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return a start P(r) of each instance (N, K): relations with the features of K different random instances.

    As in k-means++, an instance is drawn with a probability that grows with the share of its features that no instance
    drawn before has. From a start at random, instances with few common features would never leave it.
    """
    free = np.ones(len(columns))
    joint = np.zeros((len(columns), n_relations))
    for relation in range(n_relations):
        total = free.sum()
        drawn = int(random.choice(len(columns), p=free / total if total > 0 else None))
        shared = columns == columns[drawn]  # (N, F)
        joint[:, relation] = shared.sum(axis=1) * np.log((1 + beta) / beta)
        free = np.minimum(free, 1 - shared.mean(axis=1))
    return normalised(joint)[0]


def collapsed(
    columns: NDArray[np.int64],
    counts: NDArray[np.float64],
    shares: NDArray[np.float64],
    widths: Sequence[int],
    beta: float,
) -> NDArray[np.float64]:
    """Return log P(r, features) of each instance (N, K), given the expected counts of all other instances.

    With the instance's own counts, its rare values would confirm whatever relation it has. Unknown values are left out.

    Args:
        columns: Value of each kind (N, F), as for :func:`fitted_mixture`.
        counts: Expected count of each value in each relation (V + F, K).
        shares: P(r) of each instance (N, K), whose counts are left out.
        widths: Number of known values of each kind (F,).
        beta: Added to each count.
    """
    sizes = np.maximum(shares.sum(axis=0) - shares, 0)  # (N, K)
    # one of each relation is added, as a prior of θ
    joint: NDArray[np.float64] = np.log(sizes + 1) - np.log(len(shares) - 1 + shares.shape[1])
    shift = 0
    for kind, width in enumerate(widths):
        values = columns[:, kind]
        known = values < shift + width
        others = np.maximum(counts[values[known]] - shares[known], 0)
        joint[known] += np.log((others + beta) / (sizes[known] + beta * width))
        shift += width + 1
    return joint


def _estimated_log(
    counts: NDArray[np.float64], sizes: NDArray[np.float64], widths: Sequence[int], beta: float
) -> NDArray[np.float64]:
    """Return the logarithms of φ (V + F, K), 0 for unknown values, and in the last row of θ, given expected counts."""
    log = np.empty((len(counts) + 1, len(sizes)))
    shift = 0
    for width in widths:
        known = slice(shift, shift + width)
        log[known] = np.log(counts[known] + beta) - np.log(sizes + beta * width)
        # an unknown value is as likely under all relations
        log[shift + width] = 0
        shift += width + 1
    log[-1] = np.log(sizes + 1) - np.log(sizes.sum() + len(sizes))
    return log


def posterior(
    columns: NDArray[np.int64], log: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return P(r | features) (N, K) and log P(features) (N,) for values (N, F) of instances that were not fitted."""
    joint = np.repeat(log[-1:], len(columns), axis=0)
    for values in columns.T:
        joint += log[values]
    return normalised(joint)


def normalised(joint: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return probabilities (N, K) whose rows sum to 1, and the logarithms of the sums (N,), from logarithms (N, K)."""
    highest = joint.max(axis=1, keepdims=True)
    shares = np.exp(joint - highest)
    sums = shares.sum(axis=1, keepdims=True)
    return shares / sums, (highest + np.log(sums))[:, 0]


def repeated(values: NDArray[np.int64], least: int) -> NDArray[np.int64]:
    """Return the values that occur a least number of times, sorted."""
    different, counts = np.unique(values, return_counts=True)
    return different[counts >= least]


def one_hot(columns: NDArray[np.int64], width: int) -> csr_matrix:
    """Return a sparse matrix (N, V), float64, with a 1 in each of the columns (N, F) of a row."""
    from scipy.sparse import csr_matrix

    size, kinds = columns.shape
    starts = np.arange(0, size * kinds + 1, kinds)
    return csr_matrix((np.ones(size * kinds), columns.ravel(), starts), shape=(size, width))


def _hash(text: str) -> int:
    """Return a hash of a text as a signed number of 64 bits, the same in every process."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
