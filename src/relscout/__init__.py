"""Open relation extraction: find the relations in a corpus, name them, and return triples.

Names are imported on first use, so that importing relscout is quick and does not load PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relscout.core.errors import RelscoutError
    from relscout.core.instances import Entity, Fact, Mention, RelationInstance, Triple
    from relscout.discovery import Discovery, Relation, discover, load
    from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
    from relscout.io.readers import read
    from relscout.io.writers import write, write_facts
    from relscout.metrics import score
    from relscout.text.corpus import bundled_corpus

_HOMES = {
    "Discovery": "discovery",
    "EncoderSettings": "encoders",
    "Entity": "core.instances",
    "Fact": "core.instances",
    "Mention": "core.instances",
    "Relation": "discovery",
    "RelationInstance": "core.instances",
    "RelscoutError": "core.errors",
    "TransformerEncoder": "encoders",
    "Triple": "core.instances",
    "VectorCache": "encoders",
    "bundled_corpus": "text.corpus",
    "discover": "discovery",
    "load": "discovery",
    "read": "io.readers",
    "score": "metrics",
    "write": "io.writers",
    "write_facts": "io.writers",
}

__all__ = [
    "Discovery",
    "EncoderSettings",
    "Entity",
    "Fact",
    "Mention",
    "Relation",
    "RelationInstance",
    "RelscoutError",
    "TransformerEncoder",
    "Triple",
    "VectorCache",
    "bundled_corpus",
    "discover",
    "load",
    "read",
    "score",
    "write",
    "write_facts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
