"""Warnings about what an encoder cannot read: sentences that are too long, scripts that it does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from relscout.encoders.precomputed import underlying

_SENTENCES = {
    "context": "words before or after both entities were left out: the input exceeds the maximum length",
    "between": "words between the entities were left out: the entities are too far apart for the maximum length",
    "mention": "an entity was cut: it exceeds the maximum length",
}


def loss_warnings(lost: Counter[str]) -> list[str]:
    """Return one sentence for each kind of loss (see :func:`relscout.encoders.window.fit`) and its count."""
    return [
        f"in {count} {'instance' if count == 1 else 'instances'}, {_SENTENCES[what]}"
        for what, count in sorted(lost.items())
    ]


#: Share of unknown tokens above which a user is warned.
MOST_UNKNOWN = 0.05
_MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"


def known_share(encoder: object, texts: Sequence[str]) -> float:
    """Return the share of the texts' tokens that an encoder knows, in [0, 1].

    It is 1 for an encoder that does not say, and where next to all are known.
    """
    unknown_share = getattr(underlying(encoder), "unknown_share", None)
    unknown = 0.0 if unknown_share is None else float(unknown_share(texts))
    return 1.0 if unknown <= MOST_UNKNOWN else 1.0 - unknown


def unknown_token_warning(share: float, model: str) -> str | None:
    """Return a warning where too many of the texts' tokens are unknown to the encoder; ``None`` where they are few.

    Args:
        share: Share of the tokens that are unknown, in [0, 1].
        model: Name of the encoder.
    """
    if share <= MOST_UNKNOWN:
        return None
    return (
        f"{share:.0%} of the tokens of these texts are unknown to the encoder {model!r}, which reads them all as the "
        f"same token; choose an encoder that was trained on their language, such as {_MULTILINGUAL} (--encoder)"
    )
