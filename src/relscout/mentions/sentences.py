"""What an annotator gives back: a sentence with the entities in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from relscout.instances import Mention


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """A sentence and the entities that were found in it.

    Args:
        text: The sentence.
        mentions: The entities, with offsets into ``text``.
        source: Where the sentence comes from, for people: file and line.
    """

    text: str
    mentions: Sequence[Mention]
    source: str = ""


class Annotator(Protocol):
    """Finds sentences and the entities in them."""

    def annotate(self, texts: Iterable[tuple[str, str]]) -> Iterator[MarkedSentence]:
        """Yield the sentences of ``(text, source)`` pairs in order, reading the texts as they are needed."""
        ...
