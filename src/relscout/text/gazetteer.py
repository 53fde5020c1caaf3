"""Marks entities by a list of names."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from relscout.core.errors import InputError, RecordError
from relscout.core.files import lines
from relscout.core.instances import Mention
from relscout.text import Annotator, MarkedSentence, Passage, marked_sentence, sentence_spans

#: Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Kana, Han.
_UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u3040-\u30ff\u31f0-\u31ff\u3005-\u3007"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")


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
        tokens = _TOKEN.findall(unicodedata.normalize("NFC", name))
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
        if not unicodedata.is_normalized("NFC", text):
            composed, places = _composed(text)
            return [
                replace(mention, start=places[mention.start], end=places[mention.end])
                for mention in self.mentions(composed)
            ]
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
            if entity and not _splits_word(text, start) and not _splits_word(text, end):
                return length, Mention(start, end, *entity)
        return 1, None

    def _key(self, name: str) -> str:
        key = " ".join(unicodedata.normalize("NFC", name).split())
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


def _composed(text: str) -> tuple[str, list[int]]:
    """Return ``text`` in NFC, and the offset in ``text`` of each of its offsets, including the end."""
    pieces: list[str] = []
    places: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _joins(text[end]):
            end += 1
        piece = unicodedata.normalize("NFC", text[start:end])
        pieces.append(piece)
        # characters keep their offsets if the length is unchanged; otherwise all get the offset of the start
        same = len(piece) == end - start
        places += [start + place if same else start for place in range(len(piece))]
        start = end
    return "".join(pieces), [*places, len(text)]


def _joins(character: str) -> bool:
    """Return whether a character may compose with the previous one."""
    return unicodedata.category(character).startswith("M") or "\u1160" <= character <= "\u11ff"


def _splits_word(text: str, position: int) -> bool:
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if unicodedata.category(after).startswith("M"):
        return True  # a vowel sign or accent belongs to the letter before
    if _UNSPACED_CHARACTER.match(before) or _UNSPACED_CHARACTER.match(after):
        return False
    return _in_word(before) and _in_word(after)


def _in_word(character: str) -> bool:
    # vowel signs and accents (category M) belong to the previous letter, although \w excludes them
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def _shifted(mention: Mention, start: int) -> Mention:
    return Mention(mention.start - start, mention.end - start, mention.type, mention.entity_id)


def _describe(entity_type: str, entity_id: str | None) -> str:
    return f"{entity_type} {entity_id}" if entity_id else entity_type
