"""Sentences by rules, for texts that no pipeline splits."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from relscout.text.sentences import MarkedSentence, Passage, marked_sentence

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*")
_WITH_FULL_STOP = (
    "Capt|Co|Col|Corp|Dr|Figs?|Gen|Gov|Hon|Inc|Jr|Lt|Ltd|Maj|Messrs|Mr|Mrs|Ms|Mt|Nos?|Prof|Rep|Rev|Sen|Sgt|Sr|St"
    "|approx|al|ca|cf|etc|vs"
)
_ABBREVIATION = re.compile(rf"(?<![^\s(\[\"'“‘])(?:[^\W\d_]|(?:[^\W\d_]\.)+[^\W\d_]|{_WITH_FULL_STOP})\.$")
_LONGEST_ABBREVIATION = 16
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


class SentenceRules:
    """Splits passages into sentences by :func:`sentence_spans`; marks no entities."""

    #: Changes with the rules.
    fingerprint = "rules-1"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order."""
        for passage in texts:
            for start, end in sentence_spans(passage.text):
                yield marked_sentence(passage, start, end, ())


def sentence_spans(text: str, kept_whole: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of the sentences, without the white space around them.

    A sentence ends at ``. ! ? …`` (and quotes or brackets that close there) before white space, or at
    ``。！？``. It goes on when the next letter is a small one, and behind abbreviations and initials
    (``Dr.``, ``J.``, ``U.S.``): in doubt it stays whole, because a sentence cut in two loses its pairs.

    Args:
        text: The text.
        kept_whole: Spans, in order and apart, in which no sentence may end, such as names with full stops.
    """
    starts = [span[0] for span in kept_whole]
    start = 0
    for end in (*(mark.end() for mark in _END.finditer(text) if _ends(text, mark)), len(text)):
        before = bisect_left(starts, end) - 1
        if before >= 0 and end < kept_whole[before][1]:
            continue
        piece = text[start:end]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = end


def _ends(text: str, mark: re.Match[str]) -> bool:
    if mark[0][0] in "。！？":
        return True
    following = _LETTER_OR_DIGIT.search(text, mark.end())
    if following is not None and following[0].islower():
        return False
    window = text[max(0, mark.end() - _LONGEST_ABBREVIATION) : mark.end()]
    return mark[0] != "." or _ABBREVIATION.search(window) is None
