"""The highest layer computes only what tokens need that the pooling reads: of the others, keys and values."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from relscout.encoders.pooling import Places, PoolingPart

if TYPE_CHECKING:
    import torch

#: Implementations of attention that compute what the formula says, on a mask of one row for each query.
_PLAIN = frozenset({"eager", "sdpa"})
#: Attention that is BERT's: others of the same parts normalise in other places (RoBERTa-PreLayerNorm, XLM-RoBERTa-XL).
_ALIKE = frozenset(f"{name}Attention" for name in ("Bert", "Camembert", "Electra", "Roberta", "XLMRoberta"))
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
    """Let a layer leave out what only tokens need that are not read: five sixths of the work on each of these.

    The feed-forward half is two thirds of a layer; queries and the output of the attention, which are left out while
    it trains, another sixth. What the layer gives for the tokens of ``read["tokens"]`` (B, T) stays the same up to
    rounding; for others it gives zeros.

    Args:
        layer: A layer of BERT or one built alike (RoBERTa, ELECTRA, …).
        read: Where the layer finds which tokens are read, when it runs.

    Returns:
        Whether the layer is built so; any other stays as it is.
    """
    whole = getattr(layer, "feed_forward_chunk", None)
    # chunks along the sentence would not fit the mask
    if whole is None or layer.chunk_size_feed_forward:
        return False

    def narrowed(states: torch.Tensor) -> torch.Tensor:
        chosen = read["tokens"]
        found: torch.Tensor = whole(states[chosen])  # (tokens that are read, D)
        return _among_zeros(found, chosen)

    layer.feed_forward_chunk = narrowed
    if _attends_plainly(layer):
        _narrow_attention(layer.attention, read)
    return True


def _attends_plainly(layer: Any) -> bool:
    """Tell whether a layer's attention is one of those known to be BERT's, computed in a way that is known."""
    attention = getattr(layer, "attention", None)
    inner: Any = getattr(attention, "self", None)
    config = getattr(inner, "config", None)
    return (
        type(attention).__name__ in _ALIKE
        and not getattr(layer, "is_decoder", False)
        and getattr(inner, "position_embedding_type", "absolute") == "absolute"
        and getattr(config, "_attn_implementation", "") in _PLAIN
    )


def _narrow_attention(attention: Any, read: MutableMapping[str, torch.Tensor]) -> None:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    inner, whole = attention.self, attention.forward

    def heads(states: torch.Tensor) -> torch.Tensor:
        found = states.view(*states.shape[:2], inner.num_attention_heads, -1)  # (B, T, H, D/H)
        return found.transpose(1, 2)

    def attend(hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **others: Any) -> Any:
        if not inner.training:
            # matrices of another shape are rounded differently, and vectors are to be those of the encoder bit for bit
            return whole(hidden_states, attention_mask, **others)
        chosen = read["tokens"]  # (B, T)
        most = int(chosen.sum(dim=1).max())
        # of a sentence with fewer tokens that are read, some that are not
        places = chosen.byte().argsort(dim=1, descending=True, stable=True)[:, :most]  # (B, M)
        few = hidden_states.gather(1, places[:, :, None].expand(-1, -1, hidden_states.shape[2]))
        found = scaled_dot_product_attention(
            heads(inner.query(few)),
            heads(inner.key(hidden_states)),
            heads(inner.value(hidden_states)),
            # nothing but padding is masked, for every query alike
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            dropout_p=inner.dropout.p,
        )
        output: torch.Tensor = attention.output(found.transpose(1, 2).flatten(2), few)  # (B, M, D)
        is_read = torch.arange(most, device=places.device) < chosen.sum(dim=1)[:, None]
        return _among_zeros(output[is_read], chosen), None

    attention.forward = attend


def _among_zeros(found: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return what was found for the chosen of tokens (B, T), and zeros for the others (B, T, D)."""
    import torch

    shape = (*chosen.shape, found.shape[1])
    return torch.zeros(shape, dtype=found.dtype, device=found.device).index_put(
        torch.nonzero(chosen, as_tuple=True), found
    )
