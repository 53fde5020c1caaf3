"""Running text of Markdown, HTML and PDF files."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from relscout.core.errors import InputError, MissingExtraError
from relscout.text import Passage
from relscout.text.paragraphs import Line, joined, lines_of, paragraphs, pieces, selected

if TYPE_CHECKING:
    from lxml.html import HtmlElement


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
            yield selected(raw, spans)


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


_NO_TEXT = (
    "script style noscript template head nav footer form button select textarea svg math iframe object "
    "video audio canvas map code kbd samp"
)
#: Elements whose content is no running text of the page.
_SKIPPED = frozenset(_NO_TEXT.split())
_WITHIN = (
    "a abbr acronym b bdi bdo big cite data del dfn em font i ins label mark q rp rt ruby s small span "
    "strike strong sub sup time tt u var wbr"
)
#: Elements that stand inside a paragraph; any other one begins a new passage.
_INLINE_TAGS = frozenset(_WITHIN.split())
_FOOTNOTE = re.compile(r"\s*\[\s*[\w ]{1,12}\s*\]\s*$")
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\x00-\x1f\x7f-\x9f]+")
_BETWEEN = "\n\n"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def web_page_passages(content: bytes, *, document: str, path: object) -> Iterator[Passage]:
    """Yield the text of the blocks of an HTML page: paragraphs, headings, list items, cells of tables.

    Offsets count the characters of the page's text: its passages in order, with two line breaks between them. Scripts,
    forms, navigation, code, what is hidden, and references to footnotes are left out. The encoding is that of the
    byte-order mark or of the page's ``<meta charset>``; else UTF-8.

    Args:
        content: The page.
        document: Name of the document.
        path: The file, for errors.

    Raises:
        MissingExtraError: lxml is not installed.
        InputError: The page is not in the encoding that it states.
    """
    try:
        from lxml import html
    except ImportError as error:
        raise MissingExtraError("reading HTML pages", "html") from error
    text = _decoded(content, path)
    # an encoding stated inside the text would contradict that it is text already
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text).replace("\x00", "\ufffd")
    if not text.strip():
        return
    root = html.document_fromstring(
        text, parser=html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    )
    start = 0
    for block, line in _html_blocks(root):
        for piece in pieces(block, start=start, number=line):
            if piece.text.strip():
                yield joined([piece], document=document, place=f"{document}, line")
        start += len(block) + len(_BETWEEN)


def _html_blocks(root: HtmlElement) -> Iterator[tuple[str, int]]:
    """Yield the text of each block, with the line of the element that it is in."""
    from lxml import etree

    text: list[str] = []
    line = 1
    skipped = 0

    def block() -> Iterator[tuple[str, int]]:
        content = _SPACE.sub(" ", "".join(text)).strip()
        text.clear()
        if content:
            yield content, line

    # iterwalk does not recurse, so a page nested a million deep does no harm
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name: Any = element.tag
        if event == "start":
            if skipped or _is_skipped(element):
                skipped += 1
                continue
            if name == "br":
                text.append("\n")
            elif name not in _INLINE_TAGS:
                yield from block()
                line = element.sourceline or line
            text.append(element.text or "")
        else:
            if skipped:
                skipped -= 1
            elif name not in _INLINE_TAGS and name != "br":
                yield from block()
            if not skipped:
                text.append(element.tail or "")
    yield from block()


def _is_skipped(element: HtmlElement) -> bool:
    if element.tag in _SKIPPED or "hidden" in element.attrib or element.get("aria-hidden") == "true":
        return True
    if re.search(r"display\s*:\s*none", element.get("style", "")):
        return True
    return element.tag == "sup" and _FOOTNOTE.match("".join(element.itertext())) is not None


def _decoded(content: bytes, path: object) -> str:
    marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    stated = _CHARSET.search(content[:4096])
    encoding = marked or (stated[1].decode("ascii") if stated else "utf-8")
    try:
        codec = codecs.lookup(encoding).name
        # browsers read Latin-1 as Windows-1252, since that is what pages mean
        return content.decode("cp1252" if codec in ("iso8859-1", "ascii") else codec, "strict")
    except LookupError as error:
        raise InputError(
            f"{path}: the page states the encoding {encoding!r}, which is not known; save it as UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not {encoding}; save the page as UTF-8"
        ) from error


#: Lines at the top and at the bottom of a page that may be running heads.
_MARGIN = 2
#: What stands there on at least this share of the pages, and on three of them, is one.
_REPEATED = 0.3
_FEWEST = 3
_PAGE_NUMBER = re.compile(
    r"\W*(?:page\s*)?(?:\d{1,4}|[ivxlc]{1,6})(?:\s*(?:of|/)\s*\d{1,4})?\W*$", re.IGNORECASE
)


def pdf_passages(stream: IO[bytes], *, document: str, path: object) -> Iterator[Passage]:
    """Yield the paragraphs of a PDF file; one may go over the end of a page.

    Offsets count the characters of the file's text: its pages as pypdf reads them, with one line break between them.
    The source of a passage is its page.

    Args:
        stream: The file, opened for reading at any place.
        document: Name of the document.
        path: The file, for errors.

    Raises:
        MissingExtraError: pypdf is not installed.
        InputError: The file is damaged, locked by a password, or holds no text, as scanned pages do.
    """
    pages = _pages(stream, path)
    if not any(page.strip() for page in pages):
        raise InputError(
            f"{path}: no text in its {len(pages)} pages; if they are scanned, recognise the text first, for example "
            "with ocrmypdf"
        )
    yield from paragraphs(page_lines(pages), document=document, place=f"{document}, page")


def page_lines(pages: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of pages, numbered by page, without running heads and page numbers.

    Args:
        pages: The text of each page.
    """
    lines: list[list[Line]] = []
    start = 0
    for number, page in enumerate(pages, 1):
        filled = [line for line in lines_of(page, start=start) if line.text.strip()]
        lines.append([replace(line, number=number) for line in filled])
        start += len(page) + 1
    margins = Counter(
        key for page in lines for key in {_key(line) for line in page[:_MARGIN] + page[-_MARGIN:]}
    )
    often = max(_FEWEST, _REPEATED * len(pages))
    for on_page in lines:
        for place, line in enumerate(on_page):
            last = len(on_page) - 1
            if (place < _MARGIN or place > last - _MARGIN) and margins[_key(line)] >= often:
                continue
            if place in (0, last) and last and _PAGE_NUMBER.match(line.text):
                continue
            yield line


def _key(line: Line) -> str:
    return re.sub(r"\d+", "0", " ".join(line.text.split())).casefold()


def _pages(stream: IO[bytes], path: object) -> list[str]:
    try:
        import pypdf
    except ImportError as error:
        raise MissingExtraError("reading PDF files", "pdf") from error
    import logging

    log = logging.getLogger("pypdf")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it reports each oddity of a file that it can read all the same
    try:
        reader: Any = pypdf.PdfReader(stream)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError(f"{path}: the PDF file is locked by a password; save it without one")
        # half a surrogate pair, which broken fonts give, is no text
        return [
            (page.extract_text() or "").encode("utf-8", "replace").decode("utf-8") for page in reader.pages
        ]
    except InputError:
        raise
    except Exception as error:  # pypdf raises what its parser runs into, of any class
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(f"{path}: the PDF file is damaged or cannot be read ({reason})") from error
    finally:
        log.setLevel(level)
