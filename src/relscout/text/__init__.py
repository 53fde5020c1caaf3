"""Plain text: passages and sentences with their entities, entity types, and rules for sentence boundaries.

:mod:`~relscout.text.documents` reads files as passages. Annotators split them into sentences and mark entities:
:class:`~relscout.text.spacy_pipeline.SpacyPipeline`, :class:`~relscout.text.spacy_pipeline.NounChunks`,
:class:`~relscout.text.gazetteer.Gazetteer` (a list of names), :class:`~relscout.text.recognisers.Recognised` (token
classifiers, GLiNER). :class:`~relscout.text.gazetteer.WithGazetteer` adds a list of names to any of them, and
:class:`~relscout.text.annotation_cache.Cached` stores their results. :func:`relscout.text.pairs.mark` makes candidate
pairs.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from relscout.core.instances import Mention, Parse
from relscout.core.surfaces import UNSPACED

CoarseType = Literal["PER", "ORG", "WORK", "EVENT", "MISC", "GROUP", "LOC", "DATE", "NUM"]

#: The coarse types in order of preference as the head of a pair: people act; places and dates are where and when.
COARSE_TYPES: tuple[CoarseType, ...] = get_args(CoarseType)

_TAGS: dict[CoarseType, str] = {
    "PER": "per pers person people peop human character scientist artist writer politician athlete",
    "ORG": "org organization organisation corporation company government institution university team party band club "
    "newspaper agency school",
    "WORK": "work work_of_art product law book film movie song album artwork software game creative_work",
    "EVENT": "event war battle election disaster competition award",
    "MISC": "misc other entity thing",
    "GROUP": "norp nationality religion ideology group language ethnicity political_affiliation",
    "LOC": "loc location gpe fac facility city country state state_or_province province place river lake mountain "
    "water island region building planet moon star geo",
    "DATE": "date time duration year day month century period",
    "NUM": "num number cardinal ordinal percent percentage quantity money value measure currency",
}
_COARSE = {tag: coarse for coarse, tags in _TAGS.items() for tag in tags.split()}

#: spaCy's types of numbers, which are not paired by default.
NUMBER_TYPES = frozenset({"CARDINAL", "ORDINAL", "PERCENT", "QUANTITY", "MONEY", "TIME"})


def coarse_type(tag: str | None) -> CoarseType:
    """Return the coarse type of an entity tag of spaCy (OntoNotes), DocRED, CoNLL, CoNLL04, TACRED or the like.

    Case and prefixes such as ``B-`` are ignored. Unknown tags and ``None`` are ``"MISC"``.
    """
    if tag is None:
        return "MISC"
    name = tag.strip().lower().replace("-", "_").replace(" ", "_")
    if name[:2] in ("b_", "i_"):
        name = name[2:]
    return _COARSE.get(name) or _COARSE.get(name.rsplit("/", 1)[-1].rsplit(".", 1)[0]) or "MISC"


@dataclass(frozen=True, slots=True)
class Passage:
    """A continuous piece of a document, such as a paragraph: no sentence crosses its end.

    ``removed`` lists the characters of the document that ``text`` omits (hyphens at line ends, indentation, mark-up),
    so that :meth:`position` returns the true offset of each character.

    Args:
        text: The text on one line, with spaces in place of line breaks.
        document: Name of the document, or empty.
        start: Offset of ``text`` in the document, in characters.
        source: File and line, for messages. With ``line_starts``, it ends in the line number of the start of ``text``.
        removed: ``(offset in text, number of characters omitted before it)``, in ascending order.
        line_starts: Offsets in ``text`` at which new lines of the file start, ascending.
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
        """Return ``source`` with the line number of the character at ``offset``."""
        further = bisect_right(self.line_starts, offset)
        if not further:
            return self.source
        before, _, line = self.source.rpartition(" ")
        return f"{before} {int(line) + further}"


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """A sentence and its entities.

    Args:
        text: The sentence.
        mentions: The entities, with offsets into ``text``.
        source: File and line, for messages.
        document: Name of the document, or empty.
        document_start: Offset of ``text`` in the document, in characters, if known.
        parse: Syntax of ``text``, if the annotator has a parser.
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
    """Return the sentence ``[start, end)`` of a passage with its position in the document.

    Args:
        passage: The passage.
        start: Offset of the first character in the passage.
        end: Offset after the last character.
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
    """Splits texts into sentences and marks their entities."""

    @property
    def fingerprint(self) -> str:
        """Identifies the annotations: annotators with equal fingerprints return equal sentences."""
        ...

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, reading the passages lazily."""
        ...


#: Scripts without spaces between words whose sentences end at a full stop: Kana and Han.
IDEOGRAPHS = (
    "\u3005-\u3007\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_SIGNS = "\u3001-\u3004\u3008-\u303f\uff01-\uff0f\uff1a-\uff20"
_WORD = re.compile(
    rf"[{IDEOGRAPHS}]{{1,2}}|(?:(?![{IDEOGRAPHS}])[{UNSPACED}]){{1,5}}|[^\s{_SIGNS}{UNSPACED}]+"
)


def count_words(text: str) -> int:
    """Return the number of words in a text, which are separated by white space.

    In scripts without spaces, two characters of Han and Kana and five of Thai, Lao, Burmese and Khmer count as a word.
    """
    return len(text.split()) if text.isascii() else sum(1 for _ in _WORD.finditer(text))


_CLOSING = "」』”’）》〉】〕］｝｣"
# possessive, and only where a run begins, so that a long run takes no quadratic time
_END = re.compile(
    rf"(?<![.!?…])[.!?…]++[\"'»)\]{_CLOSING}]*+(?=\s)|[。！？｡]++[{_CLOSING}]*+"
    # without white space, between characters of Han and Kana
    rf"|(?<=[{IDEOGRAPHS}])[.!?．]++[{_CLOSING}]*+(?=[{IDEOGRAPHS}])"
    # Thai has no full stop: a space ends a sentence, or a part of one
    r"|(?<=[\u0e00-\u0e7f])\s++(?=[\u0e00-\u0e7f])"
)
#: Shortest parts of Thai on both sides of a single space that are sentences, in characters: names hold spaces, too.
_SHORTEST_THAI = 15
#: Words that continue a Thai sentence after a space.
_THAI_CONTINUED = re.compile("ซึ่ง|ที่|และ|หรือ|แต่|โดย|กับ|ใน|ของ|เพราะ|เพื่อ|จาก|ว่า|คือ|ได้แก่|เช่น|เป็น|ๆ")
_WITH_FULL_STOP = (
    "Capt|Co|Col|Corp|Dr|Figs?|Gen|Gov|Hon|Inc|Jr|Lt|Ltd|Maj|Messrs|Mr|Mrs|Ms|Mt|Nos?|Prof|Rep|Rev|Sen|Sgt|Sr|St"
    "|approx|al|ca|cf|etc|vs"
)
_ABBREVIATION = re.compile(rf"(?<![^\s(\[\"'“‘])(?:[^\W\d_]|(?:[^\W\d_]\.)+[^\W\d_]|{_WITH_FULL_STOP})\.$")
_LONGEST_ABBREVIATION = 16
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


class SentenceRules:
    """Splits passages into sentences by :func:`sentence_spans`, without entities."""

    #: Changes with the rules.
    fingerprint = "rules-2"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order."""
        for passage in texts:
            for start, end in sentence_spans(passage.text):
                yield marked_sentence(passage, start, end, ())


def sentence_spans(text: str, unbroken: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of the sentences, without the white space around them.

    A sentence ends at ``. ! ? …`` (with closing quotes or brackets) before white space or between characters of Han or
    Kana, or at ``。！？｡``. It continues if the next letter is lower case, and after abbreviations and initials
    (``Dr.``, ``J.``, ``U.S.``). Thai sentences end at two spaces, or at one between parts of 15 characters or more,
    unless a conjunction follows. In doubt a sentence continues, because a split sentence loses its pairs.

    Args:
        text: The text.
        unbroken: Disjoint spans in order in which no sentence may end, such as names with full stops.
    """
    starts = [span[0] for span in unbroken]
    start = 0
    for end in (*(mark.end() for mark in _END.finditer(text) if _ends(text, mark)), len(text)):
        before = bisect_left(starts, end) - 1
        if before >= 0 and end < unbroken[before][1]:
            continue
        piece = text[start:end]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = end


def _ends(text: str, mark: re.Match[str]) -> bool:
    if mark[0][0] in "。！？｡．" or (not mark[0].isspace() and not text[mark.end()].isspace()):
        return True
    if mark[0].isspace():
        return _ends_thai(text, mark)
    following = _LETTER_OR_DIGIT.search(text, mark.end())
    if following is not None and following[0].islower():
        return False
    window = text[max(0, mark.end() - _LONGEST_ABBREVIATION) : mark.end()]
    return mark[0] != "." or _ABBREVIATION.search(window) is None


def _ends_thai(text: str, space: re.Match[str]) -> bool:
    if _THAI_CONTINUED.match(text, space.end()):
        return False
    if len(space[0]) > 1:
        return True
    shortest = _SHORTEST_THAI
    around = (
        text[max(0, space.start() - shortest) : space.start()],
        text[space.end() : space.end() + shortest],
    )
    return all(len(part) == shortest and not any(map(str.isspace, part)) for part in around)
