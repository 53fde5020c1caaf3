"""ChemProt as JSON Lines: ``<< head >>`` and ``[[ tail ]]`` marked inside the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from relscout.core.errors import InputError, RecordError
from relscout.core.instances import Mention, RelationInstance
from relscout.io.readers.json_stream import records
from relscout.io.readers.source import Source, attempt, optional_text, require
from relscout.io.readers.tokens import Markup

DESCRIPTION = "ChemProt: JSON Lines, << head >> and [[ tail ]] marked in the text"

# With their blank: chemical names hold brackets of their own (6[[(3-iodophenyl)), rankings hold arrows (A>>B)
_HEAD_MARKERS = ("<< ", " >>")
_TAIL_MARKERS = ("[[ ", " ]]")
_TEXT_FIELD = re.compile(r'(?<!\\)"text"\s*:\s*"((?:[^"\\]|\\.)*+)')


def sniff(source: Source) -> bool:
    """Return whether a JSON object at the start has a ``text`` with both pairs of markers."""
    sample = source.sample_text
    if not sample.lstrip().startswith(("{", "[")):
        return False
    texts = (match[1] for match in _TEXT_FIELD.finditer(sample))
    return any(all(marker in text for marker in (*_HEAD_MARKERS, *_TAIL_MARKERS)) for text in texts)


def read(source: Source) -> Iterator[RelationInstance | RecordError]:
    """Yield one instance per record; ``label`` is the relation, which is unknown if missing or null."""
    for place, record in records(source, ("text",), published="lines"):
        yield attempt(source, place, record, _instance)


def _instance(record: Any, provenance: str) -> RelationInstance:
    marked = require(record, "text", str)
    head_open, head_close = _markers(marked, "head", *_HEAD_MARKERS)
    tail_open, tail_close = _markers(marked, "tail", *_TAIL_MARKERS)
    markup = Markup(marked, [head_open, head_close, tail_open, tail_close])
    return RelationInstance(
        markup.text,
        Mention(markup.offset(head_open[1]), markup.offset(head_close[0])),
        Mention(markup.offset(tail_open[1]), markup.offset(tail_close[0])),
        relation=optional_text(record, "label"),
        source=provenance,
    )


def _markers(marked: str, role: str, opening: str, closing: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the spans of the opening marker and of the first closing one after it."""
    if (count := marked.count(opening)) != 1:
        raise InputError(f"the {role} is opened {count} times with {opening!r}; expected exactly once")
    start = marked.index(opening) + len(opening)
    end = marked.find(closing, start)
    if end < 0:
        raise InputError(f"the {role} is opened with {opening!r} but not closed with {closing!r} after it")
    return (start - len(opening), start), (end, end + len(closing))
