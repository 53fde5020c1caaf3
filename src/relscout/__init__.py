"""Open relation extraction: find the relations in a corpus, name them, and give back triples.

Everything here is loaded when it is first used, so that importing relscout is quick and needs no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relscout.corpus import bundled_corpus
    from relscout.discovery import Discovery, Relation, discover, load
    from relscout.encoders import EncoderSettings, TransformerEncoder, VectorCache
    from relscout.errors import RelscoutError
    from relscout.instances import Mention, RelationInstance
    from relscout.metrics import score
    from relscout.readers import read
    from relscout.triples import Entity, Fact, Triple
    from relscout.writers import write, write_facts

_HOMES = {
    "Discovery": "discovery",
    "EncoderSettings": "encoders",
    "Entity": "triples",
    "Fact": "triples",
    "Mention": "instances",
    "Relation": "discovery",
    "RelationInstance": "instances",
    "RelscoutError": "errors",
    "TransformerEncoder": "encoders",
    "Triple": "triples",
    "VectorCache": "encoders",
    "bundled_corpus": "corpus",
    "discover": "discovery",
    "load": "discovery",
    "read": "readers",
    "score": "metrics",
    "write": "writers",
    "write_facts": "writers",
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
