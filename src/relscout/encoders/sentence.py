"""A tokenised sentence and the tokens of its two mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Tokens ``[start, end)``.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Token ids without the tokenizer's own special tokens, and where the mentions lie in them.

    The spans are never empty. They may nest; where one token holds the end of one mention and the start of the
    other, they may also cross or be equal, although the mentions in the text do not.

    Args:
        ids: Token ids.
        head: Tokens of the head mention.
        tail: Tokens of the tail mention.
    """

    ids: Sequence[int]
    head: Span
    tail: Span
