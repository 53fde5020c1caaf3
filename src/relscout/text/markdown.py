"""Markdown without its mark-up: the running text, each character at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from relscout.text.paragraphs import Line, kept, paragraphs
from relscout.text.sentences import Passage

_FENCE = re.compile(r" {0,3}(?:>\s?)*(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}\s+")
_QUOTE = re.compile(r" {0,3}(?:>\s?)+")
_TASK = re.compile(r"\s*[-*+]\s+\[[ xX]\]\s+")
_DEFINITION = re.compile(r" {0,3}\[[^\]]+\]:\s")
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*$")
_INDENTED_CODE = re.compile(r"(?: {4}|\t)")
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s")

#: What stands between text and is no text. The groups named ``keep`` and ``keep2`` are text inside it.
_INLINE = re.compile(
    r"""
    \\(?P<keep>[!-/:-@\[-`{-~])                                 # an escaped sign
    | (?P<ticks>`+)(?P<keep2>[^`]+?)(?P=ticks)(?!`)              # code
    | !\[[^\]]*\](?:\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+"[^"]*")?\s*\)|\[[^\]]*\])?      # an image
    | \[\^[^\]]+\]                                               # a reference to a footnote
    | \[(?=[^\[\]]*\](?:\(|\[))                                  # a link opens
    | \](?:\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)|\[[^\]]*\])    # a link closes
    | <!--.*?--> | </?[A-Za-z][^<>]*>                            # HTML
    | <(?:https?|mailto|ftp):[^<>\s]*>
    | \*{1,3}(?=\S) | (?<=\S)\*{1,3}                             # emphasis
    | (?<!\w)_{1,3}(?=\S) | (?<=\S)_{1,3}(?!\w)
    | ~~(?=\S) | (?<=\S)~~
    | (?<=&)(?:amp;)
    """,
    re.VERBOSE | re.DOTALL,
)


def markdown_paragraphs(lines: Iterable[Line], *, document: str, place: str) -> Iterator[Passage]:
    """Yield the paragraphs of a Markdown file, without mark-up.

    Headings, list items and rows of a table are passages of their own. Code blocks, front matter, definitions of links,
    images and HTML tags are left out; of a link, its text is kept.

    Args:
        lines: The lines in order, blank ones included.
        document: Name of the document.
        place: Source of the passages, to which the number of the line is added.
    """
    for raw in paragraphs(_blocks(lines), document=document, place=place):
        spans = [span for span in _text_spans(raw.text) if span[0] < span[1]]
        while spans and raw.text[spans[0][0]].isspace():
            spans[0] = (spans[0][0] + 1, spans[0][1])
            spans = spans if spans[0][0] < spans[0][1] else spans[1:]
        if spans and any(raw.text[start:end].strip() for start, end in spans):
            yield kept(raw, spans)


def _blocks(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines with marks of blocks removed, and blank ones in the place of what is no running text."""
    fence = ""
    front_matter = in_list = False
    blank_before = True
    for number, line in enumerate(lines):
        blank = replace(line, text="", alone=False)
        text = line.text.rstrip()
        if number == 0 and text == "---":
            front_matter = True
            yield blank
            continue
        if front_matter:
            front_matter = text not in ("---", "...")
            yield blank
            continue
        opening = _FENCE.match(text)
        if fence:
            if opening and opening[1].startswith(fence) and not text[opening.end() :].strip():
                fence = ""
            yield blank
            continue
        if opening:
            fence = opening[1]
            yield blank
            continue
        in_list = bool(_LIST_ITEM.match(text)) or (in_list and (not text or text[0].isspace()))
        if _DEFINITION.match(text) or (blank_before and not in_list and text and _INDENTED_CODE.match(text)):
            yield blank
            continue
        blank_before = not text
        yield _unmarked(line)


def _unmarked(line: Line) -> Line:
    text = line.text
    if heading := _HEADING.match(text):
        end = len(text.rstrip().rstrip("#").rstrip())
        return replace(line, text=text[heading.end() : end], start=line.start + heading.end(), alone=True)
    if _TABLE_ROW.match(text):
        row = text.replace("|", " ")
        return replace(line, text=row if re.search(r"[^\W_]", row) else "", alone=True)
    if quote := _QUOTE.match(text):
        return replace(line, text=text[quote.end() :], start=line.start + quote.end())
    if task := _TASK.match(text):
        # the bullet stays, so that the line is known as a list item
        mark = "- "
        return replace(line, text=mark + text[task.end() :], start=line.start + task.end() - len(mark))
    return line


def _text_spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _INLINE.finditer(text):
        yield start, match.start()
        for group in ("keep", "keep2"):
            if match[group]:
                yield match.span(group)
        start = match.end()
    yield start, len(text)
