"""What an annotator returns: a sentence with the entities in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from relscout.instances import Mention
from relscout.parses import Parse


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of running text in a document, such as a paragraph: no sentence reaches beyond it.

    Args:
        text: The text, on one line: line breaks of the file are blanks here.
        document: Name of the document; empty where the text is none.
        start: Offset of ``text`` in the document, in characters.
        source: Where it comes from, for people: file and line.
    """

    text: str
    document: str = ""
    start: int = 0
    source: str = ""


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


class Annotator(Protocol):
    """Splits texts into sentences and marks the entities in them."""

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, reading the passages as they are needed."""
        ...
