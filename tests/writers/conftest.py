from __future__ import annotations

from collections.abc import Callable

import pytest

from relscout.instances import Mention, RelationInstance
from relscout.triples import Triple

NASTY = {
    "quotes": "\"double\" 'single' \\back\\slash\\",
    "markup": '<script>alert("&amp;")</script> ]]> & <!--',
    "separators": "a,b;c|d\tTab",
    "line breaks": "line\nfeed\r\nboth\rreturn\x85next\u2028line\u2029end",
    "control characters": "nul\x00bell\x07escape\x1bdelete\x7fend",
    "right to left": "\u202eabc\u200f \u05d0\u05d1\u200b",
    "emoji": "\U0001f600 \U0001f469\u200d\U0001f467",
    "lone surrogates": "high \ud800 low \udfff end",
    "noncharacters": "\ufffe and \uffff",
    "long": "x" * 10_000,
}


@pytest.fixture(params=NASTY.values(), ids=NASTY.keys())
def nasty(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_triple() -> Callable[..., Triple]:
    """A triple whose sentence is ``head verb tail.``; mentions may carry types and ids."""

    def make(
        head: str = "Albert Einstein",
        tail: str = "Ulm",
        *,
        verb: str = "was born in",
        relation: str = "was born in",
        relation_id: int = 0,
        confidence: float = 0.75,
        types: tuple[str | None, str | None] = ("PERSON", "CITY"),
        ids: tuple[str | None, str | None] = (None, None),
        instance_id: str = "",
        source: str = "",
    ) -> Triple:
        text = f"{head} {verb} {tail}."
        start = len(head) + len(verb) + 2
        instance = RelationInstance(
            text,
            Mention(0, len(head), types[0], ids[0]),
            Mention(start, start + len(tail), types[1], ids[1]),
            id=instance_id,
            source=source,
        )
        return Triple(instance, relation_id, relation, confidence)

    return make


@pytest.fixture
def nasty_triple(nasty: str, make_triple: Callable[..., Triple]) -> Triple:
    """A triple with the nasty text in all its places."""
    return make_triple(
        nasty, "Ulm", verb=nasty, relation=nasty, types=(nasty, "CITY"), instance_id=nasty, source=nasty
    )
