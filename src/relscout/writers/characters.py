"""Characters that a format cannot hold, replaced one by one by U+FFFD, so that character offsets stay true.

Python strings may hold lone surrogates, which come from escapes in JSON; UTF-8 has no bytes for them.
"""

from __future__ import annotations

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_SURROGATES = re.compile("[\ud800-\udfff]")
_SURROGATES_AND_NUL = re.compile("[\x00\ud800-\udfff]")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encodable(text: str) -> str:
    """Return ``text`` with every lone surrogate replaced: what UTF-8 can hold."""
    return _SURROGATES.sub(REPLACEMENT, text)


def literal(text: str) -> str:
    """Return ``text`` with every lone surrogate and NUL replaced: what an ``xsd:string`` can hold."""
    return _SURROGATES_AND_NUL.sub(REPLACEMENT, text)


def xml(text: str) -> str:
    """Return ``text`` with control characters, lone surrogates, U+FFFE and U+FFFF replaced: what fits XML."""
    return _NOT_XML.sub(REPLACEMENT, text)
