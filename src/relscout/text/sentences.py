"""What annotators take and return: a passage of running text, and a sentence with the entities in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from relscout.instances import Mention
from relscout.parses import Parse


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of running text in a document, such as a paragraph: no sentence reaches beyond it.

    Characters of the document that ``text`` leaves out (hyphens at line ends, indentation, mark-up) are listed in
    ``removed``, so that :meth:`position` returns the true place of each character.

    Args:
        text: The text, on one line: line breaks of the file are blanks here.
        document: Name of the document; empty where the text is none.
        start: Offset of ``text`` in the document, in characters.
        source: Where it comes from, for people: file and line. Where ``line_starts`` is given it ends in the number of
            the line on which ``text`` starts.
        removed: ``(offset in text, number of characters of the document left out just before it)``, offsets ascending.
        line_starts: Offsets in ``text`` at which further lines of the file start, ascending.
    """

    text: str
    document: str = ""
    start: int = 0
    source: str = ""
    removed: tuple[tuple[int, int], ...] = ()
    line_starts: tuple[int, ...] = ()

    def position(self, offset: int) -> int:
        """Return the offset in the document of the character at ``offset`` in ``text``."""
        return self.start + offset + sum(count for place, count in self.removed if place <= offset)

    def source_at(self, offset: int) -> str:
        """Return ``source``, with the number of the line on which the character at ``offset`` stands."""
        further = bisect_right(self.line_starts, offset)
        if not further:
            return self.source
        before, _, line = self.source.rpartition(" ")
        return f"{before} {int(line) + further}"


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """A sentence and the entities in it.

    Args:
        text: The sentence.
        mentions: The entities, with offsets into ``text``.
        source: Where the sentence comes from, for people: file and line.
        document: Name of the document; empty where the text is none.
        document_start: Offset of ``text`` in the document, in characters; ``None`` where it is not known.
        parse: Syntax of ``text``, where the annotator has a parser.
    """

    text: str
    mentions: Sequence[Mention]
    source: str = ""
    document: str = ""
    document_start: int | None = None
    parse: Parse | None = None


def marked_sentence(
    passage: Passage, start: int, end: int, mentions: Sequence[Mention], parse: Parse | None = None
) -> MarkedSentence:
    """Return the sentence ``[start, end)`` of a passage, with its place in the document.

    Args:
        passage: The passage.
        start: Offset of the sentence's first character in the passage.
        end: Offset after its last character.
        mentions: The entities, with offsets into the sentence.
        parse: Syntax of the sentence.
    """
    return MarkedSentence(
        passage.text[start:end],
        mentions,
        passage.source_at(start),
        passage.document,
        passage.position(start),
        parse,
    )


class Annotator(Protocol):
    """Splits texts into sentences and marks the entities in them."""

    @property
    def fingerprint(self) -> str:
        """Identifies what decides the annotations: two annotators with the same one return the same sentences."""
        ...

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, reading the passages as they are needed."""
        ...
