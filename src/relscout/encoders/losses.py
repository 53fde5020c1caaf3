"""How it is told that sentences did not fit into an encoder's length."""

from __future__ import annotations

from collections import Counter

_SENTENCES = {
    "context": "words before or behind both entities were left out: longer than the encoder reads",
    "between": "words between the entities were left out: they stand too far apart for the encoder",
    "mention": "an entity was cut: too long for the encoder",
}


def loss_warnings(lost: Counter[str]) -> list[str]:
    """Return one sentence for each kind of loss (see :func:`relscout.encoders.window.fit`) and its count."""
    return [
        f"in {count} {'instance' if count == 1 else 'instances'}, {_SENTENCES[what]}"
        for what, count in sorted(lost.items())
    ]
