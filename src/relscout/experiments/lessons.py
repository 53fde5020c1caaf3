"""Protocols in which the relations are given: what is learnt from, and what is scored.

Supervised: the relations that are scored are those that are learnt, from 1 %, 10 % or all of the labelled instances
(Peng et al. 2020, tables 1 and 5). Few-shot: episodes over relations that are not among the learnt ones (table 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from relscout.experiments import fewrel
from relscout.experiments.labelled_part import SHARE, part_of
from relscout.instances import RelationInstance
from relscout.readers import read

#: Share of the labelled instances in percent → the ending of the published file that holds it.
SHARES = {1: "_0.01", 10: "_0.1", 100: ""}


@dataclass(frozen=True)
class Lesson:
    """The instances of a protocol, all with their gold relations."""

    train: Sequence[RelationInstance]
    """What is learnt from."""
    scored: Sequence[RelationInstance]
    """What is scored: instances of the same relations, or, few-shot, of others."""
    dev: Sequence[RelationInstance] | None = None
    """Instances to select the best epoch on; ``None`` if there are only the scored ones: the last epoch counts."""
    no_relation: str | None = None
    """The relation that stands for none of the list, whose instances are no positives; ``None`` without one."""
    notes: tuple[str, ...] = ()
    """Notes about the instances."""


def files(dataset: str, share: int, *parts: str) -> tuple[str, ...]:
    """Return the files of a share of the labelled instances and of other parts, relative to the data folder."""
    return tuple(f"{dataset}/{part}.txt" for part in (f"train{SHARES[share]}", *parts))


def published_share(
    dataset: str, share: int, *, test: bool = True, no_relation: str | None = None
) -> Callable[[Path], Lesson]:
    """Return what loads a share of the labelled instances, as the authors drew and published it.

    Args:
        dataset: Folder with the files.
        share: In percent, a key of :data:`SHARES`.
        test: Whether there is a test file; else ``dev`` is scored, and nothing is left to choose an epoch on.
        no_relation: The relation that stands for none.
    """

    def load(data: Path) -> Lesson:
        parts = ("dev", "test") if test else ("dev",)
        train, dev, *rest = (list(read(data / file)) for file in files(dataset, share, *parts))
        if not rest:
            return Lesson(
                train, dev, notes=("scored on dev, so that the last epoch counts and not the best on dev",)
            )
        return Lesson(train, rest[0], dev, no_relation)

    return load


def tacred(share: int) -> Callable[[Path], Lesson]:
    """Return what loads a share of TACRED; which instances the authors drew is not published."""

    def load(data: Path) -> Lesson:
        train, dev, test = (list(read(data / "tacred" / f"{part}.json")) for part in ("train", "dev", "test"))
        drawn = part_of(train, {SHARE: share / 100})
        notes = () if share == 100 else (f"the {share} % are a draw of relscout's, of each relation",)
        return Lesson(drawn, test, dev, "no_relation", notes)

    return load


def few_shot(data: Path) -> Lesson:
    """Return Wiki80's 64 pre-defined relations to learn from, and FewRel's 16 novel ones for the episodes."""
    return Lesson(fewrel.predefined(data), fewrel.novel(data))


def few_shot_development(draw: str) -> Callable[[Path], Lesson]:
    """Return what loads a draw of 16 pre-defined relations for the episodes, and the other 48 to learn from."""

    def load(data: Path) -> Lesson:
        chosen, others = fewrel.drawn(data, draw)
        return Lesson(others, chosen)

    return load
