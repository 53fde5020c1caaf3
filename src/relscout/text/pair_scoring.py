"""Evaluates with NumPy what was trained to score pairs of entities: small networks and boosted trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.instances import RelationInstance
from relscout.text.pair_features import in_text_order, sentence_groups

#: Pairs that pass through the trees at once.
_ROWS = 4096


def in_text_order_of(
    instances: Sequence[RelationInstance], vectors: NDArray[np.float32], parts: Sequence[tuple[int, bool]]
) -> NDArray[np.float32]:
    """Return vectors (N, D) in which the entity that the text names first stands first.

    Args:
        instances: The pairs.
        vectors: Their vectors, head before tail.
        parts: Width of each part, and whether it is a head half and a tail half.
    """
    turned = np.array([in_text_order(one)[0] is not one.head for one in instances], dtype=bool)
    if not turned.any():
        return vectors
    places, begin = np.arange(vectors.shape[1]), 0
    for width, two_sided in parts:
        if two_sided:
            places[begin : begin + width] = np.roll(places[begin : begin + width], width // 2)
        begin += width
    found = vectors.copy()
    found[turned] = vectors[turned][:, places]
    return found


def entity_numbers(instances: Sequence[RelationInstance]) -> NDArray[np.int64]:
    """Return the numbers (N, 2) of the first and the second entity of each pair; no two sentences share any."""
    found = np.zeros((len(instances), 2), dtype=np.int64)
    count = 0
    for places in sentence_groups(instances):
        known: dict[tuple[int, int], int] = {}
        for place in places:
            for side, mention in enumerate(in_text_order(instances[place])):
                span = mention.start, mention.end
                found[place, side] = known.setdefault(span, count + len(known))
        count += len(known)
    return found


def network_logits(
    network: Mapping[str, NDArray[np.float32]],
    vectors: NDArray[np.float32],
    features: NDArray[np.float32],
    nodes: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the logits (N,) of one network.

    Args:
        network: Its weights.
        vectors: (N, D), scaled, in the order of the text.
        features: (N, F).
        nodes: (N, 2), numbers of the entities of each pair.
    """
    if not len(vectors):
        return np.zeros(0, dtype=np.float32)
    projected = _layer(network, "project", vectors)
    hidden = _layer(network, "first", np.hstack([projected, features]))  # (N, H)
    spread = np.concatenate([nodes[:, 0], nodes[:, 1]])
    order = np.argsort(spread, kind="stable")
    begins = np.flatnonzero(np.diff(spread[order], prepend=-1))
    around = np.maximum.reduceat(
        hidden[order % len(hidden)], begins
    )  # (entities, H): the strongest of its pairs
    number = np.zeros(int(spread.max()) + 1, dtype=np.int64)
    number[spread[order][begins]] = np.arange(len(begins))
    joined = np.hstack([hidden, around[number[nodes[:, 0]]], around[number[nodes[:, 1]]]])
    top = _layer(network, "second", joined)
    logits: NDArray[np.float32] = (top @ network["out.weight"] + network["out.bias"])[:, 0]
    return logits


def tree_sums(trees: Mapping[str, NDArray[Any]], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums (N,) of the trees' leaves.

    Args:
        trees: ``feature``, ``threshold``, ``left``, ``right``, ``value``, each (trees, nodes).
        features: (N, F).
    """
    n_trees = len(trees["feature"])
    every = np.arange(n_trees)
    found = np.zeros(len(features))
    for begin in range(0, len(features), _ROWS):
        rows = features[begin : begin + _ROWS]
        at = np.zeros((len(rows), n_trees), dtype=np.int64)
        while True:
            asked = np.take_along_axis(rows, trees["feature"][every, at].astype(np.int64), axis=1)
            low = asked <= trees["threshold"][every, at]
            onward = np.where(low, trees["left"][every, at], trees["right"][every, at])
            if (onward == at).all():
                break
            at = onward.astype(np.int64)
        found[begin : begin + _ROWS] = trees["value"][every, at].sum(axis=1, dtype=np.float64)
    return found


def _layer(
    network: Mapping[str, NDArray[np.float32]], name: str, inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.maximum(inputs @ network[f"{name}.weight"] + network[f"{name}.bias"], 0)
    return found
