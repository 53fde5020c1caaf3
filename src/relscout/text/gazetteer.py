"""Marks entities by a list of names."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

from relscout.core.errors import InputError, RecordError, SettingError
from relscout.core.files import lines
from relscout.core.instances import Mention
from relscout.core.surfaces import UNSPACED, in_word, joins_previous, splits_word
from relscout.core.wording import counted
from relscout.text import (
    Annotator,
    MarkedSentence,
    Passage,
    SentenceRules,
    marked_sentence,
    sentence_spans,
)

#: What the comparison of names can ignore.
Difference = Literal["case", "width", "accents"]
DIFFERENCES: tuple[Difference, ...] = get_args(Difference)

_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")
#: Accents of Latin, Greek and Cyrillic letters. The marks of other scripts are parts of letters: か is not が.
_ACCENT = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]+")
_VARIANT = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
#: Invisible marks of places where a line may be broken, which Khmer and Thai texts have between words.
_BREAKS = frozenset("\u200b\u2060\ufeff")
#: Half-width marks of voiced Kana, which ignoring the width joins to the letter before.
_VOICED = frozenset("\uff9e\uff9f")
#: Size of the sample in which :meth:`Gazetteer.unmatched` searches, in characters.
_SEARCHED = 200_000
_MOST_EXAMPLES = 3


class Gazetteer:
    """Marks the names of a list in a text, at word boundaries.

    Of names that overlap, the longest is marked, and of equally long ones the first. White space in a name matches any
    white space. Words are runs of letters and digits; names in scripts without spaces (Han, Kana, Thai, Lao, Burmese,
    Khmer) match anywhere but inside a syllable. Names and texts are compared in Unicode NFC; offsets are those of the
    text. Sentences end by the rules of :func:`relscout.text.sentence_spans`, never inside a name; to add names to
    another annotator, use :class:`WithGazetteer`.

    Args:
        case_sensitive: Whether ``apple`` differs from ``Apple``.
        width_sensitive: Whether full-width and half-width forms differ from the usual ones, such as ``ＩＢＭ`` from
            ``IBM`` and ``ｿﾆｰ`` from ``ソニー``.
        accent_sensitive: Whether ``Coyoacan`` differs from ``Coyoacán``. Letters such as ``ø`` have no accent.
    """

    def __init__(
        self, *, case_sensitive: bool = True, width_sensitive: bool = True, accent_sensitive: bool = True
    ) -> None:
        self.case_sensitive = case_sensitive
        self.width_sensitive = width_sensitive
        self.accent_sensitive = accent_sensitive
        self._entities: dict[str, tuple[str, str | None]] = {}
        self._names: dict[str, str] = {}
        self._longest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entities)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        case_sensitive: bool = True,
        width_sensitive: bool = True,
        accent_sensitive: bool = True,
    ) -> Gazetteer:
        """Read a file with one name per line: ``name<TAB>type`` or ``name<TAB>type<TAB>identifier``.

        Blank lines and lines that start with ``#`` are ignored.

        Raises:
            RecordError: A line is invalid, or a name has another entity in an earlier line.
            InputError: The file cannot be read or lists no name.
        """
        gazetteer = cls(
            case_sensitive=case_sensitive, width_sensitive=width_sensitive, accent_sensitive=accent_sensitive
        )
        for number, line in lines(path):
            if line.startswith("#"):
                continue
            name, *entity = (text.strip() for text in line.split("\t"))
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
        key = self._key(name)
        tokens = _TOKEN.findall(key)
        if not tokens or not entity_type:
            empty = "type" if tokens else "name"
            raise InputError(f"the {empty} is empty; expected a name and the type of its entity")
        entity = (entity_type, entity_id or None)
        known = self._entities.setdefault(key, entity)
        if known != entity:
            here, there = _describe(*entity), _describe(*known)
            alike = "" if self._names[key] == name else f" (as {self._names[key]!r})"
            raise InputError(
                f"{name!r} is {here} here and {there} further up{alike}; expected one entity per name"
            )
        self._names.setdefault(key, name)
        self._longest[tokens[0]] = max(len(tokens), self._longest.get(tokens[0], 0))

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
        content = repr(
            (
                SentenceRules.fingerprint,
                [self.case_sensitive, self.width_sensitive, self.accent_sensitive],
                [tuple(map(str, entry)) for entry in listed],
            )
        )
        return f"gazetteer-{blake2b(content.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"

    def mentions(self, text: str) -> Sequence[Mention]:
        """Return the names in ``text``, in order and without overlaps."""
        folded = self._folded(text)
        candidates = sorted(
            self._candidates(folded), key=lambda mention: (mention.start - mention.end, mention.start)
        )
        taken = bytearray(len(text))
        chosen: list[Mention] = []
        for mention in candidates:
            if not any(taken[mention.start : mention.end]):
                taken[mention.start : mention.end] = b"\x01" * (mention.end - mention.start)
                chosen.append(mention)
        return sorted(chosen, key=lambda mention: mention.start)

    def unmatched(self, texts: Iterable[str]) -> Unmatched | None:
        """Return why no name of the list is marked in some texts; ``None`` if one is.

        Names are searched in the first 200,000 characters.

        Args:
            texts: The texts, such as paragraphs or sentences.
        """
        sample: list[str] = []
        size = 0
        for text in texts:
            if self.mentions(text):
                return None
            if size < _SEARCHED:
                sample.append(text)
                size += len(text)
        inside: dict[str, str] = {}
        folded = "\n".join(self._key(text) for text in sample)
        beginnings = {folded[place : place + 2] for place in range(len(folded))}
        for key, name in self._names.items():
            if key[:2] in beginnings and (place := folded.find(key)) >= 0:
                inside[name] = _word_around(folded, place, place + len(key))
        ignoring = {
            difference: tuple(dict.fromkeys(self._ignoring(difference)._named(sample)))
            for difference in DIFFERENCES
            if getattr(self, _SETTINGS[difference])
        }
        return Unmatched(len(self), inside, {name: names for name, names in ignoring.items() if names})

    def _ignoring(self, difference: Difference) -> Gazetteer:
        """Return a gazetteer with the same names that ignores one more difference."""
        now = {setting: getattr(self, setting) for setting in _SETTINGS.values()}
        other = Gazetteer(**{**now, _SETTINGS[difference]: False})
        for key, name in self._names.items():
            if other._key(name) not in other._entities:
                other.add(name, *self._entities[key])
        return other

    def _named(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the names of the list that occur in texts, as they are listed."""
        for text in texts:
            for mention in self.mentions(text):
                yield self._names[self._key(mention.surface(text))]

    def _candidates(self, folded: _Folded) -> Iterator[Mention]:
        """Yield every name at word boundaries, including those that overlap."""
        tokens = list(_TOKEN.finditer(folded.text))
        for index, token in enumerate(tokens):
            longest = self._longest.get(token[0], 0)
            start = token.start()
            if not longest or not folded.begins_word(start):
                continue
            for last in tokens[index : index + longest]:
                end = last.end()
                entity = self._entities.get(" ".join(folded.text[start:end].split()))
                if entity and folded.begins_word(end):
                    yield Mention(folded.starts[start], folded.ends[end - 1], *entity)

    def _key(self, name: str) -> str:
        return " ".join(self._folded(name).text.split())

    def _folded(self, text: str) -> _Folded:
        """Return the text in the form in which names are compared, with the places of its characters."""
        plain = text.isascii() or not (self._ignores_forms or _BREAKS.intersection(text))
        if plain and unicodedata.is_normalized("NFC", text):
            folded = text if self.case_sensitive else text.casefold()
            if len(folded) == len(text):
                return _Folded(folded, range(len(text)), range(1, len(text) + 1))
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for start, end in self._clusters(text):
            piece = self._folded_cluster(text[start:end])
            pieces.append(piece)
            starts += [start] * len(piece)
            ends += [end] * len(piece)
        return _Folded("".join(pieces), starts, ends)

    @property
    def _ignores_forms(self) -> bool:
        return not (self.width_sensitive and self.accent_sensitive)

    def _clusters(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of characters with the marks that belong to them, without invisible breaks."""
        start = 0
        while start < len(text):
            end = start + 1
            while end < len(text) and (
                joins_previous(text[end]) or (text[end] in _VOICED and not self.width_sensitive)
            ):
                end += 1
            hidden = text[start] in _BREAKS and start > 0 and _UNSPACED_CHARACTER.match(text[start - 1])
            if not hidden:
                yield start, end
            start = end

    def _folded_cluster(self, cluster: str) -> str:
        if not self.width_sensitive:
            cluster = "".join(map(_usual_width, _VARIANT.sub("", cluster)))
        if not self.accent_sensitive:
            cluster = _ACCENT.sub("", unicodedata.normalize("NFD", cluster))
        if not self.case_sensitive:
            cluster = unicodedata.normalize("NFC", cluster).casefold()
        return unicodedata.normalize("NFC", cluster)


_SETTINGS: dict[Difference, str] = {
    "case": "case_sensitive",
    "width": "width_sensitive",
    "accents": "accent_sensitive",
}


def sensitivity(ignored: Collection[str]) -> dict[str, bool]:
    """Return the arguments of :class:`Gazetteer` that ignore some differences.

    Args:
        ignored: Members of :data:`DIFFERENCES`.

    Raises:
        SettingError: There is no such difference.
    """
    if unknown := [name for name in ignored if name not in DIFFERENCES]:
        raise SettingError(
            f"names ignore {unknown[0]!r} (--ignore); expected some of {', '.join(DIFFERENCES)}"
        )
    return {setting: difference not in ignored for difference, setting in _SETTINGS.items()}


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Why no name of a gazetteer was marked.

    Args:
        names: Number of names in the list.
        inside: Name → the longer word in which it occurs, or itself where it is a word of its own.
        ignoring: Difference → the names that would be marked if it were ignored.
    """

    names: int
    inside: dict[str, str] = field(default_factory=dict)
    ignoring: dict[Difference, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        reasons = []
        if self.inside:
            examples = [
                repr(name) if word == name else f"{name!r} in {word!r}"
                for name, word in islice(self.inside.items(), _MOST_EXAMPLES)
            ]
            verb = "occurs" if len(self.inside) == 1 else "occur"
            reasons.append(
                f"{len(self.inside):,} {verb} inside longer words or syllables, where no name is marked "
                f"({', '.join(examples)}); list those words instead"
            )
        for difference, names in self.ignoring.items():
            examples = [repr(name) for name in names[:_MOST_EXAMPLES]]
            reasons.append(
                f"{len(names):,} would be marked with --ignore {difference} ({', '.join(examples)})"
            )
        why = "; ".join(reasons) or "none of them occurs in the text, not even inside a word"
        return f"none of the {counted(self.names, 'name')} of the list is marked: {why}"


@dataclass(frozen=True, slots=True)
class _Folded:
    """A text in the form in which names are compared.

    Args:
        text: The text.
        starts: Offset in the original text of each character, or of the characters that it stems from.
        ends: Offset in the original text after each.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def begins_word(self, position: int) -> bool:
        """Return whether a name may begin or end at an offset."""
        if not 0 < position < len(self.text):
            return True
        if self.starts[position] == self.starts[position - 1]:
            return False  # both stem from the same character
        return not splits_word(self.text, position)


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


def _usual_width(character: str) -> str:
    kind, _, code = unicodedata.decomposition(character).partition(" ")
    return chr(int(code, 16)) if kind in ("<wide>", "<narrow>") else character


def _word_around(text: str, start: int, end: int) -> str:
    """Return the run of letters and digits around a span, at most some characters on each side."""
    first, last = start, end
    while first > max(0, start - 20) and in_word(text[first - 1]):
        first -= 1
    while last < min(len(text), end + 20) and in_word(text[last]):
        last += 1
    return text[first:last]


def _shifted(mention: Mention, start: int) -> Mention:
    return Mention(mention.start - start, mention.end - start, mention.type, mention.entity_id)


def _describe(entity_type: str, entity_id: str | None) -> str:
    return f"{entity_type} {entity_id}" if entity_id else entity_type
