"""Drift: how much of new text is far from every relation of a run.

A relation is a mean of vectors, and a pair is as far from the run as from the nearest mean, by the cosine. What is far
is measured on pairs of the run itself that are not in the means: half of a sample of each relation gives the mean, the
other half the distances. New text like that of the run has a set share of pairs beyond the limit; more of them express
relations that the run does not know, or are of another kind of text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from relscout.clustering.kmeans import unit_length
from relscout.core.errors import InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.core.progress import Progress, silent
from relscout.discovery.result import Discovery
from relscout.io.shards import take

#: Pairs of the run, of new text, and the least of a relation that are encoded.
_MOST, _LEAST = 2_000, 10
#: Pairs of the run from which a limit can be set.
_ENOUGH = 10
_SHOWN = 5


@dataclass(frozen=True)
class Drift:
    """How much of new text is far from every relation.

    Args:
        far: Share of the new pairs that are far from every relation, in [0, 1].
        expected: Share that is far in text like that of the run.
        pairs: Number of new pairs that were compared.
        farthest: The farthest of these, the farthest first.
    """

    far: float
    expected: float
    pairs: int
    farthest: tuple[RelationInstance, ...]

    @property
    def unlike(self) -> float:
        """Estimated share of the new text that is unlike that of the run, in [0, 1]."""
        return max(0.0, (self.far - self.expected) / (1 - self.expected))


def drift(
    run: Discovery,
    instances: Iterable[RelationInstance],
    *,
    expected: float = 0.05,
    most: int = _MOST,
    progress: Progress = silent,
) -> Drift:
    """Compare new pairs with the relations of a run.

    Of both, a sample is encoded, chosen by hashes of the ids, so that the order of the pairs does not matter.

    Args:
        run: The run.
        instances: New pairs; those that got a relation, where unrelated pairs are recognised.
        expected: Share of the pairs of the run that count as far, above 0 and below 1.
        most: Largest number of pairs in each sample, at least 1.
        progress: Called with the number of instances encoded, stage ``"encode"``.

    Raises:
        InputError: There are no new pairs, or too few in the run to set a limit.
        SettingError: ``expected`` or ``most`` is out of range.
    """
    if not 0 < expected < 1 or most < 1:
        raise SettingError(
            f"expected is {expected} and most {most}; expected a share in (0, 1), and at least 1"
        )
    new = nsmallest(most, (instance.without_relation() for instance in instances), key=_key)
    if not new:
        raise InputError("there are no new pairs to compare with the relations of the run")
    means, distances = _reference(run, most, progress)
    limit = float(np.quantile(distances, 1 - expected))
    of_new = _distances(unit_length(run.model.transform(new, progress=progress)), means)
    order = np.lexsort((np.arange(len(new)), -of_new))[:_SHOWN]
    return Drift(
        float((of_new > limit).mean()), expected, len(new), tuple(new[place] for place in order.tolist())
    )


def _reference(
    run: Discovery, most: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return means of the relations (R, D), and distances of other pairs of the run from the nearest of them (n,)."""
    ids = run.assignments.relation_ids
    hashes = np.array([crc32(_id_of(instance)) for instance in run.assignments.instances], dtype=np.int64)
    relations = np.unique(ids[ids >= 0]).tolist()
    cap = max(_LEAST, most // max(len(relations), 1))
    kept, held_out = list[int](), list[int]()
    groups: list[int] = []
    for number, relation in enumerate(relations):
        rows = np.flatnonzero(ids == relation)
        rows = rows[np.argsort(hashes[rows], kind="stable")][:cap].tolist()
        kept += rows[::2]
        groups += [number] * len(rows[::2])
        held_out += rows[1::2]
    if len(held_out) < _ENOUGH:
        raise InputError(
            f"the run has {len(ids)} pairs, too few to set a limit for what is far; expected at least {_ENOUGH} in "
            "relations of two pairs or more"
        )
    bare = [instance.without_relation() for instance in take(run.assignments.instances, kept + held_out)]
    vectors = unit_length(run.model.transform(bare, progress=progress))
    means = np.zeros((len(relations), vectors.shape[1]), dtype=np.float32)
    np.add.at(means, np.array(groups), vectors[: len(kept)])
    return unit_length(means), _distances(vectors[len(kept) :], means)


def _distances(vectors: NDArray[np.float32], means: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 - the highest cosine of each vector with a mean (n,), float32."""
    nearest: NDArray[np.float32] = 1 - (vectors @ means.T).max(axis=1)
    return nearest


def _id_of(instance: RelationInstance) -> bytes:
    return instance.id.encode("utf-8", "surrogatepass")


def _key(instance: RelationInstance) -> tuple[int, str, str, Sequence[int]]:
    offsets = (instance.head.start, instance.head.end, instance.tail.start, instance.tail.end)
    return crc32(_id_of(instance)), instance.id, instance.text, offsets
