"""Which relations an encoder has learnt from labels, so that scores on them are not taken for those of novel ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relscout.encoders.adapters import base_of
from relscout.encoders.description import about
from relscout.wording import counted


def learnt_relations(model: str) -> frozenset[str]:
    """Return the names of the relations that an encoder, or what it was made from, has learnt from labels.

    An adapter's base model, and the encoder that a saved one was pre-trained from, are looked at in turn. What relscout
    did not save, or is no longer where it was, tells nothing. Names are those that the labels had.

    Args:
        model: Name or folder of the encoder.

    Raises:
        ArtifactError: A description is damaged.
    """
    found: set[str] = set()
    visited: set[str] = set()
    waiting = [model]
    while waiting:
        if (one := waiting.pop()) in visited:
            continue
        visited.add(one)
        made = about(one)
        found.update(str(name) for name in _listed(made.get("relations")))
        waiting += [source for source in (made.get("encoder"), base_of(one)) if isinstance(source, str)]
    return frozenset(found)


def learnt_note(model: str, relations: Iterable[str]) -> str | None:
    """Return a note that an encoder has learnt some of the scored relations from labels; ``None`` where it has not.

    Args:
        model: Name or folder of the encoder.
        relations: Names of the relations that are scored.

    Raises:
        ArtifactError: A description is damaged.
    """
    scored = set(relations)
    both = scored & learnt_relations(model)
    if not both:
        return None
    return f"the encoder {model!r} has learnt {len(both)} of the {counted(len(scored), 'scored relation')} from labels"


def _listed(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []
