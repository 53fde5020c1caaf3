"""The parts of a preset: what an experiment runs, and the numbers that its paper published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from relscout.core.errors import SettingError, UnknownNameError
from relscout.lab.protocols import VARIED

KINDS = ("method", "frozen")
FIGURES = ("tsne", "sweep", "losses")
#: How it is scored, as presets say it → as records say it.
SCORINGS = {"raw": "raw", "majority-mapped": "majority_mapped", "gold-selected": "gold_selected"}

#: What stands for the encoder that is given when a preset is run.
GIVEN = "given"

NRelations = int | Literal["gold", "auto"]
"""A number of relations; ``gold``: as many as the scored instances have; ``auto``: estimated."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a method with settings of its own."""

    name: str
    """Its name in the table."""
    method: str
    """A name of ``relscout.methods.METHODS``; if relations are given, of ``relscout.lab.learners.LEARNERS``."""
    kind: str = "method"
    """``method``, or ``frozen``: an encoder that learns nothing, which never gets labelled instances."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method, over those of the preset."""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the encoder, over those of the preset; ``model: given`` is the one of ``run --encoder``."""
    n_relations: NRelations | None = None
    """Number of relations, if different from the preset."""


@dataclass(frozen=True)
class Sweep:
    """A setting that takes several values: each is one more variation of some rows."""

    setting: str
    """Name of the setting, or ``labeled.relations`` or ``labeled.share``: how much of what is labelled a row gets."""
    values: tuple[Any, ...]
    """Its values."""
    rows: tuple[str, ...]
    """Names of the rows."""


@dataclass(frozen=True)
class Figure:
    """A figure of the paper that is drawn from the results."""

    kind: str
    """``tsne`` (points in the plane), ``sweep`` (a score over its values) or ``losses`` (over the loops)."""
    rows: tuple[str, ...] = ()
    """Names of the rows whose points are drawn."""
    relations: int = 4
    """Gold relations among the points."""
    instances: int = 50
    """Most points of each relation."""
    score: str = "b3_f1"
    """The score over a sweep."""


@dataclass(frozen=True)
class Published:
    """The numbers of one row of a table in a paper."""

    row: str
    """The row of the preset, or a trivial one (``one cluster`` …), to compare with; or any name for a reference."""
    scoring: str
    """``raw`` clusters, ``majority-mapped``, or ``gold-selected``, of the epoch that gold relations chose; for
    discovery only."""
    source: str
    """Table and page."""
    scores: Mapping[str, float]
    """Name of a score, a protocol or a kind of episodes → the figure in percent, as printed."""
    reference: bool = False
    """Whether the row is not run here and only listed for comparison."""


@dataclass(frozen=True)
class Preset:
    """An experiment. The fields are the keys of the YAML file, whose name is the preset's name."""

    name: str
    """Name of the file without its ending; no key."""
    title: str
    """What the experiment is, in a few words."""
    protocol: str
    """A name of ``relscout.lab.protocols.PROTOCOLS``."""
    rows: tuple[Row, ...]
    """Lines of the table, in its order."""
    n_relations: NRelations | None = None
    """Number of relations; ``gold``: as many as the scored instances have; ``auto``: estimated. Discovery needs it;
    where relations are given, it is left out."""
    protocols: tuple[str, ...] = ()
    """Several protocols in place of ``protocol``, each with a table of its own; not for discovery."""
    paper: str = ""
    """The paper; what stands before the first colon are its authors."""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the encoder of all rows."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of a method → settings of all rows that have it."""
    sweep: Sweep | None = None
    """A setting of which several values are tried."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each row is run once with each."""
    figures: tuple[Figure, ...] = ()
    """What ``relscout lab reproduce figure`` draws."""
    published: tuple[Published, ...] = ()
    """Published scores to compare with."""
    notes: str = ""
    """Notes."""

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
        """Return the method's settings of a row: those of the preset, then the row's own, then the variation."""
        varied = {name: value for name, value in (variation or {}).items() if name not in VARIED}
        return {**self.settings.get(row.method, {}), **row.settings, **varied}

    def encoder_of(self, row: Row) -> dict[str, Any]:
        """Return the encoder's settings of a row: those of the preset, then the row's own."""
        return {**self.encoder, **row.encoder}

    def n_relations_of(self, row: Row) -> NRelations | None:
        """Return the number of relations of a row: its own, or the preset's."""
        return self.n_relations if row.n_relations is None else row.n_relations

    def variations(self, row: Row) -> list[dict[str, Any]]:
        """Return what is varied of a row: nothing, then each value of the sweep where the row is in it."""
        if self.sweep is None or row.name not in self.sweep.rows:
            return [{}]
        return [{}, *({self.sweep.setting: value} for value in self.sweep.values)]

    def each(self) -> list[Preset]:
        """Return the preset under each of its protocols, one at a time."""
        return [replace(self, protocol=name) for name in self.protocols or (self.protocol,)]

    def waiting(self) -> list[str]:
        """Return the names of the rows that wait for an encoder to be given."""
        return [row.name for row in self.rows if self.encoder_of(row).get("model") == GIVEN]

    def with_encoder(self, model: str | None) -> Preset:
        """Return the preset with an encoder for the rows that wait for one; without these rows where there is none.

        Raises:
            SettingError: No row waits for one.
        """
        waiting = self.waiting()
        if model is None:
            return replace(self, rows=tuple(row for row in self.rows if row.name not in waiting))
        if not waiting:
            raise SettingError(
                f"no row of preset {self.name!r} waits for an encoder, so {model!r} would not be used; leave it out, "
                f"or give a row the encoder {{model: {GIVEN}}}"
            )
        given = {
            name: replace(self.row(name), encoder={**self.row(name).encoder, "model": model})
            for name in waiting
        }
        return replace(self, rows=tuple(given.get(row.name, row) for row in self.rows))
