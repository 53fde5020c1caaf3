"""The parts of a preset: the runs of an experiment, and the published scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from relscout.core.errors import SettingError, UnknownNameError
from relscout.core.settings import (
    AtLeast0,
    AtLeast1,
    Distinct,
    Listed,
    Nested,
    OneOf,
    Text,
    settings_class,
)
from relscout.encoders import EncoderSettings
from relscout.encoders.settings import is_of_hub
from relscout.lab.protocols import CORRUPTED, VARIED
from relscout.metrics import ClusteringScores, OpenWorldScores

#: Names of the scores.
SCORES = tuple(field.name for field in dataclasses.fields(ClusteringScores) if field.type in ("float", float))
#: Names of the scores of the scoring ``open-world``.
OPEN_WORLD_SCORES = tuple(
    field.name for field in dataclasses.fields(OpenWorldScores) if not field.name.startswith("n_")
)
#: Scoring in presets → key in records.
SCORINGS = {
    "raw": "raw",
    "majority-mapped": "majority_mapped",
    "gold-selected": "gold_selected",
    "open-world": "open_world",
}

#: Placeholder for the encoder of ``run --encoder DIR``; ``given:NAME`` is that of ``run --encoder NAME=DIR``.
GIVEN = "given"


def is_given(model: object) -> bool:
    """Return whether the model of a row is a placeholder for an encoder of ``run --encoder``."""
    return isinstance(model, str) and (model == GIVEN or model.startswith(f"{GIVEN}:"))


def _checked_number(value: Any) -> Any:
    if value in ("gold", "auto") or (type(value) is int and value >= 1):
        return value
    raise SettingError(f"{value!r} is none; expected a whole number from 1, 'gold' or 'auto'")


NRelations = Annotated[
    int | Literal["gold", "auto"],
    PlainValidator(_checked_number, json_schema_input_type=int | Literal["gold", "auto"]),
]
"""A number of relations; ``gold``: that of the scored instances, without labelled ones; ``auto``: estimated."""


@settings_class
class Row:
    """A line of the table: a method with settings of its own."""

    name: Text
    method: Text
    """A key of ``relscout.methods.METHODS``, or of ``relscout.lab.learners.LEARNERS`` for given relations."""
    kind: Literal["method", "frozen", "supervised"] = "method"
    """``method``, which gets the labelled instances if it can learn from them, or ``frozen``: an untrained encoder,
    which never gets any. In discovery also ``supervised``: a supervised method for given relations, which gets the gold
    relations of the clustered instances too. It shows what their labels would give, and competes with no row."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method; they override those of the preset."""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the encoder; they override those of the preset. ``model: given`` is that of ``run --encoder DIR``,
    ``model: given:NAME`` that of ``run --encoder NAME=DIR``."""
    n_relations: NRelations | None = None
    """Number of relations, if different from the preset."""
    types: bool = True
    """Whether the instances have their entity types; without them, each is of no known type."""


@settings_class
class Probes:
    """What else is measured of each run: its representations and clusters, by the gold relations."""

    neighbours: Distinct[AtLeast1] = ()
    """Numbers of nearest neighbours, for the share of them with the same gold relation."""
    shots: Distinct[AtLeast1] = ()
    """Numbers of support instances of a relation, in episodes of five relations on the representations."""
    relations: AtLeast0 = 0
    """Number of gold relations that are listed for the largest and the smallest cluster."""


@settings_class
class Sweep:
    """A setting with several values: each is a variation of some rows."""

    setting: Text
    """Name of the setting, or ``labeled.relations``, ``labeled.share`` or ``labeled.instances``: the amount of labelled
    data of a row, which is of all relations in a supervised row; or ``types.corrupted``: the share of entity types that
    are replaced by others."""
    values: Annotated[Distinct[Any], Field(min_length=1)]
    rows: Annotated[Distinct[Text], Field(min_length=1)]
    """Names of the rows."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Settings of all variations, such as ``labeled.instances: 6000``."""

    def variation(self, value: Any) -> dict[str, Any]:
        """Return the variation of a value."""
        return {**self.fixed, self.setting: value}


@settings_class
class Figure:
    """A figure of the paper, drawn from the results."""

    kind: Literal["tsne", "sweep", "losses", "purity", "clusters", "sizes"]
    """``tsne`` (projected points), ``sweep`` (a score over its values), ``losses`` (over the loops), ``purity`` (of
    nearest neighbours), ``clusters`` (gold relations in the largest and the smallest) or ``sizes`` (of the gold
    relations)."""
    rows: Distinct[Text] = ()
    """Names of the rows that are drawn."""
    relations: AtLeast1 = 4
    """Number of gold relations among the points."""
    instances: AtLeast1 = 50
    """Maximum number of points of each relation."""
    score: Annotated[str, OneOf(tuple(dict.fromkeys((*SCORES, *OPEN_WORLD_SCORES))))] = "b3_f1"
    """The score of a sweep."""


@settings_class
class Published:
    """The scores of one row of a table in a paper."""

    row: Text
    """A row of the preset, or a trivial one (``one cluster`` …), to compare with; any name for a reference."""
    scoring: str
    """``raw`` clusters, ``majority-mapped``, ``gold-selected`` (the best epoch by gold relations), or ``open-world``
    (pre-defined and novel relations separately); for discovery only."""
    source: Text
    """Table and page."""
    scores: Annotated[Mapping[str, Annotated[float, Field(ge=-100, le=100)]], Field(min_length=1)]
    """Name of a score, a protocol or a kind of episodes → the figure in percent, as printed."""
    reference: bool = False
    """Whether the row is not run here and only listed for comparison."""


@settings_class
class Preset:
    """An experiment. The fields are the keys of the YAML file, except the name, which is the file's."""

    name: str
    title: Text
    """The experiment in a few words."""
    protocol: Text
    """A key of ``relscout.lab.protocols.PROTOCOLS``."""
    rows: Annotated[Listed[Nested[Row]], Field(min_length=1)]
    """Lines of the table, in order."""
    n_relations: NRelations | None = None
    """Number of relations, required for discovery; ``gold``: that of the scored instances, without labelled ones;
    ``auto``: estimated."""
    protocols: Distinct[Text] = ()
    """Several protocols in place of ``protocol``, each with a table of its own; not for discovery."""
    paper: str = ""
    """The paper; its authors come before the first colon."""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the encoder of all rows."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of a method → settings of all its rows."""
    sweep: Nested[Sweep] | None = None
    probes: Nested[Probes] | None = None
    """What else is measured of each run; for discovery only."""
    seeds: Annotated[Distinct[AtLeast0], Field(min_length=1)] = (0, 1, 2)
    figures: Listed[Nested[Figure]] = ()
    """Figures for ``relscout lab reproduce figure``."""
    names: Distinct[Text] = ()
    """Names of the rows whose relations are listed next to gold ones by ``relscout lab reproduce table`` (SelfORE's
    table 2); ``--names`` lists those of all."""
    gold_names: Mapping[str, Text] = field(default_factory=dict)
    """Gold relation of the data, such as ``P26`` → its name, to show next to those of discovered relations."""
    published: Listed[Nested[Published]] = ()
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
        varied = {
            name: value for name, value in (variation or {}).items() if name not in (*VARIED, CORRUPTED)
        }
        return {**self.settings.get(row.method, {}), **row.settings, **varied}

    def encoder_of(self, row: Row) -> dict[str, Any]:
        """Return the settings of a row's encoder: the preset's, overridden by the row's."""
        return {**self.encoder, **row.encoder}

    def computing_with(self, **given: Any) -> Preset:
        """Return the preset with some settings of the encoder in all rows, such as ``dtype``.

        Raises:
            SettingError: They do not fit together.
        """
        EncoderSettings(**given)
        rows = tuple(
            replace(row, encoder={name: value for name, value in row.encoder.items() if name not in given})
            for row in self.rows
        )
        return replace(self, encoder={**self.encoder, **given}, rows=rows)

    def n_relations_of(self, row: Row) -> NRelations | None:
        """Return the number of relations of a row: its own, or the preset's."""
        return self.n_relations if row.n_relations is None else row.n_relations

    def variations(self, row: Row) -> list[dict[str, Any]]:
        """Return the variations of a row: none, then each value of the sweep if it includes the row."""
        if self.sweep is None or row.name not in self.sweep.rows:
            return [{}]
        return [{}, *map(self.sweep.variation, self.sweep.values)]

    def each(self) -> list[Preset]:
        """Return the preset under each of its protocols, one at a time."""
        return [replace(self, protocol=name) for name in self.protocols or (self.protocol,)]

    def _model_of(self, row: Row) -> str:
        return str(self.encoder_of(row).get("model", EncoderSettings.model))

    def rows_without_encoder(self) -> list[str]:
        """Return the names of the rows that need an encoder of ``run --encoder``."""
        return [row.name for row in self.rows if is_given(self.encoder_of(row).get("model"))]

    @property
    def given_names(self) -> tuple[str, ...]:
        """Names of the encoders that rows take from ``run --encoder NAME=DIR``, in the order of the rows."""
        models = (self._model_of(row) for row in self.rows)
        return tuple(
            dict.fromkeys(model.partition(":")[2] for model in models if is_given(model) and ":" in model)
        )

    def with_encoders(self, given: Mapping[str, str]) -> Preset:
        """Return the preset with encoders for the rows that need one; rows whose encoder is not given are dropped.

        If no row has the model ``given``, an encoder without a name takes the place of models that are not bundled,
        such as a copy of a model of the Hugging Face hub.

        Args:
            given: Name of an encoder, empty for the one without a name → name or folder of the model.

        Raises:
            UnknownNameError: No row takes an encoder of that name.
            SettingError: There is an encoder without a name, and no row would use it.
        """
        for name in given:
            if name and name not in self.given_names:
                raise UnknownNameError(f"encoder of preset {self.name!r}", name, self.given_names)
        models = {f"{GIVEN}:{name}" if name else GIVEN: model for name, model in given.items()}
        copies = "" in given and all(self._model_of(row) != GIVEN for row in self.rows)
        if copies and not any(self._is_copied(row) for row in self.rows):
            needed, instead = "an encoder", f"leave it out, or give a row the encoder {{model: {GIVEN}}}"
            if self.given_names:
                named = " or ".join(f"--encoder {name}=DIR" for name in self.given_names)
                needed, instead = "an encoder without a name", f"give it as {named}"
            raise SettingError(
                f"no row of preset {self.name!r} needs {needed}, so {given['']!r} would not be used; {instead}"
            )
        rows = []
        for row in self.rows:
            model = self._model_of(row)
            if copies and self._is_copied(row):
                model = given[""]
            elif is_given(model):
                if model not in models:
                    continue
                model = models[model]
            else:
                rows.append(row)
                continue
            rows.append(replace(row, encoder={**row.encoder, "model": model}))
        return replace(self, rows=tuple(rows))

    def _is_copied(self, row: Row) -> bool:
        """Return whether the model of a row comes from the Hugging Face hub, so that a copy can replace it."""
        return not is_given(model := self._model_of(row)) and is_of_hub(model)
