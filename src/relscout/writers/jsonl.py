"""JSON Lines: one object per triple, the format that keeps every character as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relscout.instances import Mention
from relscout.triples import Triple
from relscout.writers.characters import REPLACEMENT
from relscout.writers.textfile import text_file

DESCRIPTION = "JSON Lines, one object per triple with its sentence"

# legal inside JSON strings, but many tools (str.splitlines among them) break lines there
_LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})

# as escapes, a high and a low surrogate that stand apart in Python would be read as one character
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def write(triples: Iterable[Triple], path: Path) -> None:
    """Write one JSON object per line, in UTF-8; only control characters and lone surrogates are escaped.

    Raises:
        OutputError: The file cannot be written.
    """
    # Python's backslash escape of a lone surrogate is, letter by letter, the one of JSON
    with text_file(path, errors="backslashreplace") as stream:
        for triple in triples:
            line = json.dumps(_record(triple), ensure_ascii=False, allow_nan=False)
            line = _SURROGATE_PAIR.sub(REPLACEMENT * 2, line)
            stream.write(line.translate(_LINE_BREAKS) + "\n")


def _record(triple: Triple) -> dict[str, Any]:
    instance = triple.instance
    return {
        "head": _mention(instance.head, instance.head_text),
        "relation": triple.relation,
        "relation_id": int(triple.relation_id),
        "tail": _mention(instance.tail, instance.tail_text),
        "confidence": float(triple.confidence),
        "text": instance.text,
        "id": instance.id,
        "source": instance.source,
    }


def _mention(mention: Mention, surface: str) -> dict[str, Any]:
    return {
        "text": surface,
        "type": mention.type,
        "entity_id": mention.entity_id,
        "start": mention.start,
        "end": mention.end,
    }
