"""The parts of a preset: the runs of an experiment, and the published scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from relscout.core.errors import SettingError, UnknownNameError
from relscout.lab.protocols import VARIED

KINDS = ("method", "frozen")
FIGURES = ("tsne", "sweep", "losses")
#: Scoring in presets → key in records.
SCORINGS = {"raw": "raw", "majority-mapped": "majority_mapped", "gold-selected": "gold_selected"}

#: Placeholder for the encoder of ``run --encoder``.
GIVEN = "given"

NRelations = int | Literal["gold", "auto"]
"""A number of relations; ``gold``: that of the scored instances; ``auto``: estimated."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a method with settings of its own."""

    name: str
    method: str
    """A key of ``relscout.methods.METHODS``, or of ``relscout.lab.learners.LEARNERS`` for given relations."""
    kind: str = "method"
    """``method``, or ``frozen``: an untrained encoder, which never gets labelled instances."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method; they override those of the preset."""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the encoder; they override those of the preset. ``model: given`` is that of ``run --encoder``."""
    n_relations: NRelations | None = None
    """Number of relations, if different from the preset."""


@dataclass(frozen=True)
class Sweep:
    """A setting with several values: each is a variation of some rows."""

    setting: str
    """Name of the setting, or ``labeled.relations`` or ``labeled.share``: the amount of labelled data of a row."""
    values: tuple[Any, ...]
    rows: tuple[str, ...]
    """Names of the rows."""


@dataclass(frozen=True)
class Figure:
    """A figure of the paper, drawn from the results."""

    kind: str
    """``tsne`` (projected points), ``sweep`` (a score over its values) or ``losses`` (over the loops)."""
    rows: tuple[str, ...] = ()
    """Names of the rows whose points are drawn."""
    relations: int = 4
    """Number of gold relations among the points."""
    instances: int = 50
    """Maximum number of points of each relation."""
    score: str = "b3_f1"
    """The score of a sweep."""


@dataclass(frozen=True)
class Published:
    """The scores of one row of a table in a paper."""

    row: str
    """A row of the preset, or a trivial one (``one cluster`` …), to compare with; any name for a reference."""
    scoring: str
    """``raw`` clusters, ``majority-mapped``, or ``gold-selected`` (the best epoch by gold relations); for discovery
    only."""
    source: str
    """Table and page."""
    scores: Mapping[str, float]
    """Name of a score, a protocol or a kind of episodes → the figure in percent, as printed."""
    reference: bool = False
    """Whether the row is not run here and only listed for comparison."""


@dataclass(frozen=True)
class Preset:
    """An experiment. The fields are the keys of the YAML file, except the name, which is the file's."""

    name: str
    title: str
    """The experiment in a few words."""
    protocol: str
    """A key of ``relscout.lab.protocols.PROTOCOLS``."""
    rows: tuple[Row, ...]
    """Lines of the table, in order."""
    n_relations: NRelations | None = None
    """Number of relations, required for discovery; ``gold``: that of the scored instances; ``auto``: estimated."""
    protocols: tuple[str, ...] = ()
    """Several protocols in place of ``protocol``, each with a table of its own; not for discovery."""
    paper: str = ""
    """The paper; its authors come before the first colon."""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the encoder of all rows."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of a method → settings of all its rows."""
    sweep: Sweep | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    figures: tuple[Figure, ...] = ()
    """Figures for ``relscout lab reproduce figure``."""
    published: tuple[Published, ...] = ()
    """Published scores to compare with."""
    notes: str = ""

    def row(self, name: str) -> Row:
        """Return a row by its name.

        Raises:
            UnknownNameError: There is none of that name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise UnknownNameError(f"row of preset {self.name!r}", name, [row.name for row in self.rows])

    def settings_of(self, row: Row, variation: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings of a row's method: the preset's, overridden by the row's, then by the variation."""
        varied = {name: value for name, value in (variation or {}).items() if name not in VARIED}
        return {**self.settings.get(row.method, {}), **row.settings, **varied}

    def encoder_of(self, row: Row) -> dict[str, Any]:
        """Return the settings of a row's encoder: the preset's, overridden by the row's."""
        return {**self.encoder, **row.encoder}

    def n_relations_of(self, row: Row) -> NRelations | None:
        """Return the number of relations of a row: its own, or the preset's."""
        return self.n_relations if row.n_relations is None else row.n_relations

    def variations(self, row: Row) -> list[dict[str, Any]]:
        """Return the variations of a row: none, then each value of the sweep if it includes the row."""
        if self.sweep is None or row.name not in self.sweep.rows:
            return [{}]
        return [{}, *({self.sweep.setting: value} for value in self.sweep.values)]

    def each(self) -> list[Preset]:
        """Return the preset under each of its protocols, one at a time."""
        return [replace(self, protocol=name) for name in self.protocols or (self.protocol,)]

    def rows_without_encoder(self) -> list[str]:
        """Return the names of the rows that need the encoder of ``run --encoder``."""
        return [row.name for row in self.rows if self.encoder_of(row).get("model") == GIVEN]

    def with_encoder(self, model: str | None) -> Preset:
        """Return the preset with an encoder for the rows that need one; without the encoder, these rows are dropped.

        Raises:
            SettingError: No row needs one.
        """
        waiting = self.rows_without_encoder()
        if model is None:
            return replace(self, rows=tuple(row for row in self.rows if row.name not in waiting))
        if not waiting:
            raise SettingError(
                f"no row of preset {self.name!r} needs an encoder, so {model!r} would not be used; leave it out, or "
                f"give a row the encoder {{model: {GIVEN}}}"
            )
        rows = (
            replace(row, encoder={**row.encoder, "model": model}) if row.name in waiting else row
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))
