"""Sentences of Wikipedia whose links are the entities, for distant alignment (Peng et al. 2020, appendix A).

Reads what WikiExtractor writes with ``--links``: JSON Lines with the fields ``title`` and ``text`` (``--json``), or
articles between ``<doc … title="…">`` and ``</doc>``; links are ``<a href="Marie%20Curie">Curie</a>``.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from relscout.core.errors import InputError, RecordError
from relscout.core.files import lines
from relscout.core.instances import Mention, RelationInstance
from relscout.io.packing import unpacked
from relscout.text import MarkedSentence, sentence_spans
from relscout.text.pairs import Pairing, pairs

_ANCHOR = re.compile(r'<a\s+href="([^"]*)"[^>]*>(.*?)</a>', re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_DOC = re.compile(r'<doc\b[^>]*\btitle="([^"]*)"[^>]*>', re.IGNORECASE)
#: Links to other sites, and to pages that are about no entity.
_NO_ENTITY = re.compile(
    r"[a-z]+://|//|#|(?:file|image|category|wikipedia|help|template|special|portal):", re.IGNORECASE
)
#: Shortest name that is marked where it occurs again, in characters.
_SHORTEST_NAME = 3


@dataclass(frozen=True, slots=True)
class Article:
    """An article of Wikipedia.

    Args:
        title: Its title.
        paragraphs: Its lines, with links.
        source: File and line, for messages.
    """

    title: str
    paragraphs: tuple[str, ...]
    source: str


def read_articles(path: Path) -> Iterator[Article]:
    """Yield the articles of a file that WikiExtractor wrote, plain or packed.

    Raises:
        InputError: The file cannot be read.
        RecordError: A line is neither an article nor in one.
    """
    title: str | None = None
    place, paragraphs = "", list[str]()
    with unpacked(path) as raw, io.TextIOWrapper(raw, encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            content = line.strip()
            if title is None and content.startswith("{"):
                yield _of_json(content, f"{path}, line {number}", path, number)
            elif title is None and (opening := _DOC.match(content)):
                title, place, paragraphs = html.unescape(opening[1]), f"{path}, line {number}", []
            elif title is not None and content == "</doc>":
                yield Article(title, tuple(paragraphs), place)
                title = None
            elif title is not None:
                paragraphs.append(content)
            elif content:
                raise RecordError(path, f"line {number}", _EXPECTED.format(content[:60]))
    if title is not None:
        raise InputError(
            f"{place}: the article {title!r} has no end; expected a line </doc>, so the file is cut off"
        )


_EXPECTED = (
    "{!r} begins no article; expected JSON with the fields 'title' and 'text', or a line <doc … title=\"…\">, as "
    "WikiExtractor writes them with --links"
)


def _of_json(content: str, source: str, path: Path, number: int) -> Article:
    try:
        record = json.loads(content)
        title, text = record["title"], record["text"]
        if not isinstance(title, str) or not isinstance(text, str):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordError(path, f"line {number}", _EXPECTED.format(content[:60])) from None
    return Article(title, tuple(text.splitlines()), source)


def read_identifiers(path: Path) -> dict[str, str]:
    """Read a table of ``title<TAB>identifier``, such as ``Marie Curie<TAB>Q7186``; of a title, the first line counts.

    Raises:
        RecordError: A line has another form.
        InputError: The file cannot be read.
    """
    identifiers: dict[str, str] = {}
    for number, line in lines(path):
        title, tab, identifier = line.partition("\t")
        if not tab or not title.strip() or not identifier.strip():
            raise RecordError(
                path,
                f"line {number}",
                f"{line[:60]!r} is no pair of title and identifier; expected title<TAB>identifier",
            )
        identifiers.setdefault(titled(title), identifier.strip())
    return identifiers


def titled(link: str) -> str:
    """Return the title of the page that a link leads to: ``marie_Curie#Life`` leads to ``Marie Curie``."""
    title = " ".join(link.partition("#")[0].replace("_", " ").split())
    return title[:1].upper() + title[1:]


def anchored_sentences(
    article: Article, *, identifiers: Mapping[str, str] | None = None, repeats: bool = True
) -> Iterator[MarkedSentence]:
    """Yield the sentences of an article, with its links as mentions.

    The identifier of a mention is the title of the page with ``_`` for spaces, as in DBpedia, or that of
    ``identifiers``; without an entry there, it has none.

    Args:
        article: The article.
        identifiers: Title of a page → identifier in a knowledge graph, such as Wikidata's.
        repeats: Whether names are also marked where they occur again: Wikipedia links an entity once, and an article
            does not link to itself.
    """
    bare = [_without_links(paragraph) for paragraph in article.paragraphs]
    pages = {article.title: titled(article.title)} if repeats else {}
    for text, links in bare:
        for start, end, page in links:
            pages.setdefault(text[start:end], page)
    names = sorted((name for name in pages if len(name) >= _SHORTEST_NAME), key=len, reverse=True)
    again = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)") if names and repeats else None
    for text, links in bare:
        taken = list(links)
        if again is not None:
            for name in again.finditer(text):
                if all(name.end() <= start or name.start() >= end for start, end, _ in links):
                    taken.append((name.start(), name.end(), pages[name[0]]))
        taken.sort()
        for begin, finish in sentence_spans(text, [(start, end) for start, end, _ in taken]):
            mentions = [
                Mention(start - begin, end - begin, entity_id=_identifier(page, identifiers))
                for start, end, page in taken
                if begin <= start and end <= finish
            ]
            yield MarkedSentence(text[begin:finish], mentions, article.source, article.title)


def _identifier(page: str, identifiers: Mapping[str, str] | None) -> str | None:
    return page.replace(" ", "_") if identifiers is None else identifiers.get(page)


def _without_links(paragraph: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Return the text of a paragraph, and start, end and page of each link to an article."""
    if "&lt;a href" in paragraph:  # newer versions of WikiExtractor escape the mark-up
        paragraph = html.unescape(paragraph)
    pieces: list[str] = []
    links: list[tuple[int, int, str]] = []
    length = last = 0
    for anchor in _ANCHOR.finditer(paragraph):
        before, inside = (
            html.unescape(_TAG.sub("", text)) for text in (paragraph[last : anchor.start()], anchor[2])
        )
        pieces += [before, inside]
        start = length + len(before) + len(inside) - len(inside.lstrip())
        length += len(before) + len(inside)
        end = length - (len(inside) - len(inside.rstrip()))
        target = unquote(html.unescape(anchor[1]))
        if start < end and titled(target) and not _NO_ENTITY.match(target):
            links.append((start, end, titled(target)))
        last = anchor.end()
    pieces.append(html.unescape(_TAG.sub("", paragraph[last:])))
    return "".join(pieces), links


def anchored_instances(
    paths: Iterable[Path], *, identifiers: Mapping[str, str] | None = None, repeats: bool = True
) -> Iterator[RelationInstance]:
    """Yield every pair of linked entities of each sentence, the first mention as head.

    :func:`relscout.alignment.align` gives them relations, and exchanges head and tail where the graph has them so.

    Args:
        paths: Files that WikiExtractor wrote.
        identifiers: As in :func:`anchored_sentences`.
        repeats: As in :func:`anchored_sentences`.

    Raises:
        InputError: A file cannot be read.
        RecordError: A line is neither an article nor in one.
    """
    pairing = Pairing(directions="forward")
    for path in paths:
        for article in read_articles(path):
            for sentence in anchored_sentences(article, identifiers=identifiers, repeats=repeats):
                yield from pairs(sentence, pairing)
