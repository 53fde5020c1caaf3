"""Detection of unrelated pairs without labels, by comparison with random pairs of the same sentences.

Entities other than the marked ones are paired at random. Few of these pairs are related, and most of the corpus's own
pairs are. The score of a classifier that separates the two kinds is higher the less a pair looks related. The share of
unrelated pairs in the corpus is estimated as in learning from positive and unlabelled examples (Blanchard, Lee, Scott:
"Semi-Supervised Novelty Detection", JMLR 2010): if a share β of the random pairs scores above a threshold, at least
that share of the unrelated pairs does, too. The share of unrelated pairs is therefore at most the share of the corpus
above the threshold, divided by β.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, SettingError
from relscout.core.instances import NAMES_OF_NONE, Mention, RelationInstance, canonical_order
from relscout.core.seeding import generator
from relscout.encoders.cache import instance_key
from relscout.text.gazetteer import Gazetteer

_ANY = "entity"


def redrawn_pairs(
    instances: Sequence[RelationInstance], *, but: Sequence[RelationInstance] = (), seed: int
) -> list[RelationInstance]:
    """Return instances in which one mention is replaced by another entity of the same sentence.

    An entity is a name that is a mention in any of the instances, so the new pairs consist of the same kinds of words.
    A pair that is an instance itself, in either direction, is not drawn. A sentence without other entities yields
    nothing.

    Args:
        instances: The instances; their gold relations are not used.
        but: Further instances that must not be drawn, in either direction.
        seed: Random seed of the choice.

    Returns:
        At most one new instance for each instance, in canonical order, all different, without gold relations.
    """
    ordered = [instances[place] for place in canonical_order(instances)]
    entities, types = Gazetteer(), dict[str, str | None]()
    taken = {
        _key(instance.text, *pair)
        for instance in (*ordered, *but)
        for pair in ((instance.head, instance.tail), (instance.tail, instance.head))
    }
    for instance in ordered:
        for mention in (instance.head, instance.tail):
            name = " ".join(mention.surface(instance.text).split())
            if name not in types and any(character.isalnum() for character in name):
                types[name] = mention.type
                entities.add(name, _ANY)
    random, redrawn = generator(seed, "redrawn pairs"), []
    for instance in ordered:
        text, head, tail = instance.text, instance.head, instance.tail
        candidates = []
        for mention in entities.mentions(text):
            other = Mention(mention.start, mention.end, types.get(" ".join(mention.surface(text).split())))
            if any(mention.start < own.end and own.start < mention.end for own in (head, tail)):
                continue
            candidates += [(head, other), (other, tail)]
        free = [pair for pair in candidates if _key(text, *pair) not in taken]
        if free:
            new_head, new_tail = free[int(random.integers(len(free)))]
            redrawn.append(replace(instance, head=new_head, tail=new_tail, relation=None, id=""))
            taken.add(_key(text, new_head, new_tail))
    return redrawn


def _key(text: str, head: Mention, tail: Mention) -> tuple[object, ...]:
    return text, head.start, head.end, tail.start, tail.end


#: Smallest number of pairs of each kind to learn from.
LEAST = 20
_FOLDS = 5


def line_between(
    related: NDArray[np.float32], redrawn: NDArray[np.float32], *, inverse_penalty: float
) -> tuple[NDArray[np.float64], float]:
    """Return weight (D,), float64, and intercept of a score that is higher the more related a pair looks.

    A logistic regression in which both kinds have the same total weight.

    Args:
        related: Vectors of unit length (N, D), float32, at least ``LEAST``.
        redrawn: Those of re-drawn pairs (R, D), float32, at least ``LEAST``.
        inverse_penalty: Inverse strength of the penalty, above 0.
    """
    learner = _learner(inverse_penalty).fit(*_joined(related, redrawn))
    return learner.coef_[0].astype(np.float64), float(learner.intercept_[0])


def unseen_scores(
    related: NDArray[np.float32],
    redrawn: NDArray[np.float32],
    *,
    inverse_penalty: float,
    random: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores (N,) and (R,), float64, of both kinds, by cross-validation.

    Args:
        related: As for :func:`line_between`.
        redrawn: The same.
        inverse_penalty: The same.
        random: Random generator of the folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(random.integers(2**31)))
    learner, (vectors, is_related) = _learner(inverse_penalty), _joined(related, redrawn)
    scores = cross_val_predict(learner, vectors, is_related, cv=folds, method="decision_function")
    return scores[is_related], scores[~is_related]


def at_most(vectors: NDArray[np.float32], most: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the vectors (N, D), or a random sample of ``most`` of them, in their order."""
    if len(vectors) <= most:
        return vectors
    return np.asarray(vectors[np.sort(random.choice(len(vectors), most, replace=False))])


def _learner(inverse_penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=inverse_penalty, class_weight="balanced", max_iter=500)


def _joined(
    related: NDArray[np.float32], redrawn: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    vectors = np.concatenate([related, redrawn])
    return vectors, np.arange(len(vectors)) < len(related)


def append_no_relation(probabilities: NDArray[np.float32], none: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities with a last column for no relation (N, K + 1), float32, rows summing to 1.

    The last column is the highest exactly where ``none`` exceeds one half, however the relations share the rest.

    Args:
        probabilities: Probabilities of the relations (N, K), float32, rows summing to 1.
        none: Evidence for no relation (N,), float32, in [0, 1].
    """
    of_none = np.clip(none.astype(np.float64), 1e-6, 1 - 1e-6)
    of_none = probabilities.max(axis=1) * of_none / (1 - of_none)
    extended = np.concatenate([probabilities, of_none[:, None]], axis=1)
    extended /= extended.sum(axis=1, keepdims=True)
    return extended.astype(np.float32)


#: Instances whose relation, or lack of one, is known.
Judged = list[RelationInstance] | tuple[RelationInstance, ...]


def checked_judged(judged: Judged) -> list[RelationInstance]:
    """Return judged instances in canonical order.

    Raises:
        InputError: An instance has no gold relation, or all are of one kind.
    """
    ordered = [judged[place] for place in canonical_order(judged)]
    for instance in ordered:
        if instance.relation is None:
            raise InputError(
                f"{instance.source or instance.id}: a judged instance needs a gold relation: 'no_relation', or what it "
                "expresses"
            )
    if not 0 < (unrelated := sum(instance.is_unrelated for instance in ordered)) < len(ordered):
        raise InputError(
            f"{unrelated} of {len(ordered)} judged instances are unrelated; some of either kind are needed: their gold "
            f"relation is one of {', '.join(sorted(NAMES_OF_NONE))}, or another name"
        )
    return ordered


def digest_of(judged: Sequence[RelationInstance]) -> str:
    """Return a short hash of judged instances, in their order, and of whether each is unrelated."""
    digest = blake2b(digest_size=8)
    for instance in judged:
        digest.update(instance_key(instance) + bytes([instance.is_unrelated]))
    return digest.hexdigest()


#: Share of a corpus that is unrelated, or ``"auto"`` to estimate it.
Share = float | Literal["auto"]
#: Vectors (J, D), float32, of judged pairs, and which of them are unrelated (J,), bool.
JudgedVectors = tuple[NDArray[np.float32], NDArray[np.bool_]]
#: Inverse strength of the penalty of the logistic regression, on vectors of unit length.
_INVERSE_PENALTY = 1.0
#: The same for the threshold of a few judged pairs, on scores of standard deviation 1.
_JUDGED_INVERSE_PENALTY = 10.0
#: Shares β of the random pairs at which the bound is computed; lower ones depend on few instances.
_BETAS = np.linspace(0.2, 0.95, 16)
_CHUNK = 4096


def checked_share(share: Share) -> Share:
    """Return a share of the corpus as a plain ``float``, or ``"auto"``.

    Raises:
        SettingError: It is neither ``"auto"`` nor a number from 0 to below 1.
    """
    number = isinstance(share, int | float | np.floating) and not isinstance(share, bool)
    if share == "auto" or (number and 0 <= float(share) < 1):
        return "auto" if share == "auto" else float(share)
    raise SettingError(
        f"none is {share!r}, expected 'auto', a share of the corpus from 0 to below 1, or a list of judged instances"
    )


@dataclass(frozen=True)
class Detector:
    """Scores vectors of pairs: the higher, the less related a pair looks.

    Args:
        weight: Weights (D,), float64.
        threshold: Score above which a pair is unrelated.
        share: Share of the corpus that is unrelated, estimated or given.
    """

    weight: NDArray[np.float64]
    threshold: float
    share: float

    @classmethod
    def of(
        cls,
        corpus: NDArray[np.float32],
        redrawn: NDArray[np.float32],
        *,
        related: NDArray[np.float32] | None = None,
        share: Share = "auto",
        judged: JudgedVectors | None = None,
        most: int = 20_000,
        seed: int,
    ) -> Self:
        """Learn a detector from vectors of unit length.

        Args:
            corpus: Vectors of the corpus's own pairs (N, D), float32, at least ``LEAST``.
            redrawn: Vectors of random pairs from the same sentences (R, D), float32, at least ``LEAST``.
            related: Vectors of pairs that are known to be related (L, D), float32. They are used in training, but do
                not count for the share.
            share: Share of the corpus that is unrelated, or ``"auto"`` to estimate it.
            judged: Judged pairs, at least one of each kind. They set the threshold where both kinds are equally likely,
                and with it the share.
            most: Largest number of vectors of each kind in training; of more, a sample is drawn.
            seed: Random seed of the samples and folds.
        """
        random = generator(seed, "unrelated")
        known = corpus[:0] if related is None else related
        own, known, drawn = (at_most(vectors, most, random) for vectors in (corpus, known, redrawn))
        learnt = np.concatenate([own, known])
        if judged is None and share == "auto":
            related_scores, drawn_scores = unseen_scores(
                learnt, drawn, inverse_penalty=_INVERSE_PENALTY, random=random
            )
            share = estimated_share(-related_scores[: len(own)], -drawn_scores)
        weight = -line_between(learnt, drawn, inverse_penalty=_INVERSE_PENALTY)[0]
        n_corpus = len(corpus)
        scores = np.sort(_scores(corpus, weight))
        if judged is not None:
            threshold = best_threshold(_scores(judged[0], weight), judged[1])
            return cls(weight, threshold, float((scores > threshold).mean()))
        share = float(share)
        n_rejected = round(share * n_corpus)
        if not n_rejected:
            return cls(weight, float("inf"), share)
        # half way between two scores, so that rounding does not matter
        threshold = (
            (scores[-n_rejected - 1] + scores[-n_rejected]) / 2 if n_rejected < n_corpus else scores[0] - 1.0
        )
        return cls(weight, float(threshold), share)

    def none(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the evidence for no relation (N,), float32, in [0, 1]; above one half, a pair is unrelated.

        Args:
            vectors: Vectors (N, D), float32, of unit length.
        """
        from scipy.special import expit

        return np.asarray(expit(_scores(vectors, self.weight) - self.threshold), dtype=np.float32)


def estimated_share(corpus: NDArray[np.float64], redrawn: NDArray[np.float64]) -> float:
    """Estimate the share of a corpus that is unrelated, in [0, 1), from scores.

    Args:
        corpus: Scores of the corpus's own pairs (N,); higher means less related.
        redrawn: Scores of random pairs (R,).
    """
    thresholds = np.quantile(redrawn, 1 - _BETAS)
    above = (corpus[None, :] > thresholds[:, None]).mean(axis=1)
    return float(min((above / _BETAS).min(), np.nextafter(1, 0)))


def best_threshold(scores: NDArray[np.float64], unrelated: NDArray[np.bool_]) -> float:
    """Return the score above which a pair is more likely unrelated than related, if both kinds are equally frequent.

    This is a logistic regression on the score. For few pairs, its threshold has less variance than the cut with the
    fewest errors.

    Args:
        scores: Scores of judged pairs (J,); higher means less related.
        unrelated: Which of them are unrelated (J,); both kinds must occur.
    """
    from sklearn.linear_model import LogisticRegression

    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    learner = LogisticRegression(C=_JUDGED_INVERSE_PENALTY, class_weight="balanced")
    learner.fit(((scores - middle) / spread)[:, None], unrelated)
    slope, intercept = float(learner.coef_[0, 0]), float(learner.intercept_[0])
    if slope <= 0:
        # the score does not separate the judged pairs: use the middle between the means of the two kinds
        return float((scores[unrelated].mean() + scores[~unrelated].mean()) / 2)
    return middle - spread * intercept / slope


def arrays_of(detector: Detector) -> dict[str, NDArray[Any]]:
    """Return a detector as arrays, for saving."""
    return {"weight": detector.weight, "numbers": np.array([detector.threshold, detector.share])}


def restored(arrays: Mapping[str, NDArray[Any]]) -> Detector:
    """Build a detector from what :func:`arrays_of` returned."""
    threshold, share = arrays["numbers"].tolist()
    return Detector(arrays["weight"], threshold, share)


def _scores(vectors: NDArray[np.float32], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = np.empty(len(vectors))
    for start in range(0, len(vectors), _CHUNK):
        scores[start : start + _CHUNK] = vectors[start : start + _CHUNK].astype(np.float64) @ weight
    return scores
