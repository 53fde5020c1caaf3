"""PDF files: the lines of their pages, by pypdf, without running heads and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

from relscout.errors import InputError, MissingExtraError
from relscout.text.paragraphs import Line, lines_of, paragraphs
from relscout.text.sentences import Passage

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
            f"{path}: no text in its {len(pages)} pages; where they are scanned, recognise the text first, for example "
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
