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
    padded = np.full((len(inputs), max(map(len, whole))), vocabulary.pad_id, dtype=np.int64)
    for row, ids in enumerate(whole):
        padded[row, : len(ids)] = ids
    places = places_of(inputs, vocabulary)
    fields = (getattr(places, name).to(device) for name in Places.__slots__)
    return torch.from_numpy(padded).to(device), Places(*fields)


def places_of(inputs: Sequence[Input], vocabulary: Vocabulary) -> Places:
    """Return where the parts of inputs lie, special tokens included; tensors on the CPU."""
    import torch

    shift = len(vocabulary.before)
    length = np.array([len(item.marked.ids) for item in inputs], dtype=np.int64) + vocabulary.overhead
    starts = np.array([(item.marked.head_start, item.marked.tail_start) for item in inputs]) + shift
    spans = np.array([(item.marked.head, item.marked.tail) for item in inputs]) + shift
    mask = np.array([item.mask for item in inputs]) + shift
    types = np.array([item.types for item in inputs], dtype=np.int64)
    return Places(*map(torch.from_numpy, (length, starts, spans, mask, types)))
