"""From clusters to relations that a person can read: names, examples, directions, confidences."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.discovery.relation import Relation
from relscout.encoders.precomputed import can_encode
from relscout.methods import Estimator
from relscout.naming import RelationName, name_relations

#: Examples kept for each relation, and how many of the most central instances they are picked from.
_EXAMPLES, _POOL = 12, 60
#: A relation is another's inverse where at least this share of its examples, read backwards, falls into the other.
_INVERSE_SHARE = 0.6


def describe(
    instances: Sequence[RelationInstance],
    labels: NDArray[np.int64],
    confidences: NDArray[np.float32],
    model: Estimator,
) -> tuple[Relation, ...]:
    """Describe every relation of a fitted method, in the order of their numbers.

    Args:
        instances: The fitted instances, in the order in which they were fitted.
        labels: Relation of each (N,), int64; -1 for none.
        confidences: Confidence of each assignment (N,), float32.
        model: The fitted method.
    """
    names = name_relations(instances, labels)
    # pre-defined relations that a method has recognised keep the names of the labels
    given = model.names_
    called = dict(given)
    for label, name in names.items():
        if label not in given:
            called[label] = unlike(set(called.values()), _read_from_head(name))
    examples = {
        label: _examples(np.flatnonzero(labels == label), instances, model.vectors_, confidences)
        for label in names
    }
    inverses: dict[int, int] = {}
    every_pair = (model.report_.get("relatedness") or {}).get("precision") is not None
    if not every_pair and can_encode(model.encoder):
        # where every pair of a text comes once, its head is chosen, and none is read the other way round
        inverses = _inverses(
            {label: [instances[row] for row in rows] for label, rows in examples.items()}, model
        )
    return tuple(
        Relation(
            id=label,
            name=called[label],
            pattern=f"HEAD {given[label]} TAIL" if label in given else name.pattern,
            size=int((labels == label).sum()),
            confidence=round(float(confidences[labels == label].mean()), 4),
            types=name.types,
            type_share=round(name.type_share, 4),
            head_first=round(name.head_first, 4),
            ngrams=tuple((words, round(weight, 4)) for words, weight in name.ngrams),
            inverse=inverses.get(label),
            examples=tuple(instances[row].id for row in examples[label]),
            mixed=name.mixed and label not in given,
            share=None if name.share is None or label in given else round(name.share, 4),
        )
        for label, name in names.items()
    )


def _read_from_head(name: RelationName) -> str:
    """Return the name so that "head, name, tail" is true: marked where the sentences say it from tail to head."""
    # "TAIL's mother HEAD" has no word "TAIL", so the pattern is read as it was made (see relscout.naming)
    backwards = name.pattern.endswith("… TAIL … HEAD") or (
        name.pattern.startswith("TAIL") and not name.pattern.endswith("… HEAD … TAIL")
    )
    return f"{name.name} (inverse)" if backwards else name.name


def unlike(taken: Collection[str], name: str) -> str:
    """Return the name of a novel relation, marked where another one is called the same."""
    if name not in taken:
        return name
    marked, number = f"{name} (novel)", 2
    while marked in taken:
        marked, number = f"{name} (novel {number})", number + 1
    return marked


def _examples(
    rows: NDArray[np.int64],
    instances: Sequence[RelationInstance],
    vectors: NDArray[np.float32],
    confidences: NDArray[np.float32],
) -> list[int]:
    """Pick central instances that differ in wording: by turns the one least like those already picked.

    The first is the instance nearest the centroid; sentences and entity pairs do not repeat while others are left.
    """
    members = vectors[rows]
    centrality = members @ members.mean(axis=0) * confidences[rows]
    by_centrality = [int(place) for place in np.lexsort((rows, -centrality))]
    ids: set[str] = set()
    seen: set[tuple[str, ...]] = set()
    pool: list[int] = []
    repeated: list[int] = []
    for place in by_centrality:
        instance = instances[rows[place]]
        keys = {(instance.text,), (instance.head_text.lower(), instance.tail_text.lower())}
        if instance.id in ids:
            continue
        ids.add(instance.id)
        (repeated if keys & seen else pool).append(place)
        seen |= keys
        if len(pool) == _POOL:
            break
    if not pool:
        return []
    picked = [pool.pop(0)]
    likeness = members @ members[picked[0]]
    while pool and len(picked) < _EXAMPLES:
        best = max(pool, key=lambda place: centrality[place] - 0.5 * likeness[place])
        pool.remove(best)
        picked.append(best)
        likeness = np.maximum(likeness, members @ members[best])
    picked += repeated[: max(min(_EXAMPLES, 3) - len(picked), 0)]
    return [int(rows[place]) for place in picked]


def _inverses(examples: dict[int, list[RelationInstance]], model: Estimator) -> dict[int, int]:
    """Find relations that say the same the other way round, by reading their examples backwards."""
    asked = [(label, instance.swapped()) for label, chosen in examples.items() for instance in chosen]
    if not asked:
        return {}
    found = model.predict([instance for _, instance in asked])
    share: dict[int, dict[int, float]] = {label: {} for label in examples}
    for (label, _), other in zip(asked, found.tolist(), strict=True):
        share[label][other] = share[label].get(other, 0.0) + 1 / len(examples[label])
    inverses = {}
    for label, others in share.items():
        other = max(others, key=lambda candidate: (others[candidate], -candidate))
        # where a relation's own examples, read backwards, stay in it, it may be symmetric, or direction is not seen
        if (
            other != label
            and others[other] >= _INVERSE_SHARE
            and share.get(other, {}).get(label, 0.0) >= _INVERSE_SHARE
        ):
            inverses[label] = other
    return inverses
