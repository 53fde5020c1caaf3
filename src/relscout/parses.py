"""The syntax of a sentence, as a dependency parser gives it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parse:
    """Tokens of a sentence with their dependency tree; every field has one entry per token.

    Args:
        starts: Offset of each token's first character in the sentence.
        ends: Offset after its last character (exclusive).
        heads: Index of the token that governs it; the root governs itself.
        labels: Dependency label, such as ``"nsubj"``.
        tags: Universal part of speech, such as ``"VERB"``.
        lemmas: Lemma.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    heads: tuple[int, ...]
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    lemmas: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts)

    def tokens_in(self, start: int, end: int) -> range:
        """Return the indices of the tokens that share characters with ``[start, end)``."""
        first = bisect_right(self.ends, start)
        return range(first, max(first, bisect_left(self.starts, end)))

    def governor(self, tokens: range) -> int:
        """Return the token of a span that is governed from outside it: the head of the phrase.

        Of several, the one nearest the root counts; of these, the last.
        """
        depths = [
            (self.depth(token), -token)
            for token in tokens
            if self.heads[token] not in tokens or self.heads[token] == token
        ]
        return -min(depths)[1] if depths else tokens[-1]

    def depth(self, token: int) -> int:
        """Return the number of arcs from a token to the root."""
        steps = 0
        while self.heads[token] != token and steps <= len(self):
            token = self.heads[token]
            steps += 1
        return steps

    def path_up(self, token: int) -> list[int]:
        """Return the tokens from one to the root, both included."""
        path = [token]
        while self.heads[path[-1]] != path[-1] and len(path) <= len(self):
            path.append(self.heads[path[-1]])
        return path
