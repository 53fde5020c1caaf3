"""Accuracy where pre-defined relations, which have names, and novel ones, which have none, are told side by side."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

from relscout.errors import InputError
from relscout.metrics.alignment import align
from relscout.metrics.labels import Labels, paired


@dataclass(frozen=True, slots=True)
class OpenWorldScores:
    """Accuracies, each from 0 to 1; ``None`` if there is no such instance."""

    predefined: float | None
    """Share of the instances of pre-defined relations that have the name of their relation."""

    novel: float | None
    """Of the instances of novel relations, those in the cluster that the best one-to-one match gives their relation."""

    all: float
    """Of all instances, those that are right on their side."""

    n_predefined: int
    """Instances of pre-defined relations."""

    n_novel: int
    """Instances of novel relations."""

    def as_dict(self) -> dict[str, float | int | None]:
        """Return all fields by name, ready for JSON."""
        return asdict(self)


def open_world_accuracy(found: Labels, gold: Labels, predefined: Collection[str]) -> OpenWorldScores:
    """Score what was told of instances of which some are of pre-defined relations (RoCORE, section 5.5).

    A pre-defined relation is right by its name only. A novel one has none, so clusters and novel gold relations are
    matched one to one (the Hungarian method) on the instances of novel relations; what stands there under a pre-defined
    name is wrong. -1 is a cluster like any other, as it is to :func:`~relscout.metrics.score`.

    Args:
        found: (N,) what each instance was told to be: the name of a pre-defined relation, or any other label.
        gold: (N,) gold relations of the same instances.
        predefined: Names of the pre-defined relations.

    Raises:
        InputError: The lengths differ, nothing is given, a label is missing, or ``predefined`` is a single name.
    """
    paired(found, gold, roles=("found", "gold"))
    if isinstance(predefined, str):
        raise InputError(
            f"predefined is {predefined!r}, expected a collection of names, such as {{{predefined!r}}}"
        )
    told, truth, names = list(found), list(gold), frozenset(predefined)
    known = [one == two for one, two in zip(told, truth, strict=True) if two in names]
    novel = [(one, two) for one, two in zip(told, truth, strict=True) if two not in names]
    clustered = [(one, two) for one, two in novel if one not in names]
    right_novel = 0
    if clustered:
        matched = align([one for one, _ in clustered], [two for _, two in clustered])
        right_novel = round(matched.accuracy * len(clustered))
    return OpenWorldScores(
        predefined=sum(known) / len(known) if known else None,
        novel=right_novel / len(novel) if novel else None,
        all=(sum(known) + right_novel) / len(truth),
        n_predefined=len(known),
        n_novel=len(novel),
    )
