"""Fit a sentence into the encoder's length without losing an entity."""

from __future__ import annotations

from relscout.encoders.sentence import Sentence, Span


def fit(sentence: Sentence, budget: int) -> tuple[Sentence, str]:
    """Choose at most ``budget`` tokens that hold both mentions.

    The window moves so that both mentions stay with as much context on either side as fits. Where they stand too
    far apart, the middle between them is left out; only where both together are longer than the budget, the end
    of a mention is (of two nested mentions, tokens of the outer one).

    Args:
        sentence: The whole sentence.
        budget: Number of tokens there is room for, at least 2.

    Returns:
        The part that the encoder sees, and what was left out: ``""`` (nothing), ``"context"`` (words before or
        behind both mentions), ``"between"`` (words between the mentions) or ``"mention"`` (part of a mention).
    """
    ids, head, tail = sentence.ids, sentence.head, sentence.tail
    if len(ids) <= budget:
        return sentence, ""
    low, high = min(head[0], tail[0]), max(head[1], tail[1])
    if high - low <= budget:
        start = _centred((low, high), budget, len(ids))
        return Sentence(ids[start : start + budget], _moved(head, -start), _moved(tail, -start)), "context"
    if head[0] < tail[1] and tail[0] < head[1]:
        return _overlapping(sentence, budget), "mention"
    return _apart(sentence, budget)


def _apart(sentence: Sentence, budget: int) -> tuple[Sentence, str]:
    ids = sentence.ids
    first, second = sorted((sentence.head, sentence.tail))
    widths = first[1] - first[0], second[1] - second[0]
    # half for each, unless one mention needs more and the other can spare it
    room = sorted((budget // 2, widths[0], budget - widths[1]))[1]
    left = _centred(first, room, len(ids))
    right = _centred(second, budget - room, len(ids))
    kept = [*ids[left : left + room], *ids[right : right + budget - room]]
    spans = (
        (first[0] - left, min(first[1] - left, room)),
        (second[0] - right + room, min(second[1] - right + room, budget)),
    )
    head, tail = spans if sentence.head == first else spans[::-1]
    return Sentence(kept, head, tail), "mention" if sum(widths) > budget else "between"


def _overlapping(sentence: Sentence, budget: int) -> Sentence:
    """Keep the start of the first mention and, behind it, the second one from its own start on."""
    ids = sentence.ids
    head_first = (sentence.head[0], -sentence.head[1]) <= (sentence.tail[0], -sentence.tail[1])
    outer, inner = (sentence.head, sentence.tail) if head_first else (sentence.tail, sentence.head)
    room = min(inner[0] - outer[0], budget - min(inner[1] - inner[0], budget // 2))
    kept = [*ids[outer[0] : outer[0] + room], *ids[inner[0] : inner[0] + budget - room]]
    by = room - inner[0]
    spans = (0, min(outer[1] + by, budget)), (room, min(inner[1] + by, budget))
    head, tail = spans if head_first else spans[::-1]
    return Sentence(kept, head, tail)


def _centred(span: Span, room: int, length: int) -> int:
    """Return where a window of ``room`` tokens starts that holds a span, or its start, amid its context."""
    slack = max(room - (span[1] - span[0]), 0)
    return min(max(span[0] - slack // 2, 0), length - room)


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by
