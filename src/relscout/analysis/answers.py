"""What a fitted model answers when it is shown less: the same weights, other inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from relscout.analysis.formats import BLANKS, FORMATS, WITH_TYPES, shown
from relscout.discovery import Discovery
from relscout.encoders import OnLoss
from relscout.errors import InputError
from relscout.instances import RelationInstance, canonical_order
from relscout.progress import Progress, silent

#: Answer of a discovery that gives an instance no relation.
NO_RELATION = "(none)"


class Classifier(Protocol):
    """What is needed of a trained relation classifier."""

    relations_: tuple[str, ...]

    def predict_proba(
        self,
        instances: Sequence[RelationInstance],
        *,
        progress: Progress = silent,
        on_loss: OnLoss | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each relation (N, R), float32."""
        ...


@dataclass(frozen=True, eq=False)
class Answers:
    """The relation that each instance was given in each input format.

    Args:
        instances: N instances, as they are.
        given: Input format → answers (N,), names of relations.
        confidences: Input format → how sure each is (N,), float32, in [0, 1].
        gold: Gold relations (N,); ``None`` where they are not known.
        n_typed: How many instances name the entity types of both head and tail.
        blanks: Words that stood for head and tail in OnlyC.
        tried: Words that were tried for that → how many of the N answers they keep.
    """

    instances: Sequence[RelationInstance]
    given: Mapping[str, Sequence[str]]
    confidences: Mapping[str, NDArray[np.float32]]
    gold: Sequence[str] | None
    n_typed: int
    blanks: tuple[str, str]
    tried: Mapping[tuple[str, str], int]

    def right(self, format: str) -> NDArray[np.bool_]:
        """Return whether each answer is the gold relation (N,).

        Raises:
            InputError: No gold relations are known.
        """
        if self.gold is None:
            raise InputError("right and wrong need gold relations, and none are known")
        return same(self.given[format], self.gold)

    def kept(self, format: str) -> NDArray[np.bool_]:
        """Return whether each answer is that of C+M (N,)."""
        return same(self.given[format], self.given["C+M"])


def same(first: Sequence[str], second: Sequence[str]) -> NDArray[np.bool_]:
    """Return where two sequences of N labels agree (N,)."""
    return np.array([one == other for one, other in zip(first, second, strict=True)], dtype=bool)


def typed(instances: Sequence[RelationInstance]) -> int:
    """Return how many instances name the entity types of both head and tail."""
    return sum(None not in one.type_pair for one in instances)


def formats_for(instances: Sequence[RelationInstance]) -> list[str]:
    """Return the input formats that say something of these instances: without any entity type, none with types."""
    any_type = any(kind is not None for one in instances for kind in one.type_pair)
    return [format for format in FORMATS if any_type or format not in WITH_TYPES]


def answers(
    model: Classifier | Discovery,
    instances: Sequence[RelationInstance],
    *,
    gold: Sequence[str] | None = None,
    progress: Progress = silent,
    on_loss: OnLoss | None = None,
) -> Answers:
    """Ask a fitted model about every instance in every input format.

    Gold relations are not shown to it. In OnlyC it is asked once with each of
    :data:`~relscout.analysis.formats.BLANKS`, and those words are taken that change the fewest answers: what others
    change is owed to what they mean, and not to the names that are gone. The best of several is flattered by chance, so
    every second instance chooses (in an order that the instances decide) and the others have no say; the answers are
    those of all, and what the other words keep is told beside.

    Args:
        model: A trained classifier, or a discovery.
        instances: N instances, at least one.
        gold: Gold relations (N,), where they are known.
        progress: Told how far each format is.
        on_loss: Told each instance that did not fit into the encoder as it is (C+M), and what was lost.

    Raises:
        InputError: There is no instance.
    """
    if not instances:
        raise InputError("there is nothing to analyse: no instance is left")
    given: dict[str, Sequence[str]] = {}
    confidences: dict[str, NDArray[np.float32]] = {}
    choosing = canonical_order(instances)[::2]
    tried: dict[tuple[str, str], int] = {}
    chosen = BLANKS[0]
    for format in formats_for(instances):
        most = -1
        for blanks in BLANKS if format == "OnlyC" else BLANKS[:1]:
            inputs = [shown(one, format, blanks=blanks).without_relation() for one in instances]
            found, sure = _asked(
                model,
                inputs,
                progress=_stage(progress, format),
                on_loss=on_loss if format == "C+M" else None,
            )
            kept = same(found, given.get("C+M", found))
            if format == "OnlyC":
                tried[blanks] = int(kept.sum())
            if (votes := int(kept[choosing].sum())) > most:
                most, given[format], confidences[format] = votes, found, sure
                chosen = blanks if format == "OnlyC" else chosen
    return Answers(instances, given, confidences, gold, typed(instances), chosen, tried)


def _asked(
    model: Classifier | Discovery,
    inputs: Sequence[RelationInstance],
    *,
    progress: Progress,
    on_loss: OnLoss | None,
) -> tuple[list[str], NDArray[np.float32]]:
    if isinstance(model, Discovery):
        found = model.predict(inputs, progress=progress, on_loss=on_loss)
        names = model.names
        return [names.get(id, NO_RELATION) for id in found.relation_ids.tolist()], found.confidences
    probabilities = model.predict_proba(inputs, progress=progress, on_loss=on_loss)
    best = probabilities.argmax(axis=1)
    return [model.relations_[place] for place in best.tolist()], probabilities.max(axis=1)


def _stage(progress: Progress, format: str) -> Progress:
    """Return the progress of one format, whose stages begin with its name."""

    def told(stage: str, done: int, total: int | None) -> None:
        progress(f"{format} {stage}", done, total)

    return told
