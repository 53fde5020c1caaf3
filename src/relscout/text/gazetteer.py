"""Marks entities by a list of names."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from relscout.core.errors import InputError, RecordError
from relscout.core.files import lines
from relscout.core.instances import Mention
from relscout.core.surfaces import UNSPACED, composed, composed_with_offsets, splits_word
from relscout.text import Annotator, MarkedSentence, Passage, marked_sentence, sentence_spans

_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")


class Gazetteer:
    """Marks the names of a list in a text: the longest match from the left, at word boundaries.

    White space in a name matches any white space. Words are runs of letters and digits; names in scripts without spaces
    (Han, Kana, Thai, Lao, Burmese, Khmer) match anywhere. Names and texts are compared in Unicode NFC. Sentences end by
    the rules of :func:`relscout.text.sentence_spans`, never inside a name; to add names to another annotator, use
    :class:`WithGazetteer`.

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

        Blank lines and lines that start with ``#`` are ignored.

        Raises:
            RecordError: A line is invalid, or a name has another entity in an earlier line.
            InputError: The file cannot be read or lists no name.
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
                        "name<tab>type<tab>identifier, separated by tabs"
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
            InputError: The name or the type is empty, or the name already has another entity.
        """
        tokens = _TOKEN.findall(composed(name))
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
        """Yield the sentences of passages in order, with their names."""
        for passage in texts:
            names = self.mentions(passage.text)
            starts = [mention.start for mention in names]
            unbroken = [(mention.start, mention.end) for mention in names]
            for start, end in sentence_spans(passage.text, unbroken):
                inside = names[bisect_left(starts, start) : bisect_left(starts, end)]
                yield marked_sentence(passage, start, end, [_shifted(mention, start) for mention in inside])

    @property
    def fingerprint(self) -> str:
        """Identifies the names and the comparison."""
        listed = sorted((name, *entity) for name, entity in self._entities.items())
        content = repr((self.case_sensitive, [tuple(map(str, entry)) for entry in listed]))
        return f"gazetteer-{blake2b(content.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"

    def mentions(self, text: str) -> Sequence[Mention]:
        """Return the names in ``text``, in order and without overlaps."""
        whole, offsets = composed_with_offsets(text)
        return [
            replace(mention, start=offsets[mention.start], end=offsets[mention.end])
            for mention in self._composed_mentions(whole)
        ]

    def _composed_mentions(self, text: str) -> Sequence[Mention]:
        tokens = list(_TOKEN.finditer(text))
        mentions: list[Mention] = []
        index = 0
        while index < len(tokens):
            length, mention = self._longest_at(text, tokens, index)
            if mention is not None:
                mentions.append(mention)
            index += length
        return mentions

    def _longest_at(
        self, text: str, tokens: Sequence[re.Match[str]], index: int
    ) -> tuple[int, Mention | None]:
        start = tokens[index].start()
        longest = self._longest.get(self._key(tokens[index][0]), 0)
        for length in range(min(longest, len(tokens) - index), 0, -1):
            end = tokens[index + length - 1].end()
            entity = self._entities.get(self._key(text[start:end]))
            if entity and not splits_word(text, start) and not splits_word(text, end):
                return length, Mention(start, end, *entity)
        return 1, None

    def _key(self, name: str) -> str:
        key = " ".join(composed(name).split())
        return key if self.case_sensitive else key.casefold()


class WithGazetteer:
    """Adds the names of a list to the entities of another annotator.

    Sentences and syntax are those of the other annotator. A name of the list replaces entities that it overlaps. A name
    that crosses the end of a sentence is not marked.

    Args:
        annotator: Splits sentences, and may mark entities.
        gazetteer: The names.
    """

    def __init__(self, annotator: Annotator, gazetteer: Gazetteer) -> None:
        self.annotator = annotator
        self.gazetteer = gazetteer

    @property
    def fingerprint(self) -> str:
        """Identifies the annotator and the names."""
        return f"{self.annotator.fingerprint}+{self.gazetteer.fingerprint}"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, with the entities and names in them."""
        for sentence in self.annotator.annotate(texts):
            names = self.gazetteer.mentions(sentence.text)
            starts = [name.start for name in names]
            others = [mention for mention in sentence.mentions if not _overlaps(mention, names, starts)]
            mentions = sorted([*names, *others], key=lambda mention: (mention.start, mention.end))
            yield replace(sentence, mentions=mentions)


def _overlaps(mention: Mention, names: Sequence[Mention], starts: Sequence[int]) -> bool:
    # names are disjoint, so only the last that starts before the mention's end can overlap it
    before = bisect_left(starts, mention.end) - 1
    return before >= 0 and names[before].end > mention.start


def _shifted(mention: Mention, start: int) -> Mention:
    return Mention(mention.start - start, mention.end - start, mention.type, mention.entity_id)


def _describe(entity_type: str, entity_id: str | None) -> str:
    return f"{entity_type} {entity_id}" if entity_id else entity_type
