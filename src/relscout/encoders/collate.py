"""From the inputs of a batch to its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from relscout.encoders.pooling import Places
from relscout.encoders.vocabulary import Input, Vocabulary

if TYPE_CHECKING:
    import torch


def collate(
    inputs: Sequence[Input], vocabulary: Vocabulary, device: torch.device
) -> tuple[torch.Tensor, Places]:
    """Put special tokens around the inputs and pad them to the longest.

    Returns:
        Token ids (B, T), int64, and where the parts of each input lie in them.
    """
    import torch

    whole = [(*vocabulary.before, *item.marked.ids, *vocabulary.after) for item in inputs]
    length = np.array([len(ids) for ids in whole], dtype=np.int64)
    padded = np.full((len(inputs), length.max()), vocabulary.pad_id, dtype=np.int64)
    for row, ids in enumerate(whole):
        padded[row, : len(ids)] = ids
    shift = len(vocabulary.before)
    starts = np.array([(item.marked.head_start, item.marked.tail_start) for item in inputs]) + shift
    spans = np.array([(item.marked.head, item.marked.tail) for item in inputs]) + shift
    mask = np.array([item.mask for item in inputs]) + shift
    types = np.array([item.types for item in inputs], dtype=np.int64)
    arrays = (padded, length, starts, spans, mask, types)
    tokens, *places = (torch.from_numpy(array).to(device) for array in arrays)
    return tokens, Places(*places)
