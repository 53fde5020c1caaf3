"""Detection of unrelated pairs without labels, by pairs re-drawn from the corpus itself.

In the sentences of the corpus other entities than the marked ones are paired at random. Hardly any of these pairs is
related, and most of the corpus's own are, or nobody would search it for relations: a classifier that separates the two
kinds scores how little a pair looks related. How many of the corpus's own are not is estimated as in learning from
positive and unlabelled examples (Blanchard, Lee, Scott: "Semi-Supervised Novelty Detection", JMLR 2010): where a share
β of the random pairs lies above a score, no fewer than that share of the unrelated ones does, so that these are at most
the share of the corpus above it, divided by β.
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
    """Return instances with one of both mentions replaced by another entity of the same sentence.

    Entities are what is a mention anywhere among the instances; so what is drawn is worded as mentions are. A pair that
    is an instance itself, in whatever direction, is not drawn. Sentences in which nothing else can be drawn give none.

    Args:
        instances: The instances; their gold relations are not looked at.
        but: Others that are not to be drawn, in whatever direction.
        seed: Draws the mention and which of both it replaces.

    Returns:
        At most one for each instance, in canonical order of these, each different, without gold relations.
    """
    ordered = [instances[place] for place in canonical_order(instances)]
    entities, types = Gazetteer(), dict[str, str | None]()
    taken = {
        _key(one.text, *pair)
        for one in (*ordered, *but)
        for pair in ((one.head, one.tail), (one.tail, one.head))
    }
    for one in ordered:
        for mention in (one.head, one.tail):
            name = " ".join(mention.surface(one.text).split())
            if name not in types and any(character.isalnum() for character in name):
                types[name] = mention.type
                entities.add(name, _ANY)
    random, found = generator(seed, "redrawn pairs"), []
    for one in ordered:
        candidates = []
        for mention in entities.mentions(one.text):
            other = Mention(
                mention.start, mention.end, types.get(" ".join(mention.surface(one.text).split()))
            )
            if any(mention.start < two.end and two.start < mention.end for two in (one.head, one.tail)):
                continue
            candidates += [(one.head, other), (other, one.tail)]
        free = [pair for pair in candidates if _key(one.text, *pair) not in taken]
        if free:
            head, tail = free[int(random.integers(len(free)))]
            found.append(replace(one, head=head, tail=tail, relation=None, id=""))
            taken.add(_key(one.text, head, tail))
    return found


def _key(text: str, head: Mention, tail: Mention) -> tuple[object, ...]:
    return text, head.start, head.end, tail.start, tail.end


#: Pairs of either kind without which nothing can be learnt.
LEAST = 20
_FOLDS = 5


def line_between(
    related: NDArray[np.float32], redrawn: NDArray[np.float32], *, inverse_penalty: float
) -> tuple[NDArray[np.float64], float]:
    """Return weight (D,), float64, and intercept of a score that is higher the more related a pair looks.

    A logistic regression, in which both kinds count as much in all.

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
    """Return the scores (N,) and (R,), float64, of either kind, each by a line that it was not learnt from.

    Args:
        related: As for :func:`line_between`.
        redrawn: The same.
        inverse_penalty: The same.
        random: Draws the folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(random.integers(2**31)))
    learner, (vectors, is_related) = _learner(inverse_penalty), _joined(related, redrawn)
    found = cross_val_predict(learner, vectors, is_related, cv=folds, method="decision_function")
    return found[is_related], found[~is_related]


def at_most(vectors: NDArray[np.float32], most: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the vectors (N, D), or ``most`` of them, drawn, in their order."""
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
    """Return probabilities of relations with that of none as the last column (N, K + 1), float32, rows summing to 1.

    No relation is the likeliest wherever its probability exceeds one half, however the rest is distributed over the
    relations.

    Args:
        probabilities: Of the relations (N, K), float32, rows summing to 1.
        none: How much speaks for none (N,), float32, in [0, 1].
    """
    of_none = np.clip(none.astype(np.float64), 1e-6, 1 - 1e-6)
    of_none = probabilities.max(axis=1) * of_none / (1 - of_none)
    found = np.concatenate([probabilities, of_none[:, None]], axis=1)
    found /= found.sum(axis=1, keepdims=True)
    return found.astype(np.float32)


#: Instances that somebody has judged.
Judged = list[RelationInstance] | tuple[RelationInstance, ...]


def checked_judged(judged: Judged) -> list[RelationInstance]:
    """Return judged instances in an order that they decide.

    Raises:
        InputError: One has no gold relation, or all are of one kind.
    """
    found = [judged[place] for place in canonical_order(judged)]
    for one in found:
        if one.relation is None:
            raise InputError(
                f"{one.source or one.id}: a judged instance needs a gold relation: 'no_relation', or what it expresses"
            )
    if not 0 < (unrelated := sum(one.is_unrelated for one in found)) < len(found):
        raise InputError(
            f"{unrelated} of {len(found)} judged instances are unrelated; some of either kind are needed: their gold "
            f"relation is one of {', '.join(sorted(NAMES_OF_NONE))}, or another name"
        )
    return found


def digest_of(judged: Sequence[RelationInstance]) -> str:
    """Return a short hash of judged instances, in their order, and of how each was judged."""
    digest = blake2b(digest_size=8)
    for one in judged:
        digest.update(instance_key(one) + bytes([one.is_unrelated]))
    return digest.hexdigest()


#: Share of a corpus that is unrelated, or ``"auto"`` to estimate it.
Share = float | Literal["auto"]
#: Vectors (J, D), float32, of pairs that somebody has judged, and which of them no relation relates (J,), bool.
JudgedVectors = tuple[NDArray[np.float32], NDArray[np.bool_]]
#: Inverse strength of the penalty of the logistic regression, on vectors of unit length.
_INVERSE_PENALTY = 1.0
#: The same where a few judged pairs decide a threshold, on scores of standard deviation 1.
_OF_JUDGED = 10.0
#: Shares β of the random pairs at which the bound is looked at; below, few instances decide.
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
    """Scores how little a pair looks related, from its vector.

    Args:
        weight: (D,), float64.
        threshold: Score above which there is no relation.
        share: Share of the corpus that is unrelated, as it was estimated or given.
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
        """Learn from vectors of unit length.

        Args:
            corpus: Of the corpus's own pairs (N, D), float32, at least ``LEAST``.
            redrawn: Of pairs drawn at random from the same sentences (R, D), float32, at least ``LEAST``.
            related: Of pairs that are known to be related (L, D), float32; they are learnt from and not counted.
            share: Share of the corpus that is unrelated, or ``"auto"``.
            judged: Pairs that somebody has judged, of either kind at least one; the threshold, and with it the share,
                is where either kind is as likely.
            most: Vectors of either kind that are learnt from, drawn where there are more.
            seed: Draws these, and the folds.
        """
        random = generator(seed, "unrelated")
        known = corpus[:0] if related is None else related
        own, known, drawn = (at_most(one, most, random) for one in (corpus, known, redrawn))
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
        details = round(share * n_corpus)
        if not details:
            return cls(weight, float("inf"), share)
        # between two scores, so that no rounding decides
        threshold = (scores[-details - 1] + scores[-details]) / 2 if details < n_corpus else scores[0] - 1.0
        return cls(weight, float(threshold), share)

    def none(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how much speaks for no relation (N,), float32, in [0, 1]; above a half there is none.

        Args:
            vectors: (N, D) float32, of unit length.
        """
        from scipy.special import expit

        return np.asarray(expit(_scores(vectors, self.weight) - self.threshold), dtype=np.float32)


def estimated_share(corpus: NDArray[np.float64], redrawn: NDArray[np.float64]) -> float:
    """Return the share of a corpus that is unrelated, estimated from scores, in [0, 1).

    Args:
        corpus: Scores of the corpus's own pairs (N,), higher where they look less related.
        redrawn: Scores of pairs drawn at random (R,).
    """
    thresholds = np.quantile(redrawn, 1 - _BETAS)
    above = (corpus[None, :] > thresholds[:, None]).mean(axis=1)
    return float(min((above / _BETAS).min(), np.nextafter(1, 0)))


def best_threshold(scores: NDArray[np.float64], unrelated: NDArray[np.bool_]) -> float:
    """Return the score above which a pair is more likely unrelated than not, where both kinds are as frequent.

    A logistic regression on the score alone: with few pairs, it depends far less on chance than the cut with the fewest
    of them on the wrong side.

    Args:
        scores: Of judged pairs (J,), higher where they look less related.
        unrelated: Which of them are unrelated (J,); some are, and some are not.
    """
    from sklearn.linear_model import LogisticRegression

    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    learner = LogisticRegression(C=_OF_JUDGED, class_weight="balanced")
    learner.fit(((scores - middle) / spread)[:, None], unrelated)
    slope, intercept = float(learner.coef_[0, 0]), float(learner.intercept_[0])
    if slope <= 0:
        # the score does not separate the judged pairs: half way between the two kinds is as good as any
        return float((scores[unrelated].mean() + scores[~unrelated].mean()) / 2)
    return middle - spread * intercept / slope


def arrays_of(detector: Detector) -> dict[str, NDArray[Any]]:
    """Return a detector as arrays, to be saved."""
    return {"weight": detector.weight, "numbers": np.array([detector.threshold, detector.share])}


def restored(arrays: Mapping[str, NDArray[Any]]) -> Detector:
    """Build a detector from what :func:`arrays_of` gave."""
    threshold, share = arrays["numbers"].tolist()
    return Detector(arrays["weight"], threshold, share)


def _scores(vectors: NDArray[np.float32], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), _CHUNK):
        found[start : start + _CHUNK] = vectors[start : start + _CHUNK].astype(np.float64) @ weight
    return found
