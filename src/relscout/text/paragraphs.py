"""Splits text files into paragraphs, with the position of every character."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import median
from typing import IO

from relscout.core.errors import RecordError
from relscout.io.packing import UNREADABLE, as_utf8, unpacked, unreadable
from relscout.text import IDEOGRAPHS, Passage

#: Approximate maximum length of a passage in characters, which limits the memory of pipelines.
LONGEST_PASSAGE = 10_000
#: Number of lines that determine whether a file is wrapped.
_SAMPLED_LINES = 500
#: Smallest and largest width of wrapped prose, in characters.
_NARROWEST, _WIDEST = 40, 150
#: A line shorter than this share of the usual width ends its paragraph.
_SHORT = 0.6

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]」』]*$")
_CLAUSE_END = re.compile(r"[.!?…:;。！？][\"'”’»)\]」』]*$")
_PIECE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s|[。！？][」』”’）]*")
_RULE = re.compile(r"\s*([-=_*#~.•–—]\s*){3,}$")
_BULLET = re.compile(r"\s*[-*+•‣◦▪]\s+(?=\S)")
#: Start of a list item, if the previous line ends a clause; otherwise it may be the middle of a sentence.
_NUMBER = re.compile(r"\s*(?:[–—]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+(?=\S)")
_HYPHENATED = re.compile(r"[^\W\d_][-\u2010\u00ad]$")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
#: Letters and signs of Han and Kana, between which a line break stands for nothing.
_UNBLANKED = re.compile(f"[{IDEOGRAPHS}\u3001-\u303f\uff01-\uff0f\uff1a-\uff20]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a document.

    Args:
        text: The line without its line end.
        start: Offset of its first character in the document.
        number: Number of the line, or of the page.
        alone: Whether it is a passage of its own, such as a heading.
        continues: Whether it continues a line that was cut.
    """

    text: str
    start: int
    number: int
    alone: bool = False
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of the lines of a file.

    Args:
        wrapped: Whether a paragraph spans several lines; otherwise each line is a passage.
        width: Usual length of a full line, in characters.
    """

    wrapped: bool
    width: int


def layout(lines: Sequence[Line]) -> Layout:
    """Return the layout of a file from its first lines.

    Every line is a passage if lines are long (median over 150 characters) or short (95 of 100 under 40 characters), or
    if more than half of the lines followed by another one end in sentence punctuation. Otherwise the file is wrapped.
    """
    filled = [line.text.strip() for line in lines if line.text.strip() and not _RULE.match(line.text)]
    if not filled:
        return Layout(False, 0)
    lengths = sorted(map(len, filled))
    width = lengths[round(0.95 * (len(lengths) - 1))]
    # a character of Han or Kana is as wide as two
    wide = 2 if 2 * len(_IDEOGRAPH.findall("".join(filled))) > sum(lengths) else 1
    if width * wide < _NARROWEST or median(lengths) > _WIDEST:
        return Layout(False, width)
    followed = [
        line.text.rstrip()
        for line, following in pairwise(lines)
        if line.text.strip() and following.text.strip() and not line.alone
    ]
    ended = sum(_SENTENCE_END.search(text) is not None for text in followed)
    return Layout(2 * ended <= len(followed), min(width, _WIDEST))


def paragraphs(lines: Iterable[Line], *, document: str, place: str) -> Iterator[Passage]:
    """Yield the paragraphs of a document.

    A paragraph ends at a blank line or a rule. In a wrapped file (:func:`layout`), it also ends after a short line
    unless the next line starts in lower case, before an indented line after the end of a sentence, and before a list
    item. A line break becomes a space, and nothing between characters of Han and Kana; a hyphenated word is joined if
    the next line starts in lower case. A paragraph longer than :data:`LONGEST_PASSAGE` is cut at the end of a line.

    Args:
        lines: The lines in order, including blank ones.
        document: Name of the document.
        place: Source of the passages, to which the line number is added, such as ``"notes.txt, line"``.
    """
    stream = iter(lines)
    sample = list(islice(stream, _SAMPLED_LINES))
    for paragraph in _groups(chain(sample, stream), layout(sample)):
        yield joined(paragraph, document=document, place=place)


def joined(lines: Sequence[Line], *, document: str, place: str) -> Passage:
    """Return the lines of a paragraph, at least one and none blank, as a passage; see :func:`paragraphs`."""
    text, start, end = "", 0, 0
    removed: list[tuple[int, int]] = []
    line_starts: list[int] = []
    for previous, line in zip([None, *lines], lines, strict=False):
        content = line.text.strip()
        begin = line.start + len(line.text) - len(line.text.lstrip())
        if previous is None:
            start = begin
        else:
            if _HYPHENATED.search(text) and content[0].islower():
                text, end = text[:-1], end - 1
            elif not line.continues and not (_UNBLANKED.match(text[-1:]) and _UNBLANKED.match(content[0])):
                text, end = text + " ", end + 1
            if begin > end:
                removed.append((len(text), begin - end))
            line_starts += [len(text)] * (line.number - previous.number)
        text, end = text + content, begin + len(content)
    return Passage(
        _CONTROL.sub(" ", text),
        document,
        start,
        f"{place} {lines[0].number}",
        tuple(removed),
        tuple(line_starts),
    )


def selected(passage: Passage, spans: Sequence[tuple[int, int]]) -> Passage:
    """Return a passage with only the characters of disjoint ascending spans, which keep their document offsets."""
    text = ""
    removed: list[tuple[int, int]] = []
    new_places: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(spans):
        if number and (gap := passage.position(start) - passage.position(spans[number - 1][1] - 1) - 1):
            removed.append((len(text), gap))
        removed += [
            (len(text) + place - start, count) for place, count in passage.removed if start < place < end
        ]
        new_places.append((start, len(text)))
        text += passage.text[start:end]
    first = spans[0][0]
    line_starts = []
    for line in passage.line_starts:
        if line > first:
            start, new = next(span for span in reversed(new_places) if span[0] <= line)
            end = spans[new_places.index((start, new))][1]
            line_starts.append(new + min(line, end) - start)
    return Passage(
        text,
        passage.document,
        passage.position(first),
        passage.source_at(first),
        tuple(removed),
        tuple(line_starts),
    )


def lines_of(text: str, *, start: int = 0) -> Iterator[Line]:
    """Yield the lines of a text at an offset of the document; see :func:`pieces` for long ones."""
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        yield from pieces(line, start=start, number=number)
        start += len(line)


def pieces(line: str, *, start: int, number: int) -> Iterator[Line]:
    """Yield a line, in pieces if it is longer than :data:`LONGEST_PASSAGE`.

    Pieces end after a sentence, else at white space, else in the middle of a word.
    """
    begin = 0
    while begin == 0 or begin < len(line):
        end = cut_place(line, begin)
        yield Line(line[begin:end], start + begin, number, continues=begin > 0)
        begin = end
        if not line:
            return


def cut_place(text: str, begin: int = 0) -> int:
    """Return the end of the piece of a text that starts at ``begin``, at most the longest passage."""
    limit = begin + LONGEST_PASSAGE
    if len(text) <= limit:
        return len(text)
    half = begin + LONGEST_PASSAGE // 2
    ends = [match.end() for match in _PIECE_END.finditer(text, half, limit)]
    blanks = [match.end() for match in re.finditer(r"\s", text[half:limit])]
    return ends[-1] if ends else half + blanks[-1] if blanks else limit


def _groups(lines: Iterable[Line], arrangement: Layout) -> Iterator[list[Line]]:
    """Yield the lines of each paragraph, without list marks."""
    group: list[Line] = []
    previous: Line | None = None
    size = 0
    for line in lines:
        if not line.text.strip() or _RULE.match(line.text):
            if group:
                yield group
            group, previous, size = [], None, 0
            continue
        item = _item(line, previous)
        if previous is not None and (
            item or size > LONGEST_PASSAGE or _parts(previous, line, arrangement, first=len(group) == 1)
        ):
            yield group
            group, size = [], 0
        group.append(replace(line, text=line.text[item:], start=line.start + item))
        previous = line
        size += len(line.text)
    if group:
        yield group


def _item(line: Line, previous: Line | None) -> int:
    """Return the length of the list mark at the start of a line, or 0."""
    if bullet := _BULLET.match(line.text):
        return bullet.end()
    number = _NUMBER.match(line.text)
    if number and (
        previous is None or _CLAUSE_END.search(previous.text.rstrip()) or _NUMBER.match(previous.text)
    ):
        return number.end()
    return 0


def _parts(previous: Line, line: Line, arrangement: Layout, *, first: bool) -> bool:
    """Return whether a paragraph ends between two filled lines."""
    if not arrangement.wrapped or line.alone or previous.alone or line.continues:
        return True
    before, after = previous.text.rstrip(), line.text.lstrip()
    ended = _SENTENCE_END.search(before) is not None
    if ended and len(line.text) - len(after) > len(before) - len(before.lstrip()):
        return True
    first_word = 1 if _IDEOGRAPH.match(after) else len(after.split()[0])
    if after[0].islower() or len(before.lstrip()) + 1 + first_word >= _SHORT * arrangement.width:
        return False
    # a heading or an unmarked list item; prose with manual line breaks continues after "of the" or a comma
    last = before.split()[-1]
    return ended or (first and not (last.islower() and len(last) <= 3) and before[-1].isalnum())


#: Number of bytes that determine the kind of a file.
SAMPLE_BYTES = 65_536
#: Half surrogates: an undecodable byte, or half of a character in a JSON escape.
FOREIGN = re.compile("[\ud800-\udfff]")
_UNPACKED_BY_HAND = {
    b"PK\x03\x04": "a ZIP archive or an office document; unpack it, or save it as .txt, .html or .pdf",
    b"\xd0\xcf\x11\xe0": "an office document; save it as .txt, .html or .pdf",
}

_READ_AT_ONCE = 65_536

STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class File:
    """A file to read.

    Args:
        path: The file; ``Path("-")`` is standard input.
        name: Name of its document.
    """

    path: Path
    name: str


@contextmanager
def opened(file: File, *, encoding: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked; see :func:`relscout.io.packing.unpacked`.

    Raises:
        InputError: The file is missing, unreadable or damaged; also inside the ``with`` block.
    """
    try:
        with unpacked(file.path) as stream:
            yield stream if encoding is None else as_utf8(stream, file.path, encoding)
    except UNREADABLE as error:
        raise unreadable(file.path, error) from error


def problem_of(sample: bytes) -> str | None:
    """Return why bytes are not readable text, or ``None``."""
    for magic, what in _UNPACKED_BY_HAND.items():
        if sample.startswith(magic):
            return f"the file is {what}"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    control = sum(sample[:4096].count(bytes([code])) for code in (*range(9), *range(14, 27), *range(28, 32)))
    if b"\x00" in sample[:4096] or 20 * control > len(sample[:4096]):
        if sample[1:2000:2].count(0) * 2.5 > len(sample[:2000]) * 0.5:
            return "the file seems to be UTF-16 without a byte-order mark; save it as UTF-8"
        return "the file is binary; expected text, HTML, PDF or a table"
    return None


def stream_lines(file: File, text: io.TextIOBase) -> Iterator[Line]:
    """Yield the lines of a file, long ones in pieces, with only a few pieces in memory.

    Args:
        file: The file, for errors.
        text: Its content, decoded with ``errors="surrogateescape"`` and ``newline=""``.

    Raises:
        RecordError: A line has an undecodable byte or a zero byte.
    """
    start, number, continues = 0, 1, False
    rest = ""
    while chunk := text.readline(_READ_AT_ONCE):
        if chunk.endswith("\r") and len(chunk) == _READ_AT_ONCE:
            # the limit may separate a carriage return from its line feed
            following = text.readline(1)
            chunk, rest_after = (chunk + following, "") if following == "\n" else (chunk, following)
        else:
            rest_after = ""
        _check(file, chunk + rest_after, number)
        rest += chunk
        ended = chunk.endswith(("\n", "\r"))
        while len(rest) > LONGEST_PASSAGE:
            end = cut_place(rest)
            yield Line(rest[:end], start, number, continues=continues)
            rest, start, continues = rest[end:], start + end, True
        if ended:
            yield Line(rest, start, number, continues=continues)
            start, number, continues, rest = start + len(rest), number + 1, False, ""
        rest += rest_after
    if rest:
        yield Line(rest, start, number, continues=continues)


def _check(file: File, text: str, number: int) -> None:
    if "\x00" in text:
        raise RecordError(
            file.path,
            f"line {number}",
            "a zero byte; is the file binary, or UTF-16 without a mark?",
        )
    if foreign := FOREIGN.search(text):
        byte = ord(foreign[0]) - 0xDC00
        if not 0x80 <= byte <= 0xFF:
            raise RecordError(file.path, f"line {number}", "half a surrogate pair, which is not Unicode text")
        meant = bytes([byte]).decode("cp1252", "ignore")
        hint = f" (it would be {meant!r} in Windows-1252)" if meant else ""
        raise RecordError(
            file.path,
            f"line {number}",
            f"byte 0x{byte:02x} is not UTF-8{hint}; name its encoding, such as --encoding cp1252",
        )
