"""From mentions in characters to mentions in tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

from relscout.encoders.sentence import Sentence, Span
from relscout.instances import Mention, RelationInstance


def excerpt(instance: RelationInstance, reach: int) -> tuple[str, Mention, Mention]:
    """Return the text up to ``reach`` characters around the mentions, and head and tail in it.

    Tokenising takes time for every character, also for those far outside the window.
    """
    head, tail = instance.head, instance.tail
    start = max(min(head.start, tail.start) - reach, 0)
    text = instance.text[start : max(head.end, tail.end) + reach]
    if start == 0:
        return text, head, tail
    return text, Mention(head.start - start, head.end - start), Mention(tail.start - start, tail.end - start)


def align(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], head: Mention, tail: Mention, *, unknown_id: int
) -> Sentence:
    """Find the tokens of two mentions: all that share a character with them.

    A mention of which the tokenizer drops every character (control characters, lone combining marks) gets an
    unknown token at its place, so that no mention is without tokens.

    Args:
        ids: Token ids of the text.
        offsets: Characters ``[start, end)`` of each token; neither starts nor ends ever decrease.
        head: Mention of the head in the text.
        tail: Mention of the tail.
        unknown_id: Id of the unknown token.
    """
    mentions = (head, tail)
    spans = [_covering(offsets, mention) for mention in mentions]
    # the later one first: of two at the same place, the earlier in the text is then put in front of the other
    for role in sorted((0, 1), key=lambda role: mentions[role].start, reverse=True):
        place, end = spans[role]
        if place == end:
            ids = [*ids[:place], unknown_id, *ids[place:]]
            spans[1 - role] = _after_insertion(spans[1 - role], place)
            spans[role] = (place, place + 1)
    return Sentence(ids, spans[0], spans[1])


def _covering(offsets: Sequence[tuple[int, int]], mention: Mention) -> Span:
    """Return the tokens that share characters with a mention; an empty span at its place if there are none."""
    first = bisect_right(offsets, mention.start, key=itemgetter(1))
    return first, bisect_left(offsets, mention.end, lo=first, key=itemgetter(0))


def _after_insertion(span: Span, place: int) -> Span:
    start, end = span
    begins_behind = start > place or (start == place and end > start)
    return start + begins_behind, end + (end > place)
