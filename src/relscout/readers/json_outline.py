"""What keys the first JSON objects of a file have, even where the sample breaks off in the middle of them."""

from __future__ import annotations

import re

from relscout.readers.source import Source

#: A string (perhaps broken off), with the first character of what it is the key of; or a bracket.
_TOKEN = re.compile(
    r'"(?P<string>[^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)(?P<is_key>\s*:\s*(?=(?P<value>.?)))?|[\[\]{}]', re.DOTALL
)
_MOST_OBJECTS = 5
_DEEPEST = 20


def outlines(text: str, within: str = "") -> list[dict[str, str]]:
    """Return the keys of the first five objects, each with the first character of its value.

    Args:
        text: The beginning of a JSON text.
        within: The brackets that are open around the objects that are meant: ``"["`` for the items of a list,
            ``"{["`` for the items of lists in an object, ``""`` for the text's one object.
    """
    if text.lstrip()[:1] != f"{within}{{"[0]:
        return []
    found: list[dict[str, str]] = []
    opened: list[str] = []
    here = [*within, "{"]
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("{", "["):
            opened.append(token)
            if opened == here:
                if len(found) == _MOST_OBJECTS:
                    break
                found.append({})
            if len(opened) > _DEEPEST:
                break
        elif token in ("}", "]"):
            del opened[-1:]
        elif match["is_key"] is not None and opened == here:
            found[-1][match["string"]] = match["value"]
    return found


def line_outlines(source: Source) -> list[dict[str, str]]:
    """Return the keys of the objects on the first five lines of a JSON Lines file, see :func:`outlines`."""
    text = source.sample_text.lstrip()
    if not text.startswith("{"):
        return []
    lines = [line for line in text.split("\n") if line.strip()]
    return [outline for line in lines[:_MOST_OBJECTS] for outline in outlines(line)[:1]]
