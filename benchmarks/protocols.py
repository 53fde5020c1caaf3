"""The data of every protocol, from a folder with the public files in their published names.

``fewrel/val_wiki.json``, ``fewrel/val_nyt.json``, ``fewrel/pid2name.json``, ``wiki80/*.txt`` and ``nyt_fb/*.json``.
Gold relations are for scoring only: ``discover`` removes them before any method sees an instance.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from relscout import RelationInstance, read

_DRAWS = "ABC"
_DRAW_SIZE = 16
_DRAW_SEED = 20260101


def fewrel_unsupervised(data: Path) -> list[RelationInstance]:
    """Return the 11,200 instances of FewRel's 16 validation relations."""
    return list(read(data / "fewrel" / "val_wiki.json"))


def fewrel_nyt_unsupervised(data: Path) -> list[RelationInstance]:
    """Return the 2,500 instances of 25 relations on New York Times text."""
    return list(read(data / "fewrel" / "val_nyt.json"))


def nytfb_unsupervised(data: Path) -> tuple[list[RelationInstance], list[RelationInstance]]:
    """Return ``train`` and ``validate`` of the NYT+FB sample; records without both entities are left out."""
    return tuple(
        list(read(data / "nyt_fb" / f"{part}_sentence.json", on_error="skip"))
        for part in ("train", "validate")
    )  # type: ignore[return-value]


def predefined(data: Path) -> list[RelationInstance]:
    """Return Wiki80's instances of the 64 pre-defined relations: none of FewRel's 16 novel ones, no duplicates."""
    names = json.loads((data / "fewrel" / "pid2name.json").read_text(encoding="utf-8"))
    novel = {names[one.relation][0] for one in fewrel_unsupervised(data) if one.relation}
    found: dict[str, RelationInstance] = {}
    for part in ("dev", "train_0.1", "train_0.1_untyped"):
        for instance in read(data / "wiki80" / f"{part}.txt"):
            if instance.relation not in novel:
                found.setdefault(instance.id, instance)
    return [found[key] for key in sorted(found)]


def development_draws(data: Path) -> dict[str, list[RelationInstance]]:
    """Return three fixed draws of 16 of the 64 pre-defined relations, on which every choice is made."""
    instances = predefined(data)
    relations = sorted({str(instance.relation) for instance in instances})
    random = np.random.default_rng(_DRAW_SEED)
    draws = {}
    for name in _DRAWS:
        chosen = set(random.permutation(relations)[:_DRAW_SIZE].tolist())
        draws[f"dev-{name}"] = [instance for instance in instances if instance.relation in chosen]
    return draws
