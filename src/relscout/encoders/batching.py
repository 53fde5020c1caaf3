"""Which instances are encoded together: alike in length, planned from the set and not from its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.cache import instance_key
from relscout.instances import RelationInstance

_SHARD = 8192


def rows_by_content(instances: Sequence[RelationInstance]) -> dict[bytes, list[int]]:
    """Return the rows that hold each content, by its key: what reads the same is encoded once."""
    rows: dict[bytes, list[int]] = {}
    for row, instance in enumerate(instances):
        rows.setdefault(instance_key(instance), []).append(row)
    return rows


def shards(
    instances: Sequence[RelationInstance], rows: Mapping[bytes, Sequence[int]], *, size: int = _SHARD
) -> Iterator[list[bytes]]:
    """Yield the keys of up to ``size`` contents at a time, shortest texts first.

    A shard is what is tokenised at once, so that memory does not grow with the corpus.

    Args:
        instances: All instances.
        rows: Their rows, as :func:`rows_by_content` gives them.
        size: Number of contents in a shard.
    """
    order = sorted(rows, key=lambda key: (len(instances[rows[key][0]].text), key))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def batches(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield rows that fill a batch of at most ``budget`` tokens, padding included, shortest first.

    Batches are filled one after the other: without the rows of the first ones, the others stay what they are.

    Args:
        lengths: Number of tokens of each row, (N,).
        budget: Number of tokens in a batch; a single row may exceed it.
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * lengths[order[end]] <= budget:
            end += 1
        yield order[start:end]
        start = end
