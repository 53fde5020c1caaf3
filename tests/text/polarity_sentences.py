"""Sentences with two marked mentions and what they say of the two: asserted, negated or hypothetical."""

from __future__ import annotations

import re
from pathlib import Path

from relscout.instances import Mention, RelationInstance

_HERE = Path(__file__).parent


def sentences(part: str) -> list[tuple[str, RelationInstance]]:
    """Return the sentences of a part (``"development"``, ``"held_out"``) with their polarity."""
    lines = (_HERE / f"polarity_{part}.txt").read_text(encoding="utf-8").splitlines()
    return [(gold, marked(sentence)) for gold, sentence in (line.split("\t") for line in lines)]


def marked(sentence: str) -> RelationInstance:
    """Return a sentence whose two mentions stand in square brackets; the earlier one is the head."""
    text, spans = "", []
    for piece in re.split(r"(\[[^]]*\])", sentence):
        if piece.startswith("["):
            spans.append(Mention(len(text), len(text) + len(piece) - 2))
            piece = piece[1:-1]
        text += piece
    head, tail = spans
    return RelationInstance(text, head, tail)
