"""Batches of sentences of similar length that vary from epoch to epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Batches among which sentences are sorted by length, so that little is padded and batches still vary.
_WINDOW = 20


def batches_by_length(
    lengths: NDArray[np.int64], size: int, random: np.random.Generator, *, least: int = 1
) -> list[NDArray[np.int64]]:
    """Return rows (B,), int64, of each batch of one pass; there are equally many in every pass.

    Args:
        lengths: Tokens of each sentence (N,).
        size: Most sentences in a batch.
        random: Shuffles sentences and batches.
        least: Fewest sentences in a batch, as far as there are so many: a smaller one joins another.
    """
    order = random.permutation(len(lengths))
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(order), size * _WINDOW):
        window = order[start : start + size * _WINDOW]
        window = window[np.argsort(lengths[window], kind="stable")]
        found += [window[begin : begin + size] for begin in range(0, len(window), size)]
    found = [found[place] for place in random.permutation(len(found))]
    # all but the last batch of the last window are whole
    small = [place for place, rows in enumerate(found) if len(rows) < least]
    if small and len(found) > 1:
        joined = found.pop(small[0])
        found[0] = np.concatenate([found[0], joined])
    return found
