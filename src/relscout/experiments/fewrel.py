"""Protocols on FewRel and Wiki80: 16 novel relations, 64 pre-defined ones, and draws of these for development."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from relscout.errors import InputError
from relscout.experiments import tasks
from relscout.experiments.tasks import Task, everything
from relscout.instances import RelationInstance, canonical_order
from relscout.readers import read
from relscout.seeding import generator

#: Three fixed draws of 16 of the pre-defined relations, on which every choice is made.
DRAWS = "ABC"
_DRAW_SIZE = 16
_DRAW_SEED = 20260101
#: Instances of the novel relations that RoCORE scores, of 11,200: 1/7.
_TEST_SIZE = 1600


def unsupervised(data: Path) -> Task:
    """Return the 11,200 instances of FewRel's 16 validation relations."""
    return everything(novel(data))


def nyt_unsupervised(data: Path) -> Task:
    """Return the 2,500 instances of 25 relations on New York Times text."""
    return everything(list(read(data / "fewrel" / "val_nyt.json")))


def transfer(data: Path) -> Task:
    """Return RoCORE's setting: the pre-defined relations labelled, the novel ones clustered, unseen ones scored."""
    found = novel(data)
    if len(found) <= _TEST_SIZE:
        raise InputError(
            f"{data / 'fewrel' / 'val_wiki.json'} holds {len(found)} instances; {_TEST_SIZE} of them are "
            "scored unseen, so expected more: 11,200"
        )
    ordered = [found[place] for place in canonical_order(found)]
    shuffled = [ordered[place] for place in generator(0, "fewrel-transfer split").permutation(len(ordered))]
    return Task(shuffled[_TEST_SIZE:], shuffled[:_TEST_SIZE], predefined(data))


def development(draw: str) -> Callable[[Path], Task]:
    """Return what loads a draw of 16 pre-defined relations, clustered without labels."""

    def load(data: Path) -> Task:
        chosen, _ = drawn(data, draw)
        return everything(chosen)

    return load


def development_transfer(draw: str) -> Callable[[Path], Task]:
    """Return what loads a draw of 16 pre-defined relations, the other 48 labelled."""

    def load(data: Path) -> Task:
        chosen, others = drawn(data, draw)
        return Task(chosen, chosen, others)

    return load


def predefined(data: Path) -> list[RelationInstance]:
    """Return Wiki80's instances of the 64 pre-defined relations: none of FewRel's 16 novel ones, no duplicates."""
    folder = data / "fewrel"
    named = read(folder / "val_wiki.json", relation_names=folder / "pid2name.json")
    left_out = {one.relation for one in named}
    return [one for one in tasks.wiki80(data) if one.relation not in left_out]


def novel(data: Path) -> list[RelationInstance]:
    """Return the instances of FewRel's 16 validation relations."""
    return list(read(data / "fewrel" / "val_wiki.json"))


def drawn(data: Path, draw: str) -> tuple[list[RelationInstance], list[RelationInstance]]:
    """Return the instances of a draw's relations, and those of all others."""
    instances = predefined(data)
    relations = sorted({str(instance.relation) for instance in instances})
    # one generator for all draws, in their order: the draws that every choice so far was made on
    random = np.random.default_rng(_DRAW_SEED)
    permutations = {name: random.permutation(relations) for name in DRAWS}
    chosen = set(permutations[draw][:_DRAW_SIZE].tolist())
    return (
        [instance for instance in instances if instance.relation in chosen],
        [instance for instance in instances if instance.relation not in chosen],
    )
