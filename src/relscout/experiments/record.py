"""The record of a finished run: what a line of the results file holds."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class RelationRow(TypedDict):
    """A relation that was found."""

    name: str
    size: int
    gold: str | None
    share: float


class Record(TypedDict):
    """One finished run: a line of the results file."""

    key: str
    """Hash of everything that decides the outcome: a run with the same key need not be done again."""
    setup: NotRequired[str]
    """Hash of the same without the seed: runs of one setup may be averaged."""
    preset: str
    row: str
    kind: str
    """``method``, ``frozen`` or ``trivial``."""
    method: NotRequired[str | None]
    """Name of the method; ``None`` for trivial rows."""
    settings: NotRequired[dict[str, Any]]
    """Settings of the method, all of them."""
    variation: dict[str, Any]
    """What the sweep set: empty, or one setting."""
    seed: int | None
    """``None`` for trivial rows, which nothing random decides."""
    protocol: str
    scores: dict[str, dict[str, Any]]
    """``raw``, ``majority_mapped``, and ``gold_selected`` for a method that keeps the predictions of each epoch, each
    with the fields of ``ClusteringScores``."""
    n_relations: int
    sizes: list[int]
    names: list[RelationRow]
    """The relations with their majority gold relation among the scored instances, and its share there."""
    warnings: list[str]
    report: dict[str, Any]
    instances: int
    scored: int
    labeled: int
    encoder: dict[str, Any] | None
    seconds: dict[str, float]
    peak_mib: float | None
    points: str | None
    """Name of the .npz file next to the results with the points of a figure."""
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    date: str
