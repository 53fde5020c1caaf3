from __future__ import annotations

from collections.abc import Callable

import pytest

from relscout.core.instances import Entity, Fact, Mention, Polarity, RelationInstance, Triple

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
        document: str = "",
        document_start: int | None = None,
        related: float | None = None,
        polarity: Polarity = "asserted",
    ) -> Triple:
        text = f"{head} {verb} {tail}."
        start = len(head) + len(verb) + 2
        instance = RelationInstance(
            text,
            Mention(0, len(head), types[0], ids[0]),
            Mention(start, start + len(tail), types[1], ids[1]),
            id=instance_id,
            source=source,
            document=document,
            document_start=document_start,
        )
        return Triple(instance, relation_id, relation, confidence, related, polarity)

    return make


@pytest.fixture
def nasty_triple(nasty: str, make_triple: Callable[..., Triple]) -> Triple:
    """A triple with the nasty text in all its places."""
    return make_triple(
        nasty, "Ulm", verb=nasty, relation=nasty, types=(nasty, "CITY"), instance_id=nasty, source=nasty
    )


@pytest.fixture
def make_fact() -> Callable[..., Fact]:
    """A fact of two sentences in one document about two entities."""

    def make(
        head: str = "Albert Einstein",
        tail: str = "Ulm",
        *,
        relation: str = "born in",
        relation_id: int = 0,
        types: tuple[str | None, str | None] = ("PERSON", "CITY"),
        entity_ids: tuple[str | None, str | None] = (None, None),
        aliases: tuple[str, ...] = (),
        evidence: tuple[str, ...] = ("a1", "a2"),
    ) -> Fact:
        ends = [
            Entity(
                id=entity_id or f"made-{name}",
                name=name,
                type=kind,
                aliases=(name, *more),
                mentions=3,
                documents=2,
                entity_ids=(entity_id,) if entity_id else (),
            )
            for name, kind, entity_id, more in zip(
                (head, tail), types, entity_ids, (aliases, ()), strict=True
            )
        ]
        return Fact(ends[0], relation_id, relation, ends[1], 2, 1, 0.75, evidence)

    return make


@pytest.fixture
def nasty_fact(nasty: str, make_fact: Callable[..., Fact]) -> Fact:
    """A fact with the nasty text in all its places."""
    return make_fact(
        nasty, "Ulm", relation=nasty, types=(nasty, "CITY"), aliases=(nasty[::-1],), evidence=(nasty,)
    )
