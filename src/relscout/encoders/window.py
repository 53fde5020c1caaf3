"""Fit a sentence into the encoder's length without losing an entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relscout.encoders.marking import Span


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a sentence that the encoder sees.

    Args:
        ids: Token ids of that part.
        head: Tokens of the head in it, ``[start, end)``.
        tail: Tokens of the tail in it.
        lost: What was left out: ``""`` (nothing), ``"context"`` (words before or behind both mentions),
            ``"between"`` (words between the mentions) or ``"mention"`` (the end of a mention).
    """

    ids: Sequence[int]
    head: Span
    tail: Span
    lost: str = ""


def fit(ids: Sequence[int], head: Span, tail: Span, budget: int) -> Window:
    """Choose at most ``budget`` tokens that hold both mentions.

    The window moves so that both mentions stay with as much context on either side as fits. Where they stand too far
    apart, the middle between them is left out; where a mention alone is longer than its half of the budget, its end is.

    Args:
        ids: Token ids of the whole sentence.
        head: Tokens of the head, ``[start, end)``.
        tail: Tokens of the tail.
        budget: Number of tokens there is room for, at least 2.
    """
    if len(ids) <= budget:
        return Window(ids, head, tail)
    low, high = min(head[0], tail[0]), max(head[1], tail[1])
    if high - low <= budget:
        start = min(max(low - (budget - (high - low)) // 2, 0), len(ids) - budget)
        return Window(
            ids[start : start + budget],
            (head[0] - start, head[1] - start),
            (tail[0] - start, tail[1] - start),
            "context",
        )
    return _two_pieces(ids, head, tail, budget)


def _two_pieces(ids: Sequence[int], head: Span, tail: Span, budget: int) -> Window:
    first, second = sorted((head, tail), key=lambda span: (span[0], -span[1]))
    if second[0] < first[1]:
        return _nested(ids, head, tail, first, second, budget)
    half = budget // 2
    left = _piece(first, half, 0, second[0])
    right = _piece(second, budget - half, left[1], len(ids))
    cut = first[1] > left[1] or second[1] > right[1]
    shift = left[1] - left[0] - right[0]
    spans = {
        first: (first[0] - left[0], min(first[1], left[1]) - left[0]),
        second: (second[0] + shift, min(second[1], right[1]) + shift),
    }
    kept = [*ids[left[0] : left[1]], *ids[right[0] : right[1]]]
    return Window(kept, spans[head], spans[tail], "mention" if cut else "between")


def _piece(span: Span, room: int, lowest: int, highest: int) -> Span:
    slack = max(room - (span[1] - span[0]), 0)
    begin = max(span[0] - slack // 2, lowest)
    return begin, min(begin + room, highest)


def _nested(ids: Sequence[int], head: Span, tail: Span, outer: Span, inner: Span, budget: int) -> Window:
    inner_length = min(inner[1] - inner[0], budget // 2)
    outer_length = min(inner[0] - outer[0], budget - inner_length)
    kept = [*ids[outer[0] : outer[0] + outer_length], *ids[inner[0] : inner[0] + inner_length]]
    spans = {outer: (0, len(kept)), inner: (outer_length, len(kept))}
    return Window(kept, spans[head], spans[tail], "mention")
