"""HTML pages: the running text of each block, by lxml."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from relscout.errors import InputError, MissingExtraError
from relscout.text.paragraphs import pieces
from relscout.text.sentences import Passage

if TYPE_CHECKING:
    from lxml.html import HtmlElement

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
_INLINE = frozenset(_WITHIN.split())
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
    for block, line in _blocks(root):
        for piece in pieces(block, start=start, number=line):
            content_text = piece.text.strip()
            begin = piece.start + len(piece.text) - len(piece.text.lstrip())
            if content_text:
                yield Passage(content_text, document, begin, f"{document}, line {line}")
        start += len(block) + len(_BETWEEN)


def _blocks(root: HtmlElement) -> Iterator[tuple[str, int]]:
    """Yield the text of each block, with the line of the element that it is in."""
    from lxml import etree

    text: list[str] = []
    line = 1
    skipped = 0

    def block() -> Iterator[tuple[str, int]]:
        found = _SPACE.sub(" ", "".join(text)).strip()
        text.clear()
        if found:
            yield found, line

    # iterwalk does not recurse, so a page nested a million deep does no harm
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name: Any = element.tag
        if event == "start":
            if skipped or _is_skipped(element):
                skipped += 1
                continue
            if name == "br":
                text.append("\n")
            elif name not in _INLINE:
                yield from block()
                line = element.sourceline or line
            text.append(element.text or "")
        else:
            if skipped:
                skipped -= 1
            elif name not in _INLINE and name != "br":
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
