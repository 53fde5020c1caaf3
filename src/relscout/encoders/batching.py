"""Which instances are encoded together: alike in length, planned from the set and not from its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from relscout.instances import RelationInstance

_SHARD = 8192


def shards(instances: Sequence[RelationInstance], size: int = _SHARD) -> Iterator[NDArray[np.int64]]:
    """Yield the places of up to ``size`` instances at a time, shortest texts first.

    A shard is what is tokenised at once, so that memory does not grow with the corpus.
    """
    order = sorted(range(len(instances)), key=lambda row: (len(instances[row].text), instances[row].id))
    for start in range(0, len(order), size):
        yield np.array(order[start : start + size], dtype=np.int64)


def batches(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield rows that fill a batch of at most ``budget`` tokens, padding included, shortest first.

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
