"""Entities by a list of names."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from relscout.errors import InputError, RecordError
from relscout.instances import Mention
from relscout.lines import lines
from relscout.text.sentences import MarkedSentence, Passage, marked_sentence
from relscout.text.splitting import sentence_spans

_TOKEN = re.compile(r"\w+|[^\w\s]")


class Gazetteer:
    """Marks the names of a list where they stand in a text: the longest from the left, at word boundaries.

    White space inside a name matches any white space. Words are runs of letters and digits, so languages that
    write no blanks between words need a spaCy pipeline instead. Sentences end by the rules of
    :func:`relscout.text.splitting.sentence_spans`, never inside a name.

    Args:
        case_sensitive: Whether ``apple`` differs from ``Apple``.
    """

    def __init__(self, *, case_sensitive: bool = True) -> None:
        self.case_sensitive = case_sensitive
        self._entities: dict[str, tuple[str, str | None]] = {}
        self._longest: dict[str, int] = {}

    @classmethod
    def load(cls, path: Path, *, case_sensitive: bool = True) -> Gazetteer:
        """Read a file with one name per line: ``name<TAB>type`` or ``name<TAB>type<TAB>identifier``.

        Blank lines and lines that start with ``#`` are left out.

        Raises:
            RecordError: A line is not like that, or gives a name that stands for something else further up.
            InputError: The file cannot be read or lists nothing.
        """
        gazetteer = cls(case_sensitive=case_sensitive)
        for number, line in lines(path):
            if line.startswith("#"):
                continue
            name, *entity = (field.strip() for field in line.split("\t"))
            try:
                if not 1 <= len(entity) <= 2:
                    raise InputError(
                        f"got {1 + len(entity)} fields in {line[:60]!r}; expected name<tab>type or "
                        "name<tab>type<tab>identifier, with tabs between"
                    )
                gazetteer.add(name, *entity)
            except InputError as error:
                raise RecordError(path, f"line {number}", str(error)) from error
        if not gazetteer._entities:
            raise InputError(f"{path}: lists no name; expected lines of name<tab>type")
        return gazetteer

    def add(self, name: str, entity_type: str, entity_id: str | None = None) -> None:
        """Add a name; adding it again with the same type and identifier changes nothing.

        Raises:
            InputError: The name or the type is empty, or the name stands for another entity already.
        """
        tokens = _TOKEN.findall(name)
        if not tokens or not entity_type:
            empty = "type" if tokens else "name"
            raise InputError(f"the {empty} is empty; expected a name and the type of its entity")
        entity = (entity_type, entity_id or None)
        known = self._entities.setdefault(self._key(name), entity)
        if known != entity:
            here, there = _describe(*entity), _describe(*known)
            raise InputError(f"{name!r} is {here} here and {there} further up; expected one entity per name")
        first = self._key(tokens[0])
        self._longest[first] = max(len(tokens), self._longest.get(first, 0))

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, with the names in them."""
        for passage in texts:
            found = self.mentions(passage.text)
            starts = [mention.start for mention in found]
            kept_whole = [(mention.start, mention.end) for mention in found]
            for start, end in sentence_spans(passage.text, kept_whole):
                inside = found[bisect_left(starts, start) : bisect_left(starts, end)]
                yield marked_sentence(passage, start, end, [_shifted(mention, start) for mention in inside])

    def mentions(self, text: str) -> Sequence[Mention]:
        """Return the names found in ``text``, in order, none overlapping another."""
        tokens = list(_TOKEN.finditer(text))
        found: list[Mention] = []
        index = 0
        while index < len(tokens):
            length, mention = self._longest_at(text, tokens, index)
            if mention is not None:
                found.append(mention)
            index += length
        return found

    def _longest_at(
        self, text: str, tokens: Sequence[re.Match[str]], index: int
    ) -> tuple[int, Mention | None]:
        start = tokens[index].start()
        longest = self._longest.get(self._key(tokens[index][0]), 0)
        for length in range(min(longest, len(tokens) - index), 0, -1):
            end = tokens[index + length - 1].end()
            entity = self._entities.get(self._key(text[start:end]))
            if entity and not _splits_word(text, start) and not _splits_word(text, end):
                return length, Mention(start, end, *entity)
        return 1, None

    def _key(self, name: str) -> str:
        key = " ".join(name.split())
        return key if self.case_sensitive else key.casefold()


def _splits_word(text: str, position: int) -> bool:
    return 0 < position < len(text) and _in_word(text[position - 1]) and _in_word(text[position])


def _in_word(character: str) -> bool:
    # vowel signs and accents of their own (category M) belong to the letter before, though \w leaves them out
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def _shifted(mention: Mention, start: int) -> Mention:
    return Mention(mention.start - start, mention.end - start, mention.type, mention.entity_id)


def _describe(entity_type: str, entity_id: str | None) -> str:
    return f"{entity_type} {entity_id}" if entity_id else entity_type
