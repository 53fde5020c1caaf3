"""Names of entities as they are compared: what aligns by them, and what keeps test pairs apart, mean one thing."""

from __future__ import annotations

import unicodedata


def normalized(name: str) -> str:
    """Return a name as names are compared: case, white space and Unicode form do not count.

    Compatibility forms are one with the usual ones (NFKC), so that a full-width letter or a ligature matches too.
    """
    if name.isascii():  # most are, and NFKC has nothing to do there
        return " ".join(name.lower().split())
    # folding the case can undo the normal form, as of a capital I with a dot
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())
