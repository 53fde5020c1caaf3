"""Masked language modelling (Devlin et al. 2019): which tokens are asked for, and what stands in their place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relscout.encoders.vocabulary import Input, Look

Ints = NDArray[np.int64]
#: Of the tokens that are asked for, these shares are masked, and replaced by a word; the rest stays.
_MASKED, _REPLACED = 0.8, 0.1


def word_ids(tokenizer: Any, reserved: Collection[int | None]) -> Ints:
    """Return the ids (W,) that can stand in for a word: no special tokens, markers, or places that are kept free."""
    taken = {*tokenizer.all_special_ids, *reserved}
    return np.array(
        sorted(
            token
            for name, token in tokenizer.get_vocab().items()
            if token not in taken and not name.startswith(("[unused", "[unnamed"))
        ),
        dtype=np.int64,
    )


def maskable(
    item: Input, look: Look, blanks: tuple[bool, bool], reserved: Collection[int | None]
) -> NDArray[np.bool_]:
    """Return which tokens of an input can be asked for (T,), bool: no markers, no blanks, no masks of a prompt.

    Args:
        item: The input.
        look: How it is shown.
        blanks: Whether the head and the tail are blanked.
        reserved: Ids of markers, of the blank and of the mask token, wherever the marking scheme shows them.
    """
    marked = item.marked
    free = np.array([token not in reserved for token in marked.ids], dtype=bool)
    for begin, (start, end), markers, blank in zip(
        (marked.head_start, marked.tail_start), (marked.head, marked.tail), look.markers, blanks, strict=True
    ):
        free[begin : begin + len(markers.before)] = False
        free[end : end + len(markers.after)] = False
        if blank:
            free[start:end] = False
    return free


def corrupted(
    tokens: Ints,
    free: NDArray[np.bool_],
    chance: NDArray[np.float32],
    *,
    rate: float,
    mask_id: int,
    words: Ints,
) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the tokens with some masked or replaced, and which are asked for, both (B, T).

    Args:
        tokens: Token ids (B, T), int64.
        free: Which can be asked for (B, T).
        chance: Numbers in [0, 1) (2, B, T): whether a token is asked for, and what becomes of it.
        rate: Share that is asked for, in [0, 1].
        mask_id: Id of the mask token.
        words: Ids that can stand in for a word (W,).
    """
    asked = free & (chance[0] < rate)
    fate = chance[1]
    out = np.where(asked & (fate < _MASKED), mask_id, tokens)
    by_word = asked & (fate >= _MASKED) & (fate < _MASKED + _REPLACED)
    # where in its tenth the number lies tells which word, so that no other number need be drawn
    which = ((fate - _MASKED) / _REPLACED * len(words)).astype(np.int64).clip(0, len(words) - 1)
    return np.where(by_word, words[which], out), asked
