"""The highest layer computes its feed-forward half only for tokens that the pooling reads."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from relscout.encoders.pooling import Places, PoolingPart

if TYPE_CHECKING:
    import torch

#: Parts that read a few tokens of each sentence.
_FEW = frozenset({"start", "span-mean", "span-max"})


def reads_few(parts: Sequence[PoolingPart], depth: int, n_layers: int) -> bool:
    """Tell whether all that is read off hidden state ``depth``, the highest one, are mentions and where they start."""
    highest = [part for part in parts if (n_layers if part.layer is None else part.layer) == depth]
    return bool(highest) and all(part.name in _FEW for part in highest)


def tokens_read(places: Places, longest: int) -> torch.Tensor:
    """Return which tokens the parts of :func:`reads_few` read (B, T), bool."""
    import torch

    position = torch.arange(longest, device=places.length.device)  # (T,)
    spans = places.spans[:, :, :, None]  # (B, 2, 2, 1)
    within = (position >= spans[:, :, 0]) & (position < spans[:, :, 1])  # (B, 2, T)
    return (within | (position == places.starts[:, :, None])).any(dim=1)


def narrow(layer: Any, read: MutableMapping[str, torch.Tensor]) -> bool:
    """Let a layer leave out the feed-forward half, two thirds of its work, of tokens that are not read.

    What it gives for the tokens of ``read["tokens"]`` (B, T) stays the same up to rounding; for others it gives zeros.

    Args:
        layer: A layer of BERT or one built alike (RoBERTa, ELECTRA, …).
        read: Where the layer finds which tokens are read, when it runs.

    Returns:
        Whether the layer is built so; any other stays as it is.
    """
    import torch

    whole = getattr(layer, "feed_forward_chunk", None)
    # chunks along the sentence would not fit the mask
    if whole is None or layer.chunk_size_feed_forward:
        return False

    def narrowed(states: torch.Tensor) -> torch.Tensor:
        chosen = read["tokens"]
        found: torch.Tensor = whole(states[chosen])  # (tokens that are read, D)
        return torch.zeros(states.shape, dtype=found.dtype, device=found.device).index_put(
            torch.nonzero(chosen, as_tuple=True), found
        )

    layer.feed_forward_chunk = narrowed
    return True
