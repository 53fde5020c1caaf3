"""Batches of instances of similar length, and their tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from relscout.core.instances import RelationInstance
from relscout.encoders.cache import instance_key, sentence_key
from relscout.encoders.pooling import Places
from relscout.encoders.vocabulary import Input, Vocabulary

if TYPE_CHECKING:
    import torch


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


def by_sentence(
    instances: Sequence[RelationInstance], rows: Mapping[bytes, Sequence[int]], *, size: int = _SHARD
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield the keys of up to ``size`` contents at a time, shortest texts first and those of a text together.

    A text is divided over several shards only where it has more than ``size`` contents. Where every text has one
    content, the order is that of :func:`shards`.

    Args:
        instances: All instances.
        rows: Their rows, as :func:`rows_by_content` gives them.
        size: Number of contents in a shard.

    Yields:
        Pairs of the text's key, as :func:`relscout.encoders.cache.sentence_key` gives it, and the content's key.
    """
    of_text: dict[str, list[bytes]] = {}
    for key, same in rows.items():
        of_text.setdefault(instances[same[0]].text, []).append(key)
    order = sorted((len(text), sorted(keys), text) for text, keys in of_text.items())
    shard: list[tuple[bytes, bytes]] = []
    for _, keys, text in order:
        if shard and len(shard) + len(keys) > size:
            yield shard
            shard = []
        sentence = sentence_key(text)
        shard += [(sentence, key) for key in keys]
        while len(shard) > size:
            yield shard[:size]
            shard = shard[size:]
    if shard:
        yield shard


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
