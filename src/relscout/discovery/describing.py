"""The relations of a fitted method: their sizes, names, examples and inverses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.discovery.relation import Relation, unlike
from relscout.encoders import can_encode
from relscout.methods import Estimator
from relscout.naming import RelationName, name_relations

#: Number of examples of a relation, and of the central instances from which they are selected.
_EXAMPLES, _POOL = 12, 60
#: Largest number of instances of a relation that examples are selected from.
_MOST_MEMBERS = 20_000
#: Minimum share of a relation's examples that, with head and tail exchanged, belong to its inverse.
_INVERSE_SHARE = 0.6


def describe(
    instances: Sequence[RelationInstance],
    labels: NDArray[np.int64],
    confidences: NDArray[np.float32],
    model: Estimator,
    *,
    names: Mapping[int, RelationName] | None = None,
    vectors: NDArray[np.float32] | None = None,
) -> tuple[Relation, ...]:
    """Describe the relations of a fitted method, in the order of their numbers.

    Args:
        instances: The fitted instances in fitted order.
        labels: Relation of each (N,), int64; -1 for none.
        confidences: Confidence of each assignment (N,), float32.
        model: The fitted method.
        names: What :func:`relscout.naming.name_relations` returned for these instances in any order, if it was called.
        vectors: Their representations (N, D), float32; by default those of the fit.
    """
    if names is None:
        names = name_relations(instances, labels)
    # pre-defined relations keep the names of the labels
    known = model.names_
    name_of = dict(known)
    for label, name in names.items():
        if label not in known:
            name_of[label] = unlike(set(name_of.values()), _read_from_head(name))
    examples = {
        label: _examples(
            np.flatnonzero(labels == label),
            instances,
            model.vectors_ if vectors is None else vectors,
            confidences,
        )
        for label in names
    }
    inverses: dict[int, int] = {}
    every_pair = (model.report_.get("relatedness") or {}).get("precision") is not None
    if not every_pair and can_encode(model.encoder):
        # with every pair once, the direction is chosen, so there are no inverses
        inverses = _inverses(
            {label: [instances[row] for row in rows] for label, rows in examples.items()}, model
        )
    return tuple(
        Relation(
            id=label,
            name=name_of[label],
            pattern=f"HEAD {known[label]} TAIL" if label in known else name.pattern,
            size=int((labels == label).sum()),
            confidence=round(float(confidences[labels == label].mean()), 4),
            types=name.types,
            type_share=round(name.type_share, 4),
            head_first=round(name.head_first, 4),
            ngrams=tuple((words, round(weight, 4)) for words, weight in name.ngrams),
            inverse=inverses.get(label),
            examples=tuple(instances[row].id for row in examples[label]),
            mixed=name.mixed and label not in known,
            share=None if name.share is None or label in known else round(name.share, 4),
        )
        for label, name in names.items()
    )


def _read_from_head(name: RelationName) -> str:
    """Return the name, marked as inverse if it reads from tail to head."""
    # patterns are those of relscout.naming; "TAIL's mother HEAD" has no word "TAIL"
    backwards = name.pattern.endswith("… TAIL … HEAD") or (
        name.pattern.startswith("TAIL") and not name.pattern.endswith("… HEAD … TAIL")
    )
    return f"{name.name} (inverse)" if backwards else name.name


def _examples(
    rows: NDArray[np.int64],
    instances: Sequence[RelationInstance],
    vectors: NDArray[np.float32],
    confidences: NDArray[np.float32],
) -> list[int]:
    """Select central instances with different wording, greedily by their distance from the selected ones.

    The first is the nearest to the centroid. Sentences and entity pairs repeat only if no others are left.
    """
    if len(rows) > _MOST_MEMBERS:
        # evenly spaced in an order by id is as good as random
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_MEMBERS).astype(np.int64)]
    members = vectors[rows]
    centrality = members @ members.mean(axis=0) * confidences[rows]
    by_centrality = [int(place) for place in np.lexsort((rows, -centrality))]
    ids: set[str] = set()
    used: set[tuple[str, ...]] = set()
    pool: list[int] = []
    repeated: list[int] = []
    for place in by_centrality:
        instance = instances[rows[place]]
        keys = {(instance.text,), (instance.head_text.lower(), instance.tail_text.lower())}
        if instance.id in ids:
            continue
        ids.add(instance.id)
        (repeated if keys & used else pool).append(place)
        used |= keys
        if len(pool) == _POOL:
            break
    if not pool:
        return []
    selected = [pool.pop(0)]
    likeness = members @ members[selected[0]]
    while pool and len(selected) < _EXAMPLES:
        best = max(pool, key=lambda place: centrality[place] - 0.5 * likeness[place])
        pool.remove(best)
        selected.append(best)
        likeness = np.maximum(likeness, members @ members[best])
    selected += repeated[: max(min(_EXAMPLES, 3) - len(selected), 0)]
    return [int(rows[place]) for place in selected]


def _inverses(examples: dict[int, list[RelationInstance]], model: Estimator) -> dict[int, int]:
    """Return inverse relations, by predicting their examples with head and tail exchanged."""
    swapped = [(label, instance.swapped()) for label, chosen in examples.items() for instance in chosen]
    if not swapped:
        return {}
    predicted = model.predict([instance for _, instance in swapped])
    share: dict[int, dict[int, float]] = {label: {} for label in examples}
    for (label, _), other in zip(swapped, predicted.tolist(), strict=True):
        share[label][other] = share[label].get(other, 0.0) + 1 / len(examples[label])
    inverses = {}
    for label, others in share.items():
        other = max(others, key=lambda candidate: (others[candidate], -candidate))
        # a relation whose exchanged examples stay in it is symmetric, or the encoder ignores the direction
        if (
            other != label
            and others[other] >= _INVERSE_SHARE
            and share.get(other, {}).get(label, 0.0) >= _INVERSE_SHARE
        ):
            inverses[label] = other
    return inverses
