"""A line between related and re-drawn pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
