"""Which sentences to ask a person about: those whose answer says most about other doubtful sentences.

Answers are transferred to similar sentences (:meth:`relscout.Discovery.transfer`), so a good question is in the middle
of many doubtful sentences that no answer covers yet. The gain of a question is that of facility location (Cornuéjols,
Nemhauser, Wolsey 1990; for active learning Wei, Iyer, Bilmes: "Submodularity in Data Subset Selection and Active
Learning", ICML 2015, equation 2), weighted with doubt: the sum over all sentences j of

    doubt(j) · max(0, likeness(i, j) - the highest likeness of j to a judged sentence)

which also spreads the questions over the relations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery
from relscout.serve.review.views import certainties

#: Least cosine from which a sentence takes over the answer of another.
LEAST_COSINE = 0.7
#: Exponent of the cosine, so that only similar sentences count.
_SHARPNESS = 4
#: Most sentences that are compared; of larger corpora, a sample that depends on the ids only.
_MOST = 3_000
#: Likeness of two sentences of a relation while vectors are not known.
_SAME_RELATION = 0.5
_ALTERNATIVES = 8


@dataclass(frozen=True, eq=False)
class Pool:
    """The sentences that may be asked about.

    Args:
        instances: N sentences with a relation.
        vectors: Their vectors (N, D), float32, of unit length; ``None`` while they are not known.
    """

    instances: Sequence[RelationInstance]
    vectors: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, run: Discovery) -> Pool:
        """Return the pool of a run, without vectors."""
        rows = np.flatnonzero(run.assignments.relation_ids >= 0).tolist()
        instances = {instance.id: instance for instance in (run.assignments.instances[row] for row in rows)}
        return cls([instances[id] for id in sorted(instances, key=_drawn)[:_MOST]])

    def with_vectors(self, vectors: NDArray[np.float32]) -> Pool:
        """Return the pool with vectors (N, D), which are scaled to unit length."""
        return Pool(self.instances, unit_length(np.array(vectors, dtype=np.float32)))


@dataclass(frozen=True)
class Asked:
    """A question.

    Args:
        row: Row of the sentence in the corpus.
        informs: Number of unjudged sentences that are similar enough to take over the answer.
        alternatives: Other relations, the most similar first.
    """

    row: int
    informs: int
    alternatives: Sequence[int]


def questions(run: Discovery, pool: Pool, *, skipped: Collection[str], limit: int) -> list[Asked]:
    """Return the best questions in order, each as if those before it had been answered.

    Args:
        run: The run as it is after all decisions.
        pool: The sentences.
        skipped: Ids of sentences that must not be asked about.
        limit: Most questions.
    """
    judged: Mapping[str, int] = run.run.get("corrections", {}).get("judged", {})
    row_of = {instance.id: row for row, instance in enumerate(run.assignments.instances)}
    rows = np.array([row_of[instance.id] for instance in pool.instances], dtype=np.int64)
    relations = run.assignments.relation_ids[rows]
    doubts = np.where(relations >= 0, 1 - certainties(run)[rows], 0)  # (N,)
    answered = np.array([instance.id in judged for instance in pool.instances], dtype=bool)
    doubts[answered] = 0
    cosines = _cosines(pool, relations)
    likeness = np.maximum(cosines, 0) ** _SHARPNESS  # (N, N)
    covered = likeness[answered].max(axis=0, initial=0)
    open_ = ~answered & (relations >= 0)
    open_ &= np.array([instance.id not in skipped for instance in pool.instances], dtype=bool)
    near = cosines >= LEAST_COSINE
    chosen: list[Asked] = []
    while open_.any() and len(chosen) < limit:
        gains = np.maximum(likeness - covered, 0) @ doubts
        best = int(np.where(open_, gains, -1).argmax())
        informs = int((near[best] & ~answered & (relations >= 0)).sum()) - 1
        chosen.append(
            Asked(int(rows[best]), max(informs, 0), _alternatives(run, cosines[best], relations, best))
        )
        open_[best], covered = False, np.maximum(covered, likeness[best])
    return chosen


def _cosines(pool: Pool, relations: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how similar the sentences are (N, N), in [-1, 1]."""
    if pool.vectors is None:
        same = (relations[:, None] == relations[None, :]).astype(np.float32)
        cosines = same * np.float32(_SAME_RELATION ** (1 / _SHARPNESS))
        np.fill_diagonal(cosines, 1)
        below = np.minimum(cosines, LEAST_COSINE - 0.01)
        return np.asarray(below + np.eye(len(relations), dtype=np.float32), dtype=np.float32)
    return np.asarray(pool.vectors @ pool.vectors.T, dtype=np.float32)


def _alternatives(
    run: Discovery, cosines: NDArray[np.float32], relations: NDArray[np.int64], place: int
) -> list[int]:
    """Return other relations, by their sentence that is most similar, and then by size."""
    highest: dict[int, float] = {}
    for relation, cosine in zip(relations.tolist(), cosines.tolist(), strict=True):
        highest[relation] = max(highest.get(relation, -1.0), cosine)
    ranked = sorted(
        run.relations, key=lambda relation: (-highest.get(relation.id, -2), -relation.size, relation.id)
    )
    others = [relation.id for relation in ranked if relation.id != relations[place]]
    return others[:_ALTERNATIVES]


def _drawn(id: str) -> bytes:
    return blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
